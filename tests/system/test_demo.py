"""The demonstration shows what it says, and can fail: its evidence is judged anew with one thing wrong.

One good run on loop devices, one on directories by a user who is not root; all else judges evidence.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.rig import demo_checks as checks
from tests.rig import labels as labelling
from tests.rig import loop_camera as rig
from tests.rig.demo_cards import make_cameras
from tests.rig.demo_evidence import Evidence, load
from tests.rig.program import ROOT
from tests.rig.receipt_check import opened

pytestmark = pytest.mark.timeout(180)
needs_devices = [
    pytest.mark.devices,
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
SIGNED = ("manifest", "event", "receipt", "refusal", "head", "registry")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
# They may read a checkout and a Python that are root's; they are no less nobody for it.
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
Spoil = Callable[[Evidence], None]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    make_cameras(folder, 16)
    return folder


def demo(
    *options: str, before: tuple[str, ...] = (), temporary: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "tests.rig.demo", *options]
    env = os.environ | ({"TMPDIR": str(temporary)} if temporary else {})
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=170, check=False
    )


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """A folder for what the demonstration makes; its path is short, sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="bd-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shown(cards: Path, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a good demonstration printed, and where its evidence is."""
    capture = tmp_path_factory.mktemp("wire")
    options = ("--cards", str(cards), "--rate", "4", "--require-devices", "--capture", str(capture))
    ran = demo(*options, temporary=temporary)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout, capture


@pytest.fixture(scope="module")
def good(shown: tuple[str, Path]) -> Evidence:
    return load(shown[1])


def labels(evidence: Evidence) -> dict[str, dict[str, Any]]:
    return labelling.load(checks.LABELS, speech=evidence.speech)


class TestOnDevices:
    pytestmark = needs_devices

    def test_a_good_demonstration_says_what_it_showed(self, shown: tuple[str, Path]) -> None:
        text, _ = shown
        assert "every label holds, every receipt verifies, every docking adds up, both lists agree" in text
        for said in (
            "bytes sent twice because of the kill: ",
            "was killed (SIGKILL)",
            "the broker is stopped with",
            "camera 1 came again: ",
            "剩余",
        ):
            assert said in text
        assert "NO LOOP DEVICES" not in text

    def test_nothing_is_left_mounted_or_plugged(self, shown: tuple[str, Path], temporary: Path) -> None:
        assert shown
        assert str(temporary) not in Path("/proc/self/mounts").read_text()
        assert not list(temporary.iterdir())

    def test_the_evidence_is_good(self, good: Evidence) -> None:
        assert checks.judge(good, labels(good)) == []

    def test_four_cameras_were_there_at_once(self, good: Evidence) -> None:
        assert [card["slot"] for card in good.cards] == [1, 2, 3, 4, 1]
        first = sorted(good.dockings, key=lambda docking: str(docking["attached_at"]))[:4]
        assert {docking["slot"] for docking in first} == {1, 2, 3, 4}

    def test_a_wrong_label_fails_it(self, shown: tuple[str, Path], tmp_path: Path) -> None:
        _, capture = shown
        said: dict[str, Any] = json.loads(checks.LABELS.read_text(encoding="utf-8"))
        name = next(name for name in said["recordings"] if name.endswith("J0H42A_20261124093000_0001.mp4"))
        said["recordings"][name]["cases"] = ["XLT-2026-0043"]
        wrong = tmp_path / "labels.json"
        wrong.write_text(json.dumps(said), encoding="utf-8")
        command = [sys.executable, "-m", "tests.rig.demo_checks", str(capture), str(wrong)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 1, ran.stdout + ran.stderr
        assert "the label says ['XLT-2026-0043']" in ran.stdout

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda e: e.dockings[0]["stored"].update(bytes=1), "accounted for"),
            (lambda e: e.dockings[0].update(state="open"), "is open"),
            (lambda e: e.dockings.pop(), "one a plug-in was expected"),
            (lambda e: e.cards[2]["files"].popitem(), "on the card"),
            (lambda e: e.platform.pop(), "is at the dock only"),
            (lambda e: e.dock.pop(), "is at the platform only"),
            (lambda e: e.dock[0].update(sha256="0" * 64), "sha256 is"),
            (lambda e: e.dock[0].update(delivered_revision=0), "receipted revision is"),
            (lambda e: e.verified.clear(), "the platform's file does not hold"),
            (lambda e: e.publics.__setitem__(0, "3b" * 32), "verifies under the platform's key"),
            (lambda e: _forge_receipts(e), "verifies under the platform's key"),
            (lambda e: e.twice_bytes.update({"the kill": 9 * 1024 * 1024}), "more than one window"),
            (lambda e: setattr(e, "sent_bytes", 1), "different bytes were on the wire"),
            (lambda e: setattr(e.again, "free_s", 11.0), "could be taken only after"),
            (lambda e: e.again.sent.update(other=1), "went over the wire"),
            (lambda e: e.two_runs["runs"][1]["findings"].clear(), "camera 2: its runs violate"),
            (lambda e: e.two_runs["runs"].reverse(), "camera 2: its runs violate"),
            (lambda e: e.platform[0]["findings"].append(_violation()), "what violates is"),
        ],
    )
    def test_what_is_wrong_is_seen(self, good: Evidence, spoil: Spoil, said: str) -> None:
        spoiled = copy.deepcopy(good)
        spoil(spoiled)
        wrong = checks.judge(spoiled, labels(spoiled))
        assert any(said in line for line in wrong), wrong

    def test_a_platform_key_that_is_not_the_enrolled_one_fails_it(self, cards: Path) -> None:
        ran = demo("--cards", str(cards), "--wrong-platform-key")
        assert ran.returncode == 1, ran.stdout + ran.stderr
        assert "refuses the platform's receipts" in ran.stderr

    def test_what_was_on_the_wire_is_what_the_schemas_say(self, good: Evidence) -> None:
        seen = dict.fromkeys(SIGNED, 0)
        for topic, payload in good.messages:
            if not _is_signed(topic):
                continue
            kind_type, body = opened(payload)
            kind = kind_type.removeprefix("application/vnd.bodydock.").split(".")[0]
            jsonschema.validate(json.loads(body), _schema(kind), cls=jsonschema.Draft202012Validator)
            seen[kind] += 1
        for kind in ("manifest", "event", "receipt", "head", "registry"):
            assert seen[kind] > 0, seen


def test_a_user_who_is_not_root_gets_directories_and_is_told_loudly(cards: Path) -> None:
    nobody = tuple(NOBODY) if os.geteuid() == 0 else ()
    ran = demo("--cards", str(cards), "--rate", "4", "--without-speech", before=nobody)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for said in ("!!! NO LOOP DEVICES", "用目录代替记录仪", "root (run it with sudo)", "!!! NO SPEECH MODEL"):
        assert said in ran.stdout
    assert "every label holds, every receipt verifies" in ran.stdout


def test_keep_leaves_all_up_until_it_is_ended(cards: Path) -> None:
    options = ("--keep", "--directories", "--without-speech", "--cards", str(cards), "--rate", "16")
    words = [sys.executable, "-m", "tests.rig.demo", *options]
    said: list[str] = []
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as shown:
        try:
            assert shown.stdout is not None
            for line in shown.stdout:
                said.append(line.strip())
                if "to end it all" in line:
                    break
            ways = [shlex.split(line, comments=True) for line in said if " status --settings " in line]
            assert len(ways) == 1, "\n".join(said)
            status = subprocess.run(
                [*ways[0], "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            assert status.returncode == 0, status.stdout + status.stderr
            assert json.loads(status.stdout)["running"] is True
            shown.send_signal(signal.SIGINT)
            assert shown.wait(60) == 0
            with pytest.raises(ProcessLookupError):  # broker, center, dock and inspectors are of its group
                os.killpg(shown.pid, 0)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shown.pid, signal.SIGKILL)
    assert not Path(ways[0][-1]).parent.exists()


def test_require_devices_makes_the_fallback_an_error() -> None:
    ran = demo("--directories", "--require-devices")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "!!! NO LOOP DEVICES" in ran.stdout


def test_require_speech_makes_a_missing_model_an_error() -> None:
    ran = demo("--without-speech", "--require-speech")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "!!! NO SPEECH MODEL" in ran.stdout


def test_a_schema_refuses_what_is_not_its_message() -> None:
    for kind in ("manifest", "event", "receipt"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"dock": "dock-01"}, _schema(kind), cls=jsonschema.Draft202012Validator)


def _forge_receipts(evidence: Evidence) -> None:
    """Change one receipt's content and keep its signature."""
    recording = evidence.platform[0]["recording"]
    for number, (topic, payload) in enumerate(evidence.messages):
        if f"/receipts/{recording}" in topic:
            outer = json.loads(payload)
            body = json.loads(base64.b64decode(outer["payload"])) | {"received_at": "2026-01-01T00:00:00Z"}
            outer["payload"] = base64.b64encode(json.dumps(body).encode()).decode()
            evidence.messages[number] = (topic, json.dumps(outer).encode())


def _violation() -> dict[str, Any]:
    return {"code": "picture.covered", "severity": "violation", "article": "15(4)"}


def _is_signed(topic: str) -> bool:
    parts = topic.split("/")
    return "registry" in parts or parts[5] in ("events", "manifests", "receipts", "head")


def _schema(kind: str) -> dict[str, Any]:
    text = (ROOT / f"docs/schemas/{kind}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema

"""The demonstration can fail: a wrong label, a platform key that is not the enrolled one; and what it puts
on the wire is what the schemas say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.rig import loop_camera as rig
from tests.rig.demo import LABELS, LARGE, make_large
from tests.rig.receipt_check import opened
from tests.rig.small_office import ROOT

pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
SIGNED = ("manifest", "event", "receipt", "refusal", "head", "registry")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / LARGE
    make_large(path, seconds=16, mib=16)
    return path


def demo(recording: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.rig.demo", "--recording", str(recording), "--rate", "6", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)


@pytest.fixture(scope="module")
def shown(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a good demonstration printed, and where its messages are."""
    capture = tmp_path_factory.mktemp("wire")
    ran = demo(recording, "--capture", str(capture))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout, capture


def test_a_good_demonstration_says_what_it_showed(shown: tuple[str, Path]) -> None:
    text, _ = shown
    assert "every label holds, every receipt verifies" in text
    assert "bytes sent twice because of the kill: " in text
    assert "was killed (SIGKILL)" in text


def test_nothing_is_left_mounted_or_plugged(shown: tuple[str, Path]) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    assert "bodydock-demo-" not in mounts
    assert not list(Path("/tmp").glob("bodydock-demo-*/control.sock"))


def test_a_wrong_label_fails_it(recording: Path, tmp_path: Path) -> None:
    labels: dict[str, Any] = json.loads(LABELS.read_text(encoding="utf-8"))
    labels["recordings"][LARGE]["cases"] = ["XLT-2026-0043"]
    wrong = tmp_path / "labels.json"
    wrong.write_text(json.dumps(labels), encoding="utf-8")
    ran = demo(recording, "--labels", str(wrong))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "the label says ['XLT-2026-0043']" in ran.stdout


def test_without_the_model_it_expects_unchecked_and_says_so_loudly(recording: Path) -> None:
    ran = demo(recording, "--without-speech")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "!!! NO SPEECH MODEL" in ran.stdout
    assert "unchecked" in ran.stdout


def test_require_speech_makes_a_missing_model_an_error(recording: Path) -> None:
    ran = demo(recording, "--without-speech", "--require-speech")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "!!! NO SPEECH MODEL" in ran.stdout


def test_without_root_it_says_what_is_missing_and_stops(recording: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    ran = subprocess.run(
        [*nobody, "-m", "tests.rig.demo"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if "Permission denied" in ran.stderr and "root" not in ran.stderr:
        pytest.skip("nobody may not read this checkout")
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "root" in ran.stderr


def test_a_platform_key_that_is_not_the_enrolled_one_fails_it(recording: Path) -> None:
    ran = demo(recording, "--wrong-platform-key")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "refuses the platform's receipts" in ran.stderr


def test_what_was_on_the_wire_is_what_the_schemas_say(shown: tuple[str, Path]) -> None:
    _, capture = shown
    seen = dict.fromkeys(SIGNED, 0)
    for path in sorted(capture.glob("*.payload")):
        topic = path.with_suffix(".topic").read_text()
        payload = path.read_bytes()
        if not _is_signed(topic):
            continue
        kind_type, body = opened(payload)
        kind = kind_type.removeprefix("application/vnd.bodydock.").split(".")[0]
        jsonschema.validate(json.loads(body), _schema(kind), cls=jsonschema.Draft202012Validator)
        seen[kind] += 1
    for kind in ("manifest", "event", "receipt", "head", "registry"):
        assert seen[kind] > 0, seen


def test_a_schema_refuses_what_is_not_its_message() -> None:
    for kind in ("manifest", "event", "receipt"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"dock": "dock-01"}, _schema(kind), cls=jsonschema.Draft202012Validator)


def _is_signed(topic: str) -> bool:
    parts = topic.split("/")
    return "registry" in parts or parts[5] in ("events", "manifests", "receipts", "head")


def _schema(kind: str) -> dict[str, Any]:
    text = (ROOT / f"docs/schemas/{kind}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema

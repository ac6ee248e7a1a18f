"""The command: JSON shapes, exit status, a stopped daemon's store.  The command itself, in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import main
from daemon.parts import open_parts
from daemon.service import Service
from daemon.settings import load_settings
from tests.daemon.conftest import Dock
from tests.daemon.making import Platform, desk_of, line_of, take_in
from uplink import envelope
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages import Identity

ODD = "a[/b]:smile:\x1b[31m记录.mp4"
KARMA = Path(__file__).resolve().parents[1] / "data/footage/karma.mp4"


@dataclass
class Ran:
    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("BODYDOCK_SETTINGS", str(settings_file(tmp_path)))

    def command(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["bodydock", *words])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return command


def settings_file(folder: Path) -> Path:
    """Settings whose state is `folder`, where the `dock` fixture keeps its store."""
    file = folder / "bodydock.toml"
    file.write_text(
        f'[dock]\nid = "dock-1"\nsite = "xlt"\nstate = "{folder}"\nmounts = "{folder}/mounts"\n'
        f'[[slots]]\nnumber = 1\nlabel = "left"\nports = ["no-such-port"]\n'
        f'[inspection]\nspeech = false\n[control]\nsocket = "{folder}/control.sock"\n'
    )
    return file


@pytest.fixture
def recording(dock: Dock) -> str:
    (made,) = take_in(dock, ODD)
    line_of(dock).first.step()
    platform = Platform(dock)
    desk_of(dock, platform).take_receipt(made, platform.receipt(made, 1))
    return made


def test_with_the_daemon_down_the_store_is_read_and_that_is_said(run: Run, recording: str) -> None:
    ran = run("status", "--json")
    assert (ran.status, ran.data["running"], ran.data["slots"]) == (0, False, [])
    assert "not running" in ran.err
    assert ran.data["recordings"] == {"delivered": {"count": 1, "bytes": 100}}
    assert ran.data["waiting_manifests"] == ran.data["waiting_bytes"] == 0
    assert "not running" in run("status").err


def test_with_the_daemon_down_the_slots_are_those_of_the_settings(run: Run) -> None:
    ran = run("slots", "--json")
    assert (ran.status, "not running" in ran.err) == (0, True)
    assert [(slot["slot"], slot["label"], slot["phase"]) for slot in ran.data] == [(1, "left", None)]
    assert "采集站未运行" in run("slots").out
    assert run("slots", "--watch").status == 2  # there is nothing to watch


def test_recordings_and_show_as_json(run: Run, recording: str) -> None:
    (listed,) = run("recordings", "--json").data
    assert (listed["recording"], listed["state"], listed["verdict"]) == (recording, "delivered", "unchecked")
    assert (listed["name"], listed["size"], listed["cases"]) == (ODD, 100, [])
    shown = run("show", recording[:8], "--json")
    assert shown.status == 0
    more = {"tag", "report", "revisions", "receipts", "custody", "camera_clock", "left_out"}
    assert set(listed) | more == set(shown.data)
    assert shown.data["report"]["schema"] == "bodydock.report/1"
    assert [event["kind"] for event in shown.data["custody"]] == ["stored", "inspected"]


def test_what_a_card_calls_things_is_printed_as_it_is_and_harmless(run: Run, recording: str) -> None:
    for words in (("recordings",), ("show", recording)):
        ran = run(*words)
        assert ran.status == 0
        assert "a[/b]:smile:\\x1b[31m记录.mp4" in ran.out
        assert "\x1b" not in ran.out


@pytest.mark.parametrize("wanted", ["zzzz", "", "'; DROP TABLE recordings"])
def test_an_unknown_recording_is_said_with_what_to_do(run: Run, recording: str, wanted: str) -> None:
    ran = run("show", wanted, "--json")
    assert (ran.status, ran.out) == (2, "")
    assert "no recording begins with" in ran.err
    assert "bodydock recordings" in ran.err


def test_a_beginning_that_fits_two_is_not_guessed(run: Run, dock: Dock) -> None:
    names = [f"{number}.mp4" for number in range(40)]
    made = take_in(dock, *names)
    first = next(r[0] for r in made if sum(other[0] == r[0] for other in made) > 1)
    ran = run("show", first)
    assert (ran.status, "several recordings begin" in ran.err) == (2, True)


def test_a_dock_that_never_started_is_said(run: Run) -> None:
    for verb in ("status", "recordings"):
        ran = run(verb)
        assert ran.status == 2
        assert "never started" in ran.err


def test_a_store_that_is_none_is_said_without_a_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database at all" * 100)
    ran = run("status")
    assert ran.status == 2
    assert "store cannot be used" in ran.err


def test_bad_settings_are_said_by_every_verb(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bodydock.toml").write_text('[dock]\nid = "dock-1"\n')
    for verb in (("status",), ("recordings",), ("show", "x"), ("identity",), ("run",)):
        ran = run(*verb)
        assert ran.status == 2
        assert "dock.site" in ran.err
    ran = run("status", "--settings", str(tmp_path / "none.toml"))
    assert (ran.status, "none.toml" in ran.err) == (2, True)


def test_a_bad_profile_or_rule_set_stops_the_start_with_its_name(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bodydock.toml"
    good = file.read_text()
    (tmp_path / "own.toml").write_text('name = "Own"\n')
    for text, word in (
        (f'profiles = ["{tmp_path}/own.toml"]\n{good}', "own.toml"),
        (good.replace("speech = false", f'rules = "{tmp_path}/none.toml"'), "none.toml"),
    ):
        file.write_text(text)
        ran = run("run")
        assert ran.status == 2
        assert word in ran.err
        assert "Traceback" not in ran.err


def test_a_running_daemon_answers_itself(run: Run, recording: str, dock: Dock, tmp_path: Path) -> None:
    dock.store.close()
    settings = load_settings(tmp_path / "bodydock.toml")
    service = Service(open_parts(settings))
    with service.running():
        ran = run("status", "--json")
        assert (ran.status, ran.err, ran.data["running"]) == (0, "", True)
        (slot,) = ran.data["slots"]
        assert (slot["slot"], slot["label"], slot["phase"], slot["camera"]) == (1, "left", "empty", None)
        assert set(slot) >= {"file", "files_done", "files_total", "bytes_done", "bytes_total", "safe_to_take"}
        assert run("slots", "--json").data == ran.data["slots"]
        assert run("slots").status == 0
        assert "no platform" in ran.data["uplink"]["why"]
        assert run("recordings", "--json").data[0]["recording"] == recording
        assert run("show", recording, "--json").data["recording"] == recording
        ran = run("show", "zzzz")
        assert (ran.status, "no recording begins" in ran.err) == (2, True)
        assert "left" not in run("status").out or run("status").status == 0
        second = run("run")
        assert (second.status, "in use by another" in second.err) == (2, True)
    assert not settings.control.socket.exists()


def test_identity_is_signed_by_the_key_it_names_and_stays(run: Run, tmp_path: Path) -> None:
    first, second = run("identity"), run("identity")
    payload = envelope.peek(first.out.strip().encode(), "identity")
    said = Identity.parse(payload)
    record = KeyRecord(bytes.fromhex(said.public), Role.DOCK, said.dock)
    envelope.unseal(first.out.strip().encode(), "identity", KeyRing([record]), Role.DOCK)
    assert (said.dock, said.site) == ("dock-1", "xlt")
    assert record.key_id in first.err.replace(" ", "")
    assert Identity.parse(envelope.peek(second.out.strip().encode(), "identity")).public == said.public
    (tmp_path / "keys" / "dock.pem").chmod(0o644)
    ran = run("identity")
    assert (ran.status, ran.out) == (2, "")
    assert "chmod 600" in ran.err


# inspect


def test_what_is_no_media_is_a_verdict_and_status_1(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "20261104_090000.mp4"
    file.write_bytes(b"no media" * 100)
    ran = run("inspect", str(file), "--json", "--depth", "fast")
    assert ran.status == 1
    assert ran.data["schema"] == "bodydock.report/1"
    (found,) = ran.data["recordings"]
    assert (found["id"], found["sha256"], found["size_bytes"]) == (None, None, 800)
    assert ran.data["depth"] == "fast"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.mp4"], "no such path: none.mp4"),
        (["{file}", "--rules", "none.toml"], "none.toml"),
        (
            ["{file}", "--profile", "nobody"],
            "no profile is called 'nobody'; there are: blackvue, dcam, dji, e12, gat947",
        ),
        (["{file}", "--profile", "none.toml"], "none.toml: (file)"),
        (["{file}", "--time-zone", "Beijing"], "Asia/Shanghai"),
        (["{file}", "/etc/hostname", "--sha256", "ab" * 32], "--sha256 is for one file"),
        (["{empty}"], "no recordings in"),
        (["{file}", "--depth", "deepest"], "deepest"),
        ([], "PATHS"),
    ],
)
def test_what_cannot_run_is_status_2(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    file, empty = tmp_path / "a.mp4", tmp_path / "empty"
    file.write_bytes(b"x")
    empty.mkdir()
    ran = run("inspect", *(word.format(file=file, empty=empty) for word in words))
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_times_in_names_are_read_in_the_zone_given(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from daemon.cli.inspect import _request, _zone

    file = tmp_path / "20261104_090000.mp4"
    file.write_bytes(b"x")
    for zone, hour in (("Asia/Shanghai", 1), ("Asia/Urumqi", 3)):
        request = _request((file,), "fast", None, None, "unknown", None, _zone(zone))
        assert request.items[0].named_at == datetime(2026, 11, 4, hour, tzinfo=UTC)


def test_inspect_takes_a_profile_from_a_file_and_what_it_says_of_the_clock(run: Run, tmp_path: Path) -> None:
    from daemon.cli.inspect import _request, _zone

    own = Path(__file__).resolve().parents[1] / "corpus/clock_profile.toml"
    file = tmp_path / "8888888_J0H42A_20260104083000_0001.mp4"
    shutil.copy(KARMA, file)
    request = _request((file,), "fast", None, str(own), "unknown", None, _zone("Asia/Shanghai"))
    assert request.join.profile == "gat947-clock" and request.items[0].named_sequence == 1
    assert request.join.clock_text is not None and request.join.clock_text.left == 0.2625
    ran = run("inspect", str(file), "--profile", str(tmp_path / "none.toml"))
    assert ran.status != 0 and "none.toml" in ran.err


def test_inspect_takes_paths_as_they_are_typed_from_where_one_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the README: a relative path.  The inspector works in a folder of its own."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(KARMA.read_bytes())
    monkeypatch.chdir(tmp_path)
    for typed in ("films/a.mp4", "films", "films/../films/a.mp4"):
        ran = run("inspect", "--depth", "fast", "--json", typed)
        assert ran.status == 1
        (recording,) = ran.data["recordings"]
        assert (recording["path"], recording["kind"]) == ("a.mp4", "video")
        assert [finding["code"] for finding in recording["findings"]] == ["file.unverified"]


def test_inspect_refuses_what_makes_no_sense_with_what_to_do(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(KARMA.read_bytes())
    os.mkfifo(tmp_path / "pipe")
    for words, said in (
        (("--sha256", "abc", str(file)), "64 hex digits"),
        ((str(tmp_path / "pipe"),), "neither a file nor a folder"),
        (("/dev/null",), "neither a file nor a folder"),
    ):
        ran = run("inspect", "--depth", "fast", *words)
        assert (ran.status, said in ran.err) == (2, True), ran.err


def test_inspect_takes_a_file_that_is_named_twice_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(KARMA.read_bytes())
    ran = run("inspect", "--depth", "fast", "--json", str(file), str(file), str(tmp_path))
    assert len(ran.data["recordings"]) == 1


def test_output_that_cannot_be_written_is_a_word_and_no_traceback(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "daemon", "inspect", "--depth", "fast", "--json", str(KARMA)]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ran = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("Error: the output cannot be written")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("content", "code"), [(KARMA, "file.unverified"), (None, "file.unreadable")])
def test_a_file_that_is_named_itself_is_looked_at_whatever_it_is_called_s03(
    run: Run, tmp_path: Path, content: Path | None, code: str
) -> None:
    file = tmp_path / "x.thm"
    file.write_bytes(content.read_bytes() if content else b"no media at all" * 100)
    ran = run("inspect", "--depth", "fast", "--json", str(file))
    (found,) = ran.data["recordings"]
    assert (ran.status, [finding["code"] for finding in found["findings"]]) == (1, [code])


@pytest.mark.parametrize("columns", [80, 400])
def test_nothing_is_cut_off_in_a_narrow_terminal(
    run: Run, dock: Dock, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    name = "DCIM/100MEDIA/8888888_J0H42A_20261124093000_0001.mp4"
    (made,) = take_in(dock, name)
    monkeypatch.setenv("COLUMNS", str(columns))
    out = run("recordings").out
    assert made in out
    assert name in out
    out = run("dockings").out
    (docking,) = run("dockings", "--json").data
    assert docking["attached_at"][:19] in out
    for text in ("listed", "1 (100 B)", "complete"):
        assert text in out
    assert "…" not in out
    assert "…" not in run("slots").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("status",),
            "Error: no store at {folder}/store.db: this dock was never started (`bodydock run` makes it)",
        ),
        (
            ("verify",),
            "Error: no store at {folder}/store.db: this dock was never started (`bodydock run` makes it)",
        ),
        (("center", "docks", "settle", "x", "--folder", "{folder}/c"), "Error: no center in {folder}/c"),
        (("models", "install", "--into", "/proc/x"), "Error: /proc/"),
    ],
)
def test_an_error_says_what_where_and_what_to_do(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ran = run(*(word.format(folder=tmp_path) for word in words))
    last = ran.err.splitlines()[-1]
    assert ran.status == 2
    assert last.startswith(said.format(folder=tmp_path)), last
    assert "speech" not in last


def test_a_pipe_that_nobody_reads_is_silent() -> None:
    words = [sys.executable, "-m", "daemon", "inspect", "--depth", "fast", "--json", str(KARMA)]
    read_end, write_end = os.pipe()
    os.close(read_end)
    ran = subprocess.run(words, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(write_end)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_a_file_that_may_not_be_written_is_a_word_with_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder of the keys should be")
    ran = run("identity")
    assert ran.status == 2
    assert str(tmp_path / "keys") in ran.err
    assert "Traceback" not in ran.err


def test_show_draws_from_the_vaults_copy(run: Run, recording: str, dock: Dock, tmp_path: Path) -> None:
    lies = dock.vault.path(dock.store.value("SELECT vault FROM recordings WHERE recording = ?", (recording,)))
    lies.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(KARMA, lies)
    drawn = tmp_path / "drawn"
    shown = run("show", recording, "--json", "--pictures", str(drawn))
    assert shown.status == 0, shown.err
    assert shown.data["recording"] == recording
    assert {"timeline.png", "timeline.svg"} <= {file.name for file in drawn.iterdir()}
    assert str(drawn / "timeline.png") in shown.err


def test_show_of_what_was_not_inspected_draws_nothing(run: Run, dock: Dock, tmp_path: Path) -> None:
    (made,) = take_in(dock, ODD)
    shown = run("show", made, "--pictures", str(tmp_path / "drawn"))
    assert (shown.status, (tmp_path / "drawn").exists()) == (2, False)
    assert "not inspected yet" in shown.err

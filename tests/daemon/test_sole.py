"""Two daemons on one machine, a key that is gone, and who may read what a dock keeps (S4, S5, S7)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.control import ask
from daemon.errors import AlreadyRunning
from daemon.sole import sole
from tests.rig.until import until

SETTINGS = """
[dock]
id = "{name}"
site = "site-1"
state = "{state}"
mounts = "{mounts}"

[control]
socket = "{socket}"

[[slots]]
number = 1
ports = ["{name}"]
"""


def settings(folder: Path, name: str, *, socket: Path, mounts: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.toml"
    file.write_text(SETTINGS.format(name=name, state=folder / name, mounts=mounts, socket=socket))
    return file


def start(file: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "daemon", "run", "--settings", str(file)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


def answers(socket: Path) -> bool:
    try:
        return bool(ask(socket, "status"))
    except Exception:  # noqa: BLE001 - not yet
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="a dock listens to udev and mounts: needs root")
@pytest.mark.parametrize(("shared", "named"), [("socket", "[control] socket"), ("mounts", "[dock] mounts")])
def test_a_second_daemon_ends_with_a_word_and_leaves_the_first_alone(
    tmp_path: Path, shared: str, named: str
) -> None:
    socket, mounts = tmp_path / "run" / "control.sock", tmp_path / "cards"
    first = start(settings(tmp_path, "one", socket=socket, mounts=mounts))
    try:
        until(lambda: answers(socket), "the first dock answers")
        others = {"socket": tmp_path / "run2" / "control.sock", "mounts": tmp_path / "cards2"}
        others[shared] = {"socket": socket, "mounts": mounts}[shared]
        second = start(settings(tmp_path, "two", socket=others["socket"], mounts=others["mounts"]))
        _, said = second.communicate(timeout=30)
        assert second.returncode == 2
        assert named in said.decode()
        assert answers(socket)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    again = start(settings(tmp_path, "one", socket=socket, mounts=mounts))  # what a kill left is taken over
    try:
        until(lambda: answers(socket), "the dock answers again")
    finally:
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=40) == 0


def test_locks_are_let_go_of_when_one_of_them_is_taken(tmp_path: Path) -> None:
    a, b = tmp_path / "a.lock", tmp_path / "b.lock"
    with sole({b: "[b]"}):
        with pytest.raises(AlreadyRunning, match=r"\[b\]"), sole({a: "[a]", b: "[b]"}):
            raise AssertionError
        with sole({a: "[a]"}):
            pass


def command(file: Path, verb: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "daemon", verb, "--settings", str(file)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="a dock listens to udev and mounts: needs root")
def test_a_key_that_is_gone_is_asked_for_and_not_made_anew(tmp_path: Path) -> None:
    socket = tmp_path / "c.sock"
    file = settings(tmp_path, "one", socket=socket, mounts=tmp_path / "cards")
    old = os.umask(0)
    try:
        dock = start(file)
    finally:
        os.umask(old)
    until(lambda: answers(socket), "the dock answers")
    dock.send_signal(signal.SIGTERM)
    assert dock.wait(timeout=40) == 0
    state = tmp_path / "one"
    open_to_all = [p for p in (state, *state.rglob("*")) if stat.S_IMODE(p.lstat().st_mode) & 0o007]
    assert open_to_all == []
    key = state / "keys" / "dock.pem"
    kept = key.read_bytes()
    key.unlink()
    for verb in ("identity", "run"):
        tried = command(file, verb)
        assert tried.returncode == 2
        assert "dock.pem is gone" in tried.stderr
        assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    assert command(file, "identity").returncode == 0
    key.unlink()
    file.write_text(file.read_text().replace('id = "one"', 'id = "three"'))
    assert command(file, "identity").returncode == 0  # a new id is a new dock

"""The inspector behind a socket: what systemd does with Accept=yes, done here by a small listener."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.until import until
from tests.transcoder.media_maker import Movie, make
from transcoder.client import Inspector
from transcoder.engine import inspect
from transcoder.errors import InspectorFailed
from transcoder.report import Report
from transcoder.request import InspectItem, InspectRequest

ROOT = Path(__file__).resolve().parents[2]
# Hangs in C with the GIL held, as a library may: no Python of ours runs in there.
_NASTY = """
import ctypes, os, sys, transcoder.engine as engine
real = engine.inspect
def inspect(request, progress=None, ears=None):
    for item in request.items:
        if item.failed is None:
            if item.name == "crash": os.kill(os.getpid(), 11)
            if item.name == "hang": ctypes.PyDLL(None).sleep(3600)
            if item.name == "swell": h = bytearray(b"x") * (400 << 20); ctypes.CDLL(None).sleep(99)
    return real(request, progress, ears)
engine.inspect = inspect
from transcoder.inspector import main
sys.exit(main())
"""


class Listener:
    """Starts a process for each connection, its input and output being the connection."""

    def __init__(self, path: Path, command: tuple[str, ...] = (sys.executable, "-c", _NASTY)) -> None:
        self.path = path
        self.started: list[subprocess.Popen[bytes]] = []
        self._command = command
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.started.append(
                    subprocess.Popen(
                        self._command, stdin=peer.fileno(), stdout=peer.fileno(), env=environment, cwd="/"
                    )
                )

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "inspect.sock")
    yield made
    made.close()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("connected") / "movie.mp4", Movie(seconds=2))


def _request(path: Path, *names: str) -> InspectRequest:
    return InspectRequest(
        tuple(InspectItem(path, name=name, kind="video") for name in names), one_shift=False
    )


def _limits(report: Report, index: int) -> list[str]:
    return [str(f.evidence["limit"]) for f in report.recordings[index].findings if f.code == "file.limits"]


def test_the_report_through_a_socket_is_the_engines_byte_for_byte(movie: Path, listener: Listener) -> None:
    request = _request(movie, "a", "b")
    with Inspector(socket=listener.path) as inspector:
        assert inspector.inspect(request).to_bytes() == inspect(request).to_bytes()
        assert inspector.pid == listener.started[0].pid
        inspector.inspect(request)
    assert len(listener.started) == 1
    assert listener.started[0].wait(10) == 0  # it saw the end of its input


@pytest.mark.parametrize(("name", "limit"), [("crash", "crash"), ("hang", "time"), ("swell", "memory")])
def test_one_bad_file_behind_a_socket_costs_one_file_c22(
    movie: Path, listener: Listener, name: str, limit: str
) -> None:
    with Inspector(socket=listener.path) as inspector:
        report = inspector.inspect(_request(movie, "good", name, "fine"), deadline_s=3.0)
    assert [_limits(report, i) for i in range(3)] == [[], [limit], []]
    until(lambda: all(p.poll() is not None for p in listener.started), "no inspector is left")
    ends = {process.poll() for process in listener.started}
    assert ends <= {0, -signal.SIGIO, -signal.SIGSEGV}, ends
    assert (-signal.SIGSEGV if name == "crash" else -signal.SIGIO) in ends


def test_nobody_behind_the_socket_is_no_files_doing(movie: Path, tmp_path: Path) -> None:
    with Inspector(socket=tmp_path / "none.sock") as inspector:
        with pytest.raises(InspectorFailed, match=r"bodydock-inspect\.socket"):
            inspector.inspect(_request(movie, "a"))


def test_an_inspector_that_never_starts_is_no_files_doing(movie: Path, tmp_path: Path) -> None:
    made = Listener(tmp_path / "inspect.sock", ("/bin/false",))
    try:
        with Inspector(socket=made.path) as inspector:
            with pytest.raises(InspectorFailed, match="does not start"):
                inspector.inspect(_request(movie, "a"))
    finally:
        made.close()

"""Long-running commands of the product as forks of one process that has everything loaded: up in no time.

A kill costs what it costs on a real dock, but for the loading of Python: hundreds of them fit into a minute.
`Forkery` is the tests' side; this module run as a program is the other.

Lines in, a line out, as JSON lists: `start NAME LOG FAULT ARGUMENT…` (FAULT `-`: none), `kill NAME`,
`stop NAME` (both wait), `look NAME`; answers `runs`, or how it ended (`-9`: killed).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.program import ROOT, OfficeError, Program

RUNS = "runs"
_LOADED = ("daemon.service", "daemon.cli.run", "daemon.cli.center", "center.run", "transcoder.engine")
_PR_SET_PDEATHSIG = 1


class Forkery:
    """A context manager: leaving it ends everything that it started."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bodydock-forkery-")
        self.inspector = Path(self._folder.name, "inspector.sock")
        # No threads of a library in a process that forks.
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = os.environ | one | {"BODYDOCK_INSPECTOR": str(self.inspector)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.forkery", str(self.inspector)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=ROOT,
            env=environment,
        )
        assert self._ask("ready") == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._folder.cleanup()

    def program(self, name: str, arguments: Sequence[str], log: Path) -> ForkedProgram:
        return ForkedProgram(self, name, arguments, log)

    def _ask(self, *words: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        return self._process.stdout.readline().strip()


class ForkedProgram(Program):
    """A `Program` that a forkery runs."""

    def __init__(self, forkery: Forkery, name: str, arguments: Sequence[str], log: Path) -> None:
        super().__init__(name, arguments, log)
        self._forkery = forkery
        self._words = tuple(arguments)

    def start(self, fault: str = "-") -> None:
        """Start it; with `fault` it dies by itself at that point (`faults`)."""
        self._forkery._ask("start", self.name, str(self._log), fault, *self._words)

    def ended(self) -> str | None:
        """Return how it ended, None while it runs."""
        said = self._forkery._ask("look", self.name)
        return None if said == RUNS else said

    def check(self) -> None:
        if (ended := self.ended()) not in (None, "-"):
            raise OfficeError(f"{self.name} ended with {ended}:\n{self.log[-3000:]}")

    def kill(self) -> None:
        self._forkery._ask("kill", self.name)

    def stop(self) -> None:
        self._forkery._ask("stop", self.name)


class _Children:
    def __init__(self) -> None:
        self._pids: dict[str, int] = {}
        self._ended: dict[str, str] = {}

    def start(self, name: str, log: str, fault: str, *arguments: str) -> str:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _become(log, fault, arguments)
        self._pids[name] = pid
        self._ended.pop(name, None)
        return RUNS

    def look(self, name: str) -> str:
        pid = self._pids.get(name)
        if pid is None:
            return self._ended.get(name, "-")
        ended, status = os.waitpid(pid, os.WNOHANG)
        return self._over(name, status) if ended else RUNS

    def kill(self, name: str) -> str:
        return self._end(name, signal.SIGKILL)

    def stop(self, name: str) -> str:
        return self._end(name, signal.SIGTERM)

    def ready(self) -> str:
        return "ready"

    def end_all(self) -> None:
        for name in list(self._pids):
            self._end(name, signal.SIGKILL)

    def _end(self, name: str, number: signal.Signals) -> str:
        pid = self._pids.get(name)
        if pid is None:
            return self._ended.get(name, "-")
        os.kill(pid, number)  # not waited for yet, so the pid is still its own
        return self._over(name, os.waitpid(pid, 0)[1])

    def _over(self, name: str, status: int) -> str:
        del self._pids[name]
        self._ended[name] = str(os.waitstatus_to_exitcode(status))
        return self._ended[name]


def _become(log: str, fault: str, arguments: Sequence[str]) -> None:
    """In a fork: be `bodydock ARGUMENTS`."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for to, of in ((0, nothing), (1, fd), (2, fd)):
            os.dup2(of, to)
        if fault != "-":
            from tests.rig import faults

            faults.install(fault)
        from daemon.cli.main import main

        sys.argv = ["bodydock", *arguments]
        main()
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _serve_inspectors(path: str) -> None:
    """In a fork: a process for each connection, as systemd does with Accept=yes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, b"listens\n")
        while True:
            peer, _ = listener.accept()
            if os.fork() == 0:
                os.dup2(peer.fileno(), 0)
                os.dup2(peer.fileno(), 1)
                peer.close()
                listener.close()
                from transcoder.inspector import main

                with suppress(OSError):
                    main()
                os._exit(0)
            peer.close()


def serve() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    children = _Children()
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.dup2(writing, 1)
        _serve_inspectors(sys.argv[1])
    os.read(reading, 100)  # it listens
    for line in sys.stdin:
        verb, *words = json.loads(line)
        print(getattr(children, verb)(*words), flush=True)
    children.end_all()


if __name__ == "__main__":
    serve()

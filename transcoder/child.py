"""One inspector process and its pipes: started by exec, watched, killed.

- Never forked from threads: `subprocess` execs at once, and the child gets no descriptor but its three.
- A reader thread puts whole lines into a bounded queue, so that a deadline never waits on a pipe.
- The child's standard error is kept in a small tail, for the log.
"""

import os
import queue
import site
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from transcoder.errors import InspectorFailed

_MAX_LINE_BYTES = 256 << 20
_TAIL_BYTES = 8 << 10
_KILL_WAIT_S = 10.0


class Child:
    """A running inspector.  A context manager: leaving it ends the process."""

    def __init__(self, command: tuple[str, ...]) -> None:
        """Start the process.  Raises InspectorFailed."""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise InspectorFailed(f"inspector cannot be started: {error}") from error
        self.lines: queue.Queue[bytes | None] = queue.Queue(maxsize=64)  # None: the output ended
        self._tail = bytearray()
        self._threads = [
            threading.Thread(target=self._read_lines, name="inspector-out", daemon=True),
            threading.Thread(target=self._read_tail, name="inspector-err", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ended_how(self) -> str:
        """How the process ended, with what it last said."""
        try:
            code: int | None = self._process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            code = None
        said = bytes(self._tail).decode("utf-8", "replace").strip().splitlines()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return f"{how}{': ' + said[-1][:200] if said else ''}"

    def send(self, line: str) -> bool:
        """Write one line; False when the child no longer listens."""
        stream = _pipe(self._process.stdin)
        try:
            stream.write(line.encode("ascii") + b"\n")
            stream.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._join()

    def close(self) -> None:
        """Close its input and wait for its end; kill it if it does not come."""
        with suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(_KILL_WAIT_S if self.alive else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _join(self) -> None:
        while any(thread.is_alive() for thread in self._threads):
            try:
                self.lines.get(timeout=0.05)  # a full queue would keep the reader from seeing the end
            except queue.Empty:
                continue
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                _pipe(stream).close()
            except BrokenPipeError:
                continue

    def _read_lines(self) -> None:
        output = _pipe(self._process.stdout)
        while line := output.readline(_MAX_LINE_BYTES):
            self.lines.put(line)
        self.lines.put(None)

    def _read_tail(self) -> None:
        output = _pipe(self._process.stderr)
        while data := os.read(output.fileno(), 4096):
            self._tail += data
            del self._tail[:-_TAIL_BYTES]


def inspector_command() -> tuple[str, ...]:
    """How the inspector is started here."""
    return (sys.executable, "-m", "transcoder.inspector")


def _environment() -> dict[str, str]:
    """Ours, with this checkout on the module path where it is not installed."""
    home = str(Path(__file__).resolve().parent.parent)
    environment = dict(os.environ, PYTHONUNBUFFERED="1", OMP_NUM_THREADS="2")
    if home not in site.getsitepackages():
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{home}{os.pathsep}{path}" if path else home
    return environment


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("no pipe")
    return stream

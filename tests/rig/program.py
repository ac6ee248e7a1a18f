"""A long-running command of the product, started, watched and ended by its pid."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BODYDOCK = (sys.executable, "-m", "daemon")
ROOT = Path(__file__).resolve().parents[2]


class OfficeError(Exception):
    """A part of the office failed; its last words are in the message."""


class Program:
    """A long-running `bodydock` command with a log file."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._arguments = (*BODYDOCK, *arguments)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise OfficeError(f"{self.name} does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )

    def check(self) -> None:
        """Raise OfficeError if it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise OfficeError(f"{self.name} ended with {self._process.returncode}:\n{self.log[-3000:]}")

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise OfficeError(f"{self.name} did not end within 40 s:\n{self.log[-3000:]}") from None

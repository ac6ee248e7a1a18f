"""A real mosquitto on a free loopback port, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class BrokerFailed(Exception):
    """mosquitto did not come up; its log is in the message."""


class Broker:
    """One mosquitto.  `acl`: lines of an ACL file; `settings`: further lines of the configuration."""

    def __init__(
        self,
        *,
        max_packet_bytes: int | None = None,
        acl: str | None = None,
        settings: tuple[str, ...] = (),
        port: int = 0,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self._folder = tempfile.TemporaryDirectory(prefix="bodydock-broker-")
        self._max_packet_bytes = max_packet_bytes
        self._acl = acl
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.port = self.port or free_port()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> str:
        path = Path(self._folder.name, "log")
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it listens."""
        config = Path(self._folder.name, "mosquitto.conf")
        config.write_text(self._config())
        with Path(self._folder.name, "log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + 10
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise BrokerFailed(self.log)
            time.sleep(0.01)

    def give_rights(self, acl: str) -> None:
        """Have it read other rights, as an administrator does: connections stand."""
        assert self._process is not None
        assert self._acl is not None
        self._acl = acl
        Path(self._folder.name, "acl").write_text(acl)
        self._process.send_signal(signal.SIGHUP)

    def stop(self, *, kill: bool = False) -> None:
        """End it; with `kill`, as a crash would (clients get no DISCONNECT)."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        process.wait(10)

    def _config(self) -> str:
        lines = [
            f"listener {self.port} {self.host}",
            "allow_anonymous true",
            "persistence false",
            "set_tcp_nodelay true",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "log_dest stderr",
            *self._settings,
        ]
        if os.geteuid() == 0:  # else it changes to a user who may not read its own files here
            lines.append("user root")
        if self._max_packet_bytes is not None:
            lines.append(f"max_packet_size {self._max_packet_bytes}")
        if self._acl is not None:
            path = Path(self._folder.name, "acl")
            path.write_text(self._acl)
            path.chmod(0o600)
            lines.append(f"acl_file {path}")
        return "\n".join(lines) + "\n"

    def _listens(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1):
                return True
        except OSError:
            return False


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

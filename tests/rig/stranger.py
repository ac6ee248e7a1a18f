"""A dock whose platform is docs/examples/receiver.py: nothing of `center` runs.

Broker and dock are real; the platform is a process that knows the dock's public key, has a receipt key of
its own and shares no code with the product.  Everything started here is ended here, by its pid.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from daemon.control import ask
from daemon.errors import DaemonError
from tests.rig.broker import Broker
from tests.rig.program import BODYDOCK, ROOT, Program
from tests.rig.receipt_check import opened

PLATFORM, SITE, DOCK = "pf-example", "site-1", "dock-1"
EXAMPLE = ROOT / "docs" / "examples" / "receiver.py"


class Stranger:
    """Enter it: the broker runs, the dock has its key; start receiver and dock yourself.

    `camera`: the directory that is the dock's one slot.
    """

    def __init__(self, folder: Path, camera: Path) -> None:
        self.folder = folder
        self.received = folder / "received"
        self.camera = camera
        self.settings = folder / "bodydock.toml"
        self.receipt_key = folder / "receipt.pem"
        self.dock = Program("dock", ("run", "--settings", str(self.settings)), folder / "dock.log")
        self._stack = ExitStack()
        self._receiver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Stranger:
        try:
            self.received.mkdir(parents=True)
            key = Ed25519PrivateKey.generate()
            no_password = serialization.NoEncryption()
            self.receipt_key.write_bytes(
                key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
            )
            self.receipt_public = key.public_key().public_bytes_raw().hex()
            self.broker = self._stack.enter_context(Broker())
            self._write_settings()
            self.identity = self._identity()
            self._stack.callback(self.stop_receiver)
            self._stack.callback(self.dock.stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def log(self) -> str:
        """What the receiver printed."""
        path = self.folder / "receiver.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start_receiver(self) -> None:
        with (self.folder / "receiver.log").open("ab") as log:
            self._receiver = subprocess.Popen(
                [
                    sys.executable,
                    "-I",  # neither our packages nor our folder
                    str(EXAMPLE),
                    str(self.broker.port),
                    str(self.received),
                    str(self.receipt_key),
                    f"{SITE}/{DOCK}",
                    self.identity["public"],
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop_receiver(self) -> None:
        process, self._receiver = self._receiver, None
        if process is not None:
            process.terminate()
            process.wait(10)

    def recordings(self) -> list[dict[str, Any]]:
        """Return the dock's recordings; none while it does not answer."""
        try:
            found: list[dict[str, Any]] = ask(self.folder / "control.sock", "recordings")
        except DaemonError:
            return []
        return found

    def wait(self, what: str, held: Callable[[], bool], seconds: float) -> None:
        """Wait until `held`; raises AssertionError after `seconds`, or if a program ended by itself."""
        until = time.monotonic() + seconds
        while not held():
            self.dock.check()
            alive = self._receiver is None or self._receiver.poll() is None
            assert alive, f"the receiver ended:\n{self.log}"
            assert time.monotonic() < until, (
                f"not within {seconds:.0f} s: {what}\n{self.log}\n{self.dock.log}"
            )
            time.sleep(0.05)

    def _write_settings(self) -> None:
        lines = [
            "[dock]",
            f'id = "{DOCK}"',
            f'site = "{SITE}"',
            f'state = "{self.folder / "state"}"',
            f'mounts = "{self.folder / "cards"}"',
            "[broker]",
            f"port = {self.broker.port}",
            "[platform]",
            f'id = "{PLATFORM}"',
            "[platform.keys]",
            f'receipt = ["{self.receipt_public}"]',
            "[inspection]",
            "speech = false",
            "deep_share = 0",
            "[control]",
            f'socket = "{self.folder / "control.sock"}"',
            "[[slots]]",
            "number = 1",
            f'directory = "{self.camera}"',
            "settle_s = 1",
        ]
        self.settings.write_text("\n".join(lines) + "\n")

    def _identity(self) -> dict[str, Any]:
        ran = subprocess.run(
            (*BODYDOCK, "identity", "--settings", str(self.settings)),
            capture_output=True,
            cwd=ROOT,
            timeout=60,
            check=True,
        )
        said: dict[str, Any] = json.loads(opened(ran.stdout)[1])
        return said

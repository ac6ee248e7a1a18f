"""The dock as a service in a container, with a small office (broker, center) on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daemon.control import ask
from daemon.errors import DaemonError
from tests.rig.container import Container, ContainerError
from tests.rig.small_office import SmallOffice
from tests.rig.until import until

SETTINGS = "/etc/bodydock/bodydock.toml"
UNIT = "bodydock.service"


class InstalledDock:
    """`bodydock.service`, set up as docs/install.md says."""

    def __init__(self, container: Container, office: SmallOffice) -> None:
        self.container = container
        self.office = office

    def set_up(self) -> None:
        """Settings, and the key that the platform knows as a credential of systemd's."""
        self.write_settings(self.office.settings.read_text())
        key = (self.office.folder / "state/keys/dock.pem").read_text()
        self.container.write("/etc/credstore/bodydock.dock.pem", key, mode=0o600)
        self.container.run("systemctl", "enable", "--now", "bodydock-inspect.socket")

    def write_settings(self, text: str) -> None:
        """Write the office's settings, but for the places: those are the units' own."""
        ours = str(self.office.folder)
        lines = [line for line in text.splitlines() if ours not in line]
        self.container.write(SETTINGS, "\n".join(lines) + "\n")

    def change(self, unit: str, *lines: str) -> None:
        """Add a drop-in to a unit."""
        self.container.write(f"/etc/systemd/system/{unit}.d/test.conf", "\n".join(lines) + "\n")
        self.container.run("systemctl", "daemon-reload")

    def start(self, unit: str = UNIT) -> None:
        """Start a service; returns when it has said that it is ready.  Raises ContainerError."""
        try:
            self.container.run("systemctl", "start", unit)
        except ContainerError as error:
            said = self.container.journal("--lines=20")
            raise ContainerError(f"{error}\n{said}") from None

    def stop(self) -> None:
        self.container.run("systemctl", "stop", UNIT)

    def ask(self, verb: str, **args: Any) -> Any:
        """Ask over the control socket; None while nobody answers."""
        try:
            return ask(self.container.path("/run/bodydock/control.sock"), verb, **args)
        except DaemonError:
            return None

    def slot(self) -> dict[str, Any]:
        """Return what slot 1 shows; nothing while nobody answers."""
        status = self.ask("status")
        return dict(status["slots"][0]) if status else {}

    def wait_until_done(self, seconds: float = 30) -> None:
        """Wait until the camera in slot 1 may be taken."""
        until(lambda: self.slot().get("phase") == "done", f"slot 1 is done: {self.slot()}", seconds)

    def recordings(self) -> dict[str, dict[str, Any]]:
        """Return the recordings by the last part of their name on the card."""
        return {item["name"].rsplit("/", 1)[-1]: item for item in self.ask("recordings") or []}

    def journal(self, *match: str) -> list[dict[str, Any]]:
        """Return entries of the journal with all their fields."""
        output = self.container.run("journalctl", "--no-pager", "--output=json", *match)
        return [json.loads(line) for line in output.splitlines()]

    def vault(self) -> Path:
        return self.container.path("/var/lib/bodydock/vault")

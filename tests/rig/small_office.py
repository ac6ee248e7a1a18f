"""A whole small office on one machine, through the product's own commands: broker, center, one dock.

Nothing is hard-wired: the center makes its keys, the dock its own, each is told of the other as persons
would do it (`bodydock identity`, `center docks add`, `center keys`).  Everything started here is ended
here, by its pid.
"""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from center import ca
from daemon.control import ask
from daemon.errors import DaemonError
from tests.rig.broker import Broker, free_port
from tests.rig.forkery import Forkery
from tests.rig.program import BODYDOCK, OfficeError, Program
from tests.rig.tls_broker import Certificates, ShippedBroker
from uplink.keys import SigningKey
from uplink.tls import TlsFiles

PLATFORM, SITE, DOCK = "pf-demo", "xlt", "dock-01"
ROOT = Path(__file__).resolve().parents[2]


class SmallOffice:
    """Enter it to have broker and center running and the dock enrolled; start the dock yourself.

    `ports`: for each slot a USB port path, or a directory.  `wrong_platform_key`: the dock is told a receipt
    key that is not the platform's.  `people`: persons with a destroy key, in `{person}.pem` of the folder.
    `tls`: over TLS, through the configuration of mosquitto that is shipped.  `settle_s`: of directories.
    `forkery`: runs dock and center.
    """

    def __init__(
        self,
        folder: Path,
        ports: Sequence[str | Path],
        *,
        bytes_per_second: int = 0,
        speech: bool = True,
        wrong_platform_key: bool = False,
        people: Sequence[str] = (),
        tls: bool = False,
        settle_s: float = 1,
        forkery: Forkery | None = None,
    ) -> None:
        self.folder = folder
        self.center_folder = folder / "center"
        self.settings = folder / "bodydock.toml"
        self._ports = ports
        self._bytes_per_second = bytes_per_second
        self._speech = speech
        self._wrong_platform_key = wrong_platform_key
        self._people = people
        self._tls = tls
        self._settle_s = settle_s
        self.certificates = folder / "certificates"  # with `tls`: the dock's, and those of `stranger`
        self._stack = ExitStack()
        program = Program if forkery is None else forkery.program
        self.dock = program("dock", ("run", "--settings", str(self.settings)), folder / "dock.log")
        self.center = program(
            "center", ("center", "run", "--folder", str(self.center_folder)), folder / "center.log"
        )
        self.broker = Broker()

    def __enter__(self) -> SmallOffice:
        try:
            port = free_port()
            tls = ("--tls",) if self._tls else ()
            self._run("center", "init", "--id", PLATFORM, "--broker-port", str(port), *tls, *self._at_center)
            if self._tls:
                self._run("center", "ca", "init", *self._at_center)
            for person in self._people:
                self._run("center", "keys", "new", person, str(self.key_of(person)), *self._at_center)
            self._write_settings(port)
            self._enrol()
            self.broker = self._stack.enter_context(self._make_broker(port))
            self._stack.callback(self.center.stop)
            self.center.start()
            self._stack.callback(self.dock.stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _make_broker(self, port: int) -> Broker:
        strangers = "\nuser observer\ntopic read bodydock/#\n"
        strangers += "\nuser vandal\ntopic write bodydock/#\n"  # for tests: rights are the second wall only
        if not self._tls:
            return Broker(acl=(self.center_folder / "acl").read_text() + strangers, port=port)
        self._run("center", "ca", "server", "127.0.0.1", *self._at_center)
        for_broker = self.folder / "broker"
        for_broker.mkdir()
        self._run("center", "broker", str(for_broker), *self._at_center)
        with (for_broker / "acl").open("a") as acl:
            acl.write(strangers)
        return ShippedBroker(for_broker, port)

    def stranger(self, name: str) -> TlsFiles:
        """Return the certificate of `observer` or `vandal`, which only tests know.  With `tls` only."""
        return Certificates(self.certificates, ca.load(self.center_folder / "ca")).client(name)

    @property
    def _at_center(self) -> tuple[str, str]:
        return ("--folder", str(self.center_folder))

    def start_dock(self) -> None:
        """Start the dock and wait until it answers."""
        self.dock.start()
        self.wait("the dock answers", lambda: self.status() is not None, 30)

    def start_dock_at_broker(self) -> None:
        """Start the dock and wait until it would hear a command."""
        self.start_dock()
        self.wait("the dock is at the broker", self._is_connected, 60)

    def _is_connected(self) -> bool:
        status = self.status()
        return status is not None and bool(status["uplink"]["connected"])

    def status(self) -> dict[str, Any] | None:
        """Return the dock's status over its control socket; None while it does not answer."""
        status: dict[str, Any] | None = self._control("status")
        return status

    def recordings(self) -> list[dict[str, Any]]:
        """Return the dock's recordings over its control socket; none while it does not answer."""
        return self._control("recordings") or []

    def _control(self, verb: str) -> Any:
        try:
            return ask(self.folder / "control.sock", verb)
        except DaemonError:
            return None

    def ask_dock(self, *verb: str) -> Any:
        """Return what `bodydock VERB --json` prints."""
        return json.loads(self._run(*verb, "--settings", str(self.settings), "--json"))

    def ask_center(self, *verb: str) -> Any:
        """Return what `bodydock center VERB --json` prints."""
        return json.loads(self._run("center", *verb, *self._at_center, "--json"))

    def key_of(self, person: str) -> Path:
        """Return where a person's destroy key is."""
        return self.folder / f"{person}.pem"

    def publish(self, *files: Path) -> None:
        """`bodydock center registry publish`."""
        self._run("center", "registry", "publish", *(str(file) for file in files), *self._at_center)

    def platform_table(self) -> dict[str, Any]:
        """Return the platform's public keys by role, as `center keys` prints them."""
        table: dict[str, Any] = self.ask_center("keys")["platform"]
        return table

    def wait(self, what: str, held: Callable[[], bool], seconds: float) -> None:
        """Wait until `held`; raises OfficeError after `seconds`, or if a program ended by itself."""
        until = time.monotonic() + seconds
        while not held():
            self.dock.check()
            self.center.check()
            if time.monotonic() > until:
                raise OfficeError(f"not within {seconds:.0f} s: {what}\n{self.dock.log[-2000:]}")
            time.sleep(0.1)

    def _write_settings(self, port: int) -> None:
        table = self.platform_table()
        keys, people = dict(table["keys"]), table.get("people", {})
        if self._wrong_platform_key:
            keys["receipt"] = [SigningKey.draw().public.hex()]
        lines = [
            "[dock]",
            f'id = "{DOCK}"',
            f'site = "{SITE}"',
            f'state = "{self.folder / "state"}"',
            f'mounts = "{self.folder / "cards"}"',
            "[broker]",
            'host = "127.0.0.1"',
            f"port = {port}",
            *self._tls_lines(),
            "[platform]",
            f'id = "{table["id"]}"',
            "[platform.keys]",
            *(f"{role} = {json.dumps(publics)}" for role, publics in keys.items()),
            "[platform.retired]",
            *(f"{role} = {json.dumps(publics)}" for role, publics in table.get("retired", {}).items()),
            "[platform.people]",
            *(f"{json.dumps(who, ensure_ascii=False)} = {json.dumps(k)}" for who, k in people.items()),
            "[people]",
            f'{getpass.getuser()} = "值班员"',
            "[uplink]",
            f"bytes_per_second = {self._bytes_per_second}",
            "[inspection]",
            f"speech = {json.dumps(self._speech)}",
            "deep_share = 0",  # by chance one docking more or less would be looked at again
            "[control]",
            f'socket = "{self.folder / "control.sock"}"',
        ]
        for number, path in enumerate(self._ports, 1):
            lines += ["[[slots]]", f"number = {number}"]
            lines += (
                [f'directory = "{path}"', f"settle_s = {self._settle_s}"]
                if isinstance(path, Path)
                else [f'ports = ["{path}"]']
            )
        self.settings.write_text("\n".join(lines) + "\n")

    def _tls_lines(self) -> list[str]:
        if not self._tls:
            return []
        files = {"ca": self.certificates / "ca.crt", "certificate": self.certificates / "dock.crt"}
        return [f'{name} = "{path}"' for name, path in files.items()]

    def _enrol(self) -> None:
        ran = self._finished("identity", "--settings", str(self.settings))
        identity = self.folder / "identity.json"
        identity.write_bytes(ran.stdout)
        # Two persons compare this on two screens; a script hands it over.
        shown = ran.stderr.decode().split("fingerprint:")[1].strip().replace(" ", "")
        issue = ("--issue",) if self._tls else ()
        certificate = self._run(
            "center", "docks", "add", str(identity), "--fingerprint", shown, *issue, *self._at_center
        )
        if self._tls:
            self.certificates.mkdir()
            (self.certificates / "ca.crt").write_text(self._run("center", "ca", "show", *self._at_center))
            (self.certificates / "dock.crt").write_text(certificate)

    def _run(self, *arguments: str) -> str:
        return self._finished(*arguments).stdout.decode()

    def _finished(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        ran = subprocess.run(
            (*BODYDOCK, *arguments),
            capture_output=True,
            cwd=ROOT,
            timeout=60,
            check=False,
            env=dict(os.environ, COLUMNS="200"),
        )
        if ran.returncode not in (0, 1):
            raise OfficeError(f"bodydock {' '.join(arguments)}: {ran.stderr.decode(errors='replace')}")
        return ran

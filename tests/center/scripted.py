"""A dock that does what a test says: it signs with uplink's own envelopes and messages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from uplink import envelope, ids
from uplink.keys import SigningKey
from uplink.messages import MACHINE, CameraClaim, ChainPoint, Clock, CustodyEvent, FileFin, FileInit, Manifest
from uplink.messages.identity import Identity
from uplink.topics import DockTopics

PLATFORM = "platform-1"
TIME = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
CLOCK = Clock(synced=True, source="ntp", floor=TIME)


@dataclass(frozen=True)
class Footage:
    """A recording's bytes and what a dock says of it."""

    data: bytes
    path: bytes = b"DCIM/100/0001.MP4"
    serial: str = "CAM0001"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def recording(self) -> str:
        return ids.recording_id(self.serial, self.path, len(self.data), self.sha256)


@dataclass
class ScriptedDock:
    """One dock's key, chain and manifests."""

    name: str = "dock-1"
    site: str = "site-1"
    platform: str = PLATFORM
    key: SigningKey = field(default_factory=SigningKey.draw)
    epoch: str = field(default_factory=ids.draw_id)
    run: str = field(default_factory=ids.draw_id)
    head: ChainPoint | None = None

    @property
    def topics(self) -> DockTopics:
        return DockTopics(self.site, self.name)

    def identity(self) -> bytes:
        public = self.key.public.hex()
        said = Identity(dock=self.name, site=self.site, public=public, host=None, time=TIME)
        return envelope.seal("identity", said.to_bytes(), self.key).raw

    def clone(self, run: str | None = None) -> ScriptedDock:
        """The same dock as it is now: restored from a backup (another `run`), or copied."""
        run = run or ids.draw_id()
        return ScriptedDock(self.name, self.site, self.platform, self.key, self.epoch, run, self.head)

    # The chain

    def event(self, kind: str, data: dict[str, Any] | None = None, **changed: Any) -> envelope.Envelope:
        """Sign the next event, and go on from it."""
        fields: dict[str, Any] = {
            "dock": self.name,
            "platform": self.platform,
            "epoch": self.epoch,
            "n": 0 if self.head is None else self.head.n + 1,
            "prev": None if self.head is None else self.head.head,
            "run": self.run,
            "time": TIME,
            "clock": CLOCK,
            "kind": kind,
            "actor": MACHINE,
            "data": data or {},
        }
        event = CustodyEvent(**(fields | changed))
        sealed = envelope.seal("event", event.to_bytes(), self.key)
        self.head = ChainPoint(epoch=event.epoch, n=event.n, head=sealed.digest)
        return sealed

    def enrolled(self, **changed: Any) -> envelope.Envelope:
        data: dict[str, Any] = {
            "platform": self.platform,
            "keys": [],
            "site": self.site,
            "dock_key": self.key.key_id,
            "public": self.key.public.hex(),
            "host": None,
        }
        return self.event("enrolled", data, **changed)

    def restarted(self, after: ChainPoint | None, branch: ChainPoint | None) -> envelope.Envelope:
        """Begin a new epoch."""
        self.epoch, self.head = ids.draw_id(), None
        points = {"after": after, "branch": branch}
        return self.event(
            "restarted", {name: None if p is None else p.model_dump() for name, p in points.items()}
        )

    # Manifests and files

    def manifest(
        self,
        footage: Footage,
        revision: int = 1,
        prev: str | None = None,
        report: dict[str, Any] | None = None,
        **changed: Any,
    ) -> envelope.Envelope:
        fields: dict[str, Any] = {
            "platform": self.platform,
            "dock": self.name,
            "recording": footage.recording,
            "revision": revision,
            "prev_manifest": prev,
            "sha256": footage.sha256,
            "size": len(footage.data),
            "camera": CameraClaim(serial=footage.serial, by="usb"),
            "path_b64": base64.b64encode(footage.path).decode(),
            "kind": "video",
            "times": {},
            "ingest": {
                "docking": "0" * 32,
                "index": 0,
                "slot": 1,
                "profile": "generic",
                "attached_at": TIME,
                "stored_at": TIME,
            },
            "tag": {},
            "report": report,
            "host": None,
            "software": {"name": "bodydock", "version": "0", "python": "3"},
            "run": self.run,
            "time": TIME,
            "clock": CLOCK,
            "after": self.head or ChainPoint(epoch=self.epoch, n=0, head="0" * 64),
        }
        made = Manifest(**(fields | changed))
        return envelope.seal("manifest", made.to_bytes(), self.key)

    def file_id(self, footage: Footage, attempt: int = 1) -> str:
        return ids.file_id(self.platform, self.key.key_id, footage.recording, footage.sha256, attempt)

    def init(self, footage: Footage, manifest: str, attempt: int = 1, **changed: Any) -> FileInit:
        fields = {
            "name": f"{footage.recording}.mp4",
            "recording": footage.recording,
            "attempt": attempt,
            "size": len(footage.data),
            "sha256": footage.sha256,
            "manifest": manifest,
            "nonce": ids.draw_id(),
        }
        return FileInit(**(fields | changed))  # type: ignore[arg-type]

    def fin(self) -> FileFin:
        return FileFin(nonce=ids.draw_id())

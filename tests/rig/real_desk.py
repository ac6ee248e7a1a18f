"""A dock's desk in memory, whose manifests a real center takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.center.scripted import Footage, ScriptedDock
from tests.rig.memory_desk import DOCK, PLATFORM, SITE, MemoryDesk
from uplink.desk import OutgoingFile, OutgoingManifest
from uplink.keys import KeyRing, SigningKey

SERIAL = "SN1"


class RealDesk(MemoryDesk):
    """A desk whose manifests a real center takes; a file that failed waits behind the others."""

    def __init__(self, key: SigningKey, ring: KeyRing) -> None:
        super().__init__(key, ring)
        self.dock = ScriptedDock(DOCK, SITE, PLATFORM, key)

    def add(self, footage: Footage, path: Path) -> OutgoingFile:
        """Take a file in: its manifest is sent, its bytes not before `release`."""
        path.write_bytes(footage.data)
        signed = self.dock.manifest(footage)
        made = OutgoingManifest(footage.recording, 1, signed.digest, signed.raw, ())
        self.revisions[footage.recording] = [made]
        self.due.append(made)
        file = OutgoingFile(
            footage.recording,
            self.dock.file_id(footage),
            1,
            path,
            "mp4",
            len(footage.data),
            footage.sha256,
            signed.digest,
            0,
        )
        self.files[footage.recording] = file
        return file

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        super().file_failed(recording, reason, new_attempt)
        if new_attempt:
            file = self.files[recording]
            footage = Footage(file.path.read_bytes(), file.path.name.encode(), SERIAL)
            attempt = file.attempt + 1
            self.files[recording] = replace(
                file, attempt=attempt, file_id=self.dock.file_id(footage, attempt)
            )
        self.waiting.append(recording)

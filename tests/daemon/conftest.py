"""What the daemon's tests share: a store, an identity and a chain in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.clock import DockClock
from daemon.custody import Custody, enrol
from daemon.identity import DockIdentity
from daemon.ingest.arriving import FileTimes
from daemon.ingest.contents import Contents, Note, VolumeContent
from daemon.ingest.ledger import Ledger
from daemon.store import Store
from daemon.vault import Vault
from dock.docking import Camera, Docking, new_docking_id
from dock.listing import Entry, Explained, Listing, Reason, Scan, listing_of
from dock.profiles import load_profiles
from dock.slots import Slot
from uplink.ids import draw_id
from uplink.keys import KeyRing, Role, SigningKey

ATTACHED_AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


@dataclass
class Dock:
    """A dock without hardware: its store, chain and vault."""

    folder: Path
    store: Store
    custody: Custody
    ledger: Ledger
    vault: Vault

    @property
    def own_ring(self) -> KeyRing:
        identity = self.custody.identity
        return KeyRing([identity.key.record(Role.DOCK, identity.dock)])

    def begin(self, listing: Listing, *, serial: str = "CAM1", attachment: str = "a") -> Docking:
        """Open a docking for `listing`."""
        camera = Camera(serial, "usb", "2c7a", "0b01", listing.profile.name)
        docking = Docking(new_docking_id(), Slot(1, ("p",)), camera, ATTACHED_AT)
        times = {file.index: FileTimes(file.modified_at, None) for file in listing.files}
        volume = VolumeContent(attachment, "/dev/x", "ext4", "CARD", Note.NONE, listing)
        self.ledger.begin(docking, Contents((volume,)), times)
        return docking


def make_dock(folder: Path, *, platform: str = "pf", key: SigningKey | None = None) -> Dock:
    identity = DockIdentity("dock-1", "site-1", platform, key or SigningKey.draw(), None, draw_id())
    store = Store(folder / "store.db")
    custody = Custody(identity, DockClock())
    enrol(store, custody, [])
    vault = Vault(folder / "vault")
    vault.prepare()
    return Dock(folder, store, custody, Ledger(store, custody), vault)


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    (tmp_path / "keys").mkdir(mode=0o700)
    key, _ = SigningKey.load_or_make(tmp_path / "keys" / "dock.pem")
    made = make_dock(tmp_path, key=key)
    yield made
    made.store.close()


def listing(
    files: dict[bytes, int], explained: dict[bytes, int] | None = None, *, profile: str = "generic"
) -> Listing:
    """Return a listing of paths with sizes, as `profile` reads it."""
    entries = tuple(Entry(path, size, 1_764_000_000_000_000_000) for path, size in files.items())
    left = tuple(Explained(path, size, Reason.UNREADABLE, "test") for path, size in (explained or {}).items())
    return listing_of(Scan(entries, left), load_profiles().by_name(profile))


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are pulled as large ones are, each by itself: for tests of what happens to one."""
    monkeypatch.setattr("daemon.ingest.docking.is_small", lambda item: False)

"""Putting pulled bytes into the vault under their lasting name, and the row that says so.

- Rename first, row after: a kill in between leaves bytes that `recover` finds by their name.
- Many small files go the same way together: contents durable, names, names durable, and then one commit for
  all of their rows; a power cut at any point leaves each of them whole with its row, whole and found by its
  name, or to be pulled again.
- "Already stored" needs the whole SHA-256, and the bytes to be there still: here, undamaged, or cleared and
  at the platform.
- What the vault lost, or cleared before the platform forgot it, the card gives back.
- What is stored is remembered by samples at places that are drawn now (dock.samples).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.ingest.arriving import Arrival, Arrived, Came, FileTimes
from daemon.ingest.ledger import Ledger
from daemon.ingest.memory import Memory, is_kept
from daemon.store import Row
from daemon.vault import Vault
from dock.docking import Docking
from dock.errors import NameTaken
from dock.listing import CardFile
from dock.pull import Pulled, finish
from dock.samples import SEED_BYTES, Samples, take_samples
from dock.small import SmallPull
from dock.vault_copy import VaultDisk, rename_new
from uplink.ids import recording_id


def adopt_partial(memory: Memory, vault: Vault, docking: Docking, file: CardFile) -> None:
    """Go on where an earlier docking of this camera broke off; nothing of it is believed unread."""
    for left in memory.left_behind(docking.camera.serial, file.path, file.size_bytes):
        earlier = vault.partial(left["docking"], left["idx"])
        if earlier.exists():
            earlier.rename(vault.partial(docking.id, file.index))
            return


def keep(
    ledger: Ledger, vault: Vault, docking: Docking, file: CardFile, times: FileTimes, pulled: Pulled
) -> None:
    """Commit a copy that is durable under its temporary name.

    Raises DiskFull, VaultFailed, LookupError (the docking does not wait for it any more).
    """
    partial = vault.partial(docking.id, file.index)
    arrived = _arrived(docking, file, times, pulled, vault, _sample(partial, file))
    with vault.settling:
        known = ledger.known(arrived.recording)
        if known is None:
            _finish(partial, vault.make_room_for(arrived.vault))
            ledger.store(arrived)
        elif is_kept(known, vault):
            ledger.store_again(arrived)
            partial.unlink()
        else:
            _finish(partial, vault.make_room_for(known["vault"]))
            ledger.store_again(arrived, given_back=True)


def keep_all(
    ledger: Ledger,
    vault: Vault,
    docking: Docking,
    times: Mapping[int, FileTimes],
    pulls: Sequence[SmallPull],
    disk: VaultDisk,
) -> None:
    """Commit whole copies that are not durable yet, all of them or none.

    `disk` was opened before they were written.  Raises DiskFull, VaultFailed, StoreFull, LookupError (the
    docking does not wait for one of them any more); some may have their lasting names then, without rows.
    """
    disk.sync()
    arrived = [
        _arrived(docking, one.file, times[one.file.index], one.pulled, vault, one.samples) for one in pulls
    ]
    with vault.settling:
        known = ledger.known_of([one.recording for one in arrived])
        arrivals = [
            _shelve(vault, pull.path, one, known.get(one.recording))
            for pull, one in zip(pulls, arrived, strict=True)
        ]
        disk.sync()
        ledger.store_all(arrivals)
    for pull, arrival in zip(pulls, arrivals, strict=True):
        if arrival.came is Came.AGAIN:
            Path(pull.path).unlink(missing_ok=True)


def _shelve(vault: Vault, copy: str, arrived: Arrived, known: Row | None) -> Arrival:
    if known is None:
        came, place = Came.NEW, arrived.vault
    elif is_kept(known, vault):
        return Arrival(arrived, Came.AGAIN)
    else:
        came, place = Came.GIVEN_BACK, known["vault"]
    final = f"{vault.folder}/{place}"
    try:
        rename_new(copy, final)
    except NameTaken:
        # As in `_finish`: the copy at hand was just read, the old one was not.
        Path(final).unlink()
        rename_new(copy, final)
    return Arrival(arrived, came)


def is_proven(
    ledger: Ledger, vault: Vault, docking: Docking, file: CardFile, times: FileTimes, read: Pulled
) -> bool:
    """Commit a file whose every byte was read, if it is in the vault; return whether it is.

    Raises LookupError.
    """
    arrived = _arrived(docking, file, times, read, vault)
    with vault.settling:
        known = ledger.known(arrived.recording)
        if known is None or not is_kept(known, vault):
            return False
        ledger.store_again(arrived)
    return True


def _sample(path: Path, file: CardFile) -> Samples:
    """Sample the copy: it holds what the card gave, and is not in the camera's way."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return take_samples(
            lambda offset, length: os.pread(fd, length, offset),
            file.size_bytes,
            file.modified_ns,
            secrets.token_bytes(SEED_BYTES),
        )
    finally:
        os.close(fd)


def _finish(partial: Path, final: Path) -> None:
    try:
        finish(partial, final)
    except NameTaken:
        # Killed between rename and commit, or cut short.  The copy at hand was just read and hashed; the old
        # one was not, so it makes way.
        final.unlink()
        finish(partial, final)


def _arrived(
    docking: Docking,
    file: CardFile,
    times: FileTimes,
    pulled: Pulled,
    vault: Vault,
    samples: Samples | None = None,
) -> Arrived:
    serial = docking.camera.serial
    recording = recording_id(serial, file.path, pulled.size_bytes, pulled.sha256)
    return Arrived(
        docking=docking.id,
        index=file.index,
        serial=serial,
        serial_by=docking.camera.serial_by,
        path=file.path,
        kind=file.kind,
        marked=file.marked,
        facts=file.facts,
        times=times,
        size_bytes=pulled.size_bytes,
        sha256=pulled.sha256,
        zero_bytes=pulled.zero_block_bytes,
        recording=recording,
        vault=vault.relative(recording, file.path),
        samples=samples,
    )

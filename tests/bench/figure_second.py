"""A full card that was stored before: what is read of it until the officer may take the camera."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

from daemon.board import SlotBoard, SlotView
from dock.errors import DockError
from dock.reader import CardReader
from dock.samples import SEED_BYTES, take_samples
from tests.bench.docks import bench_dock, camera, fresh_folder, sparse_file
from tests.bench.trial import Bench, Goal, Row, Side
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, arrived, tools_of

_FILE_BYTES = 32 << 20


def measure(bench: Bench) -> list[Row]:
    files = bench.size(2000, 20)
    with fresh_folder(bench.folder / "second") as folder, bench_dock(folder / "dock") as dock:
        card = camera(folder, 1)
        for number in range(files):
            sparse_file(card.path / f"DCIM/{number:05}.mp4", _FILE_BYTES)
        _stored_before(dock, card)
        taken = [_until_safe(dock, card) for _ in range(bench.runs)]
    read = Side(
        f"a stay of a card of {files} known files of 32 MiB, until safe to take",
        tuple(r for r, _ in taken),
        "MB",
    )
    whole = Side("bytes on the card", (files * _FILE_BYTES / 1e6,), "MB")
    share = 100 * read.median / whole.median
    seconds = sorted(s for _, s in taken)[len(taken) // 2]
    notes = f"the ratio is in per cent; safe to take after {seconds:.2f} s; files are sparse"
    return [
        Row(
            "second-docking",
            "second docking of a full card, % read",
            read,
            whole,
            share,
            Goal(at_most=1),
            notes,
        )
    ]


def _stored_before(dock: Dock, card: Card) -> None:
    """Commit all of the card as a docking would, without copying it: 64 GB of nothing prove nothing."""
    card.only_list(dock)
    row = dock.ledger.open_dockings()[0]
    from daemon.ingest.stay import docking_of
    from dock.slots import Slot

    docking = docking_of(row, Slot(1, ("p",)))
    with card.volume.opened(dock.folder, lambda: False) as source:
        from dock.listing import listing_of
        from dock.profiles import load_profiles

        for file in listing_of(source.scan(), load_profiles().by_name(row["profile"])).files:
            made = arrived(docking, file)
            samples = take_samples(
                lambda offset, length: bytes(length),
                file.size_bytes,
                file.modified_ns,
                secrets.token_bytes(SEED_BYTES),
            )
            sparse_file(dock.vault.make_room_for(made.vault), file.size_bytes)
            dock.ledger.store(replace(made, samples=samples))
    dock.ledger.close(docking.id, removed=False)


def _until_safe(dock: Dock, card: Card) -> tuple[float, float]:
    """Return MB read of the card and seconds until *safe to take*; then the camera goes."""
    card.replug()
    begun, read_bytes, safe = time.perf_counter(), 0, (0.0, 0.0)
    real = CardReader.read_into

    def counting(reader: CardReader, buffer: memoryview, offset: int) -> int:
        nonlocal read_bytes
        got = real(reader, buffer, offset)
        read_bytes += got
        return got

    def shown(view: SlotView) -> None:
        nonlocal safe
        if view.safe_to_take and not card.stop:
            safe = (read_bytes / 1e6, time.perf_counter() - begun)
            card.stop = True  # as if the dock were stopped: the proof would read everything

    CardReader.read_into = counting  # type: ignore
    try:
        card.job(tools_of(dock, board=SlotBoard([(1, "")], shown))).run()
    except DockError:
        pass
    finally:
        CardReader.read_into = real  # type: ignore
    for row in dock.ledger.open_dockings():
        dock.ledger.close(row["docking"], removed=True)
    if not card.stop:
        raise RuntimeError("it was never safe to take")
    return safe

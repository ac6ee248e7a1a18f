"""A recording's way through the receiver: manifest, bytes, receipt; and what each side may get wrong."""

from __future__ import annotations

import os

from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

FOOTAGE = Footage(os.urandom(1_234_567))


def test_manifest_bytes_and_receipt(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    manifest = dock.manifest(FOOTAGE)
    assert bench.manifest(dock, FOOTAGE, manifest) == []  # no receipt before the bytes

    said = bench.transfer(dock, FOOTAGE, manifest.digest)

    assert bench.statuses(said)[-2:] == ["verifying", "complete"]
    (receipt,) = bench.receipts(said)
    assert (receipt.manifest, receipt.revision) == (manifest.digest, 1)
    assert (receipt.sha256, receipt.size, receipt.dock_key) == (
        FOOTAGE.sha256,
        len(FOOTAGE.data),
        dock.key.key_id,
    )
    assert receipt.stored.verified_by_reading
    assert bench.stored(FOOTAGE) == FOOTAGE.data

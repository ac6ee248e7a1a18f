"""A file through mosquitto to a receiver that makes each window durable, against raw paho doing the same.

Sender and receiver are processes of their own on both sides; the receiver writes what comes, syncs it every
window and says so; the sender keeps one window on the way.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.bench import raw_upload
from tests.bench.docks import fresh_folder
from tests.bench.own_upload import receive, send
from tests.bench.trial import Bench, Goal, Row, Side, in_turn, times_faster
from tests.rig.broker import Broker

_PATIENCE_S = 120.0


def measure(bench: Bench) -> list[Row]:
    size_mib = bench.size(256, 8)
    with fresh_folder(bench.folder / "upload") as folder, Broker() as broker:
        path = folder / "a.mp4"
        block = os.urandom(1 << 20)
        path.write_bytes(
            b"".join(hashlib.sha256(bytes([n % 256])).digest() + block[32:] for n in range(size_mib))
        )

        def ours() -> float:
            return _taken_s(receive, send, broker.port, folder, path)

        def peer() -> float:
            return _taken_s(raw_upload.receive, raw_upload.send, broker.port, folder, path)

        taken = in_turn([ours, peer], bench.runs)
    mine = Side(
        f"DockLink sends {size_mib} MiB: init, segments, fin; each segment hashed at both ends", taken[0]
    )
    raw = Side(f"paho publishes {size_mib} MiB at QoS 1 in segments of 1 MiB, 8 MiB on the way", taken[1])
    notes = "until the last window is durable; mosquitto, sender and receiver share the cores"
    return [
        Row(
            "upload",
            "upload through mosquitto, durable",
            mine,
            raw,
            times_faster(mine, raw),
            Goal(0.8),
            notes,
        )
    ]


def _taken_s(
    receive: Callable[[int, Path, int, Event, Event], None],
    send: Callable[[int, Path, Event, Event], None],
    port: int,
    folder: Path,
    path: Path,
) -> float:
    """Seconds from the first byte wanted until all is durable at the receiver."""
    spawn = get_context("spawn")
    ready, done, up, go = spawn.Event(), spawn.Event(), spawn.Event(), spawn.Event()
    size = path.stat().st_size
    receiver = spawn.Process(target=receive, args=(port, folder / "received", size, ready, done))
    sender = spawn.Process(target=send, args=(port, path, up, go))
    receiver.start()
    sender.start()
    try:
        if not (ready.wait(_PATIENCE_S) and up.wait(_PATIENCE_S)):
            raise RuntimeError("receiver or sender did not connect")
        begun = time.perf_counter()
        go.set()
        if not done.wait(_PATIENCE_S):
            raise RuntimeError("the file did not arrive")
        return time.perf_counter() - begun
    finally:
        for process in (sender, receiver):
            process.terminate()
            process.join()

"""Eight cameras at once in one process: what it keeps in memory, and how long it takes.

The process has the daemon's modules loaded and its eight pulling threads at work on folders as cards; what
inspects is a process of its own, and is not in it.
"""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench.docks import bench_dock, camera, fresh_folder, sparse_file
from tests.bench.trial import Bench, Goal, Row, Side, highest_resident_mb, in_turn, run, times_faster, wall_s
from tests.daemon.making import tools_of

_CAMERAS = 8
_FILES = 4


def measure(bench: Bench) -> list[Row]:
    sizes = (bench.size(1000, 16), bench.size(10_000, 32))
    runs = 1
    taken = [tuple(_in_process(bench.folder / "resident", size) for _ in range(runs)) for size in sizes]
    small, large = (
        Side(f"8 cameras, {size} MB of footage in all", values, "MB")
        for size, values in zip(sizes, taken, strict=True)
    )
    notes = f"{small.text} at {sizes[0]} MB of footage; highest resident memory of the process; one run each"
    limit = Row(
        "resident",
        f"resident, 8 cameras, {sizes[1]} MB of footage, MB",
        large,
        small,
        large.median,
        Goal(at_most=250),
        notes,
    )
    growth = large.median / small.median
    flat = Row(
        "resident", "resident, ten times the footage", large, small, growth, Goal(at_most=1.1), "flat: ≤ 1.1"
    )
    return [limit, flat]


def measure_eight(bench: Bench) -> list[Row]:
    """Pulling from eight cameras at once against eight `cp` at once."""
    size = bench.size(128, 1) << 20
    with fresh_folder(bench.folder / "eight") as folder:
        cards = [camera(folder, number) for number in range(1, _CAMERAS + 1)]
        for card in cards:
            card.write("a.mp4", b"\x5a" * size)
        taken = in_turn([lambda: _pulled_s(folder), lambda: wall_s(lambda: _copied(folder))], bench.runs)
    ours = Side("8 dockings at once, each with its events, until closed", taken[0])
    peer = Side("8 × cp at once ; sync", taken[1])
    notes = "pulling only, from memory; sending is the figure `upload`"
    return [
        Row("eight-cameras", "8 cameras at once, pulled", ours, peer, times_faster(ours, peer), None, notes)
    ]


def _pulled_s(folder: Path) -> float:
    with fresh_folder(folder / "dock") as made:
        return wall_s(lambda: _pull_all(folder, made))


def _copied(folder: Path) -> None:
    with fresh_folder(folder / "copies") as made:
        numbers = range(1, _CAMERAS + 1)
        copies = [subprocess.Popen(["cp", folder / f"camera-{n}/card/a.mp4", made / f"{n}"]) for n in numbers]
        for copy in copies:
            copy.wait()
        run("sync", "-f", made)


def _in_process(folder: Path, size_mb: int) -> float:
    with fresh_folder(folder) as made, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_resident_mb, made, size_mb).result()


def _resident_mb(folder: Path, size_mb: int) -> float:
    import daemon.service  # noqa: F401 - what the daemon has loaded counts

    for number in range(1, _CAMERAS + 1):
        for file in range(_FILES):
            path = camera(folder, number).path / f"{file}.mp4"
            sparse_file(path, size_mb * 1_000_000 // (_CAMERAS * _FILES) + number)
    _pull_all(folder, folder / "dock")
    return highest_resident_mb()


def _pull_all(folder: Path, state: Path) -> None:
    with bench_dock(state) as dock:
        from daemon.board import SlotBoard

        board = SlotBoard([(n, "") for n in range(1, _CAMERAS + 1)], lambda view: None)
        tools = tools_of(dock, board=board)

        def pull(number: int) -> None:
            try:
                camera(folder, number).job(tools, number).run()
            finally:
                dock.store.release()

        threads = [threading.Thread(target=pull, args=(n,)) for n in range(1, _CAMERAS + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        closed = dock.store.value("SELECT count(*) FROM dockings WHERE state = 'closed'")
        if closed != _CAMERAS:
            raise RuntimeError(f"{closed} of {_CAMERAS} dockings were closed")

"""A store of very many finished recordings: what is asked of it all the time, and opening it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.desk.outgoing import Outgoing
from daemon.status import dock_json, recordings_json
from daemon.store import Store
from daemon.vault import Vault
from tests.bench.docks import bench_dock, fresh_folder
from tests.bench.trial import Bench, Goal, Row, Side
from tests.daemon.conftest import Dock
from tests.daemon.making import take_in

_MS = 1000
_NOTES = "the rows are one recording's under other ids, without manifests, reports and events of their own"


def measure(bench: Bench) -> list[Row]:
    count = bench.size(100_000, 300)
    runs = max(bench.runs, 5)
    with fresh_folder(bench.folder / "finished") as folder, bench_dock(folder / "dock") as dock:
        _fill(dock, count)
        outgoing = Outgoing(dock.store, dock.custody, dock.vault, ZoneInfo("Asia/Shanghai"))
        rows = [
            _row(
                f"claim of the next file among {count} finished",
                lambda: outgoing.next_file(frozenset()),
                runs,
            ),
            _row(f"status with {count} finished", lambda: dock_json(dock.store), runs),
            _row(f"list of the newest 100 of {count}", lambda: recordings_json(dock.store, 100), runs),
            _row(f"list of the newest 1,000 of {count}", lambda: recordings_json(dock.store), runs),
        ]
        dock.store.close()
        start = Side("Store(…), and the first status", tuple(_open_s(dock.folder) for _ in range(runs)), "s")
        goal = Goal(at_most=2)
        rows.append(
            Row("finished", f"start-up with {count} finished, s", start, None, start.median, goal, _NOTES)
        )
    return rows


def _fill(dock: Dock, count: int) -> None:
    """One recording is made as the dock makes them, the others are its row again under other ids."""
    (model,) = take_in(dock, "20261104_090000.mp4")
    with dock.store.write() as tx:
        row = tx.row("SELECT * FROM recordings WHERE recording = ?", (model,))
        assert row is not None
        columns = [name for name in dict(row) if name not in ("recording", "idx", "state", "revision")]
        names = ", ".join(columns)
        tx.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO recordings (recording, idx, state, revision, {names})"
            f" SELECT substr(r.recording, 1, 18) || printf('%08d', n.i), n.i, 'delivered', 1,"
            f" {', '.join('r.' + name for name in columns)}"
            f" FROM n, recordings r WHERE r.recording = ?",
            (count - 1, model),
        )
        tx.execute("UPDATE recordings SET state = 'delivered', revision = 1 WHERE recording = ?", (model,))


def _row(what: str, ask: Callable[[], object], runs: int) -> Row:
    ask()
    values = []
    for _ in range(runs):
        begun = time.perf_counter()
        ask()
        values.append((time.perf_counter() - begun) * _MS)
    side = Side(what, tuple(values), "ms")
    return Row("finished", f"{what}, ms", side, None, side.median, Goal(at_most=10), _NOTES)


def _open_s(folder: Path) -> float:
    begun = time.perf_counter()
    store = Store(folder / "store.db")
    Vault(folder / "vault").prepare()
    dock_json(store)
    taken = time.perf_counter() - begun
    store.close()
    return taken

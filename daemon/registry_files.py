"""Registries of a dock without a platform, from the files of its settings (trust.md, registry).

- `[registries] files` are the very files that `bodydock center registry publish` signs elsewhere.  Here
  nobody signs: who writes the settings answers for them, as for everything else in there.  So a dock with a
  platform takes none (`Settings`): registries come signed there, or not at all.
- They are whole, and read at each start: a kind whose file is gone from the settings is gone here.
- A table that changed gets a higher version, the time at least, so that what it tags anew is looked at again;
  the same table keeps its version.
- What a dock read from files ends when it gets a platform: it would stand in the way of signed versions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from daemon.clock import DockClock
from daemon.errors import BadSettings
from daemon.settings import Settings
from daemon.store import Row, Store
from daemon.store.database import Transaction, to_text
from uplink.errors import BadTable
from uplink.messages.base import LOCAL, Wire
from uplink.messages.registry import REGISTRIES
from uplink.registry_files import Table, read

_LOG = logging.getLogger(__name__)
MAX_BYTES = 8 * 1024 * 1024  # as `load_registries`
_UNSIGNED = b""  # in the place of the envelope


def read_files(files: Sequence[Path]) -> list[Table]:
    """Read the files, one kind each.  Raises BadTable; BadSettings for two of one kind."""
    tables, wrong = _read_each(files)
    if wrong:
        raise wrong[0]
    return tables


def take_files(store: Store, clock: DockClock, settings: Settings) -> list[str]:
    """Have the store hold what the files of the settings say, and nothing else that came from files.

    Returns what is wrong with them.  A dock with a wrong file still takes in cameras: what it knew before
    stays, what reads well is taken, and somebody is told.
    """
    tables, wrong = _read_each(settings.registries.files)
    with store.write() as tx:
        held = {row["kind"]: row for row in tx.rows("SELECT kind, version, raw, payload FROM registries")}
        for kind, row in held.items():
            if row["raw"] == _UNSIGNED and not wrong and kind not in {table.kind for table in tables}:
                tx.execute("DELETE FROM registries WHERE kind = ?", (kind,))
        for table in tables:
            try:
                _keep(tx, clock, settings.dock.site, table, held.get(table.kind))
            except BadSettings as large:
                wrong.append(large)
    for error in wrong:
        _LOG.error("%s: what was read from files before stays", error)
    return [str(error) for error in wrong]


def _read_each(files: Sequence[Path]) -> tuple[list[Table], list[BadTable | BadSettings]]:
    tables: dict[str, tuple[Path, Table]] = {}
    wrong: list[BadTable | BadSettings] = []
    for path in files:
        try:
            table = read(path, None)
            if table.kind in tables:
                raise BadSettings(
                    f"registries.files: {tables[table.kind][0]} and {path} are both {table.kind}:"
                    " a registry is one whole file"
                )
        except (BadTable, BadSettings) as error:
            wrong.append(error)
            continue
        tables[table.kind] = (path, table)
    return [table for _, table in tables.values()], wrong


def _keep(tx: Transaction, clock: DockClock, site: str, table: Table, held: Row | None) -> None:
    shape, now = REGISTRIES[table.kind], clock.now()
    if held is not None and held["raw"] == _UNSIGNED and _rows(table.kind, held) == table.rows:
        return
    version = max(int(now.timestamp()), 1 if held is None else held["version"] + 1)
    said = {"platform": LOCAL, "scope": site, "kind": table.kind, "version": version, "time": now}
    payload = shape.model_validate(said | {"rows": list(table.rows)}).to_bytes()
    if len(payload) > MAX_BYTES:
        raise BadSettings(f"registries.files: {table.kind} has {len(payload)} bytes; {MAX_BYTES} is the most")
    tx.execute(
        "INSERT OR REPLACE INTO registries (kind, version, raw, payload, taken_at) VALUES (?, ?, ?, ?, ?)",
        (table.kind, version, _UNSIGNED, payload, to_text(now)),
    )
    _LOG.info("registry %s: %d rows read from the settings' file", table.kind, len(table.rows))


def _rows(kind: str, held: Row) -> tuple[Wire, ...]:
    return tuple(REGISTRIES[kind].parse(held["payload"], max_bytes=MAX_BYTES).rows)

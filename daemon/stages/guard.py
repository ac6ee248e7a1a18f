"""A bug, or a disk that cannot be read, costs one row its turn: it is logged, kept, and tried again later."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from daemon.clock import DockClock
from daemon.errors import CouldNotRead
from daemon.logfields import about
from daemon.store import Store
from daemon.store.database import to_text
from transcoder.errors import InspectorFailed

_LOG = logging.getLogger(__name__)
_AGAIN = timedelta(minutes=5)


class Guard:
    """Wraps the work on one row of `recordings` or `dockings`."""

    def __init__(self, store: Store, clock: DockClock) -> None:
        self._store = store
        self._clock = clock

    @property
    def now(self) -> str:
        """The time up to which rows are claimed."""
        return to_text(self._clock.now()) or ""

    @contextmanager
    def recording(self, recording: str) -> Iterator[None]:
        with about(recording=recording), self._row("recordings", "recording", recording):
            yield

    @contextmanager
    def docking(self, docking: str) -> Iterator[None]:
        with about(docking=docking), self._row("dockings", "docking", docking):
            yield

    @contextmanager
    def _row(self, table: str, key: str, value: str) -> Iterator[None]:
        try:
            yield
        except (CouldNotRead, InspectorFailed) as error:
            _LOG.warning("%s %s: to be tried again: %s", key, value, error)
            self._again(table, key, value, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it stays with this row
            _LOG.exception("%s %s: a stage failed", key, value)
            self._again(table, key, value, repr(error))
        else:
            self._over(table, key, value)

    def _over(self, table: str, key: str, value: str) -> None:
        """What failed before is over."""
        failed = f"{key} = ? AND work_retry_at <> ''"
        if self._store.row(f"SELECT 1 FROM {table} WHERE {failed}", (value,)) is not None:
            with self._store.write() as tx:
                tx.execute(
                    f"UPDATE {table} SET work_failure = NULL, work_retry_at = '' WHERE {failed}", (value,)
                )

    def _again(self, table: str, key: str, value: str, failure: str) -> None:
        again = to_text(self._clock.now() + _AGAIN)
        with self._store.write() as tx:
            tx.execute(
                f"UPDATE {table} SET work_failure = ?, work_retry_at = ? WHERE {key} = ?",
                (failure[:500], again, value),
            )

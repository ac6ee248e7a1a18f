"""What the log says an entry is about: SLOT, DOCKING, RECORDING, where that is known.

- Said once for a stretch of work (`about`), so that what other packages log meanwhile carries it too.
- `extra={"SLOT": 3}` on one call says it for that entry, and wins.
- It is for people and their filters (`journalctl DOCKING=…`); the custody record never depends on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("SLOT", "DOCKING", "RECORDING")

_about: ContextVar[Mapping[str, str]] = ContextVar("bodydock_log_fields")


@contextmanager
def about(
    *, slot: int | None = None, docking: str | None = None, recording: str | None = None
) -> Iterator[None]:
    """Whatever this thread logs inside the block is about these."""
    given = zip(FIELDS, (slot, docking, recording), strict=True)
    said = {name: str(value) for name, value in given if value is not None}
    token = _about.set({**_about.get({}), **said})
    try:
        yield
    finally:
        _about.reset(token)


def add_fields(record: logging.LogRecord) -> bool:
    """A logging filter: gives a record what this thread is about.  Lets every record through."""
    for name, value in _about.get({}).items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True

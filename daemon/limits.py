"""The limits of the uplink that are in force: pure, but for reading and keeping them in the store.

- The settings say them; a signed `config` amends them, at once and lastingly (mqtt.md, Order of sending).
- What it does not name stays as it was.
- The digest of what is in force is the settings' own, or that of settings and amendments together; a
  `config` names it as its `base`, so a replayed one does nothing (trust.md).
- Hours are the dock's local time, from (included) to (not included), also over midnight; none: always.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from daemon.settings import Settings
from daemon.store import Store, Transaction
from uplink.messages.command import ConfigArgs

_KEPT = "config"


@dataclass(frozen=True)
class Limits:
    """`bytes_per_second` 0: no limit.  `hours`: `HH:MM-HH:MM` in which footage is sent."""

    bytes_per_second: int
    hours: tuple[str, ...]
    marked_first: bool

    def allow(self, local: time) -> bool:
        """Whether footage is sent at this local time of day."""
        return not self.hours or any(_within(span, local) for span in self.hours)


def limits_of(settings: Settings, amended: ConfigArgs) -> Limits:
    """Return the settings' limits with what `amended` names in their place."""
    own = settings.uplink
    return Limits(
        own.bytes_per_second if amended.bytes_per_second is None else amended.bytes_per_second,
        tuple(own.hours if amended.hours is None else amended.hours),
        own.marked_first if amended.marked_first is None else amended.marked_first,
    )


def joined(before: ConfigArgs, after: ConfigArgs) -> ConfigArgs:
    """Return both amendments as one; the later wins."""
    return before.model_copy(update=after.model_dump(exclude_none=True))


def digest_of(settings_sha256: str, amended: ConfigArgs) -> str:
    """Return the digest of what is in force."""
    if amended == ConfigArgs():
        return settings_sha256
    return hashlib.sha256(settings_sha256.encode() + b"\n" + amended.to_bytes()).hexdigest()


def kept_amendments(store: Store | Transaction) -> ConfigArgs:
    """Return what was amended so far."""
    row = store.row("SELECT value FROM meta WHERE name = ?", (_KEPT,))
    return ConfigArgs() if row is None else ConfigArgs.model_validate_json(row["value"])


def keep_amendments(tx: Transaction, amended: ConfigArgs) -> None:
    tx.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_KEPT, amended.model_dump_json()),
    )


def check_hours(hours: Sequence[str]) -> list[str]:
    """Return the spans that are empty (they begin when they end)."""
    return [span for span in hours if span[:5] == span[6:]]


def _within(span: str, local: time) -> bool:
    start, end = time.fromisoformat(span[:5]), time.fromisoformat(span[6:])
    if start <= end:
        return start <= local < end
    return local >= start or local < end

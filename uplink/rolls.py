"""Rolled keys of a dock: pure (trust.md, Dock id and key are one to one for ever).

- `key_rolled` is signed by the key that goes and by the one that comes, by both, and names both whole.  It
  proves that whoever held the one held the other; that the old one was in force, the reader knows.
- What follows on it is signed by the new key alone; a key that went never comes back.
- Whose signature counts when, is said by the reader's own order: the chain at the dock, the log at the
  platform (trust.md, Old signatures).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from uplink import envelope
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.custody import CustodyEvent, KeyRolled

KIND = "key_rolled"
MAX_ROLLS = 64  # that an identity carries


@dataclass(frozen=True)
class Roll:
    """A `key_rolled` whose two signatures hold."""

    event: CustodyEvent
    digest: str
    before: KeyRecord
    key: KeyRecord


def read_roll(raw: bytes, dock: str) -> Roll:
    """Verify a `key_rolled` of `dock` under both keys that it names.

    Raises Refused: those of `unseal` and `parse`; `address`; `kind`; `key` (a key that cannot be one, the
    same twice, an id that is not its key's); `rolled` (one of the two has not signed).
    """
    claimed = CustodyEvent.parse(envelope.peek(raw, "event"))
    if claimed.kind != KIND:
        raise Refused("kind", f"a {claimed.kind}, not {KIND}")
    if claimed.dock != dock:
        raise Refused("address", f"a key of dock {claimed.dock}")
    data = KeyRolled.parse(json.dumps(claimed.data).encode())
    before = _record(dock, data.before, data.before_public)
    key = _record(dock, data.dock_key, data.public)
    if before.key_id == key.key_id:
        raise Refused("key", "the old key is the new one")
    signed = envelope.unseal(raw, "event", KeyRing([before, key]), Role.DOCK)
    if set(signed.signers) != {before.key_id, key.key_id}:
        raise Refused("rolled", f"signed by {len(signed.signers)} of the two keys that it names")
    return Roll(CustodyEvent.parse(signed.payload), signed.digest, before, key)


def read_line(raws: Sequence[bytes], dock: str, platform: str, newest: KeyRecord) -> list[Roll]:
    """Verify rolls, oldest first, that end with `newest`: each goes on with the key of the one before.

    Raises Refused: those of `read_roll`; `address` (of another platform); `rolled` (they do not join).
    """
    line = [read_roll(raw, dock) for raw in raws]
    for roll in line:
        if roll.event.platform != platform:
            raise Refused("address", f"a key that was rolled at platform {roll.event.platform}")
    comes = [roll.before.key_id for roll in line[1:]] + [newest.key_id]
    if line and [roll.key.key_id for roll in line] != comes:
        raise Refused("rolled", "the rolled keys do not lead to this one")
    if len({roll.before.key_id for roll in line} | {newest.key_id}) != len(line) + 1:
        raise Refused("rolled", "a key came back")
    return line


class KeyHistory:
    """Which keys of a dock sign at which place of an order.  Immutable.

    `steps`: from behind which place on which keys count; the first holds for everything before as well.
    """

    def __init__(self, steps: Iterable[tuple[int, KeyRing]]) -> None:
        self._steps = sorted(steps, key=lambda step: step[0])
        self._places = [place for place, _ in self._steps]

    @classmethod
    def always(cls, ring: KeyRing) -> KeyHistory:
        return cls([(-1, ring)])

    @classmethod
    def of(cls, first: KeyRecord, rolls: Iterable[tuple[int, Roll]]) -> KeyHistory:
        """Return the history of a dock that began with `first`.

        A roll of a key that is not in force changes nothing.
        """
        steps, at = [(-1, KeyRing([first]))], first.key_id
        for place, roll in rolls:
            if roll.before.key_id == at:
                steps.append((place, KeyRing([roll.key])))
                at = roll.key.key_id
        return cls(steps)

    def at(self, place: int) -> KeyRing:
        """Return the keys that sign at `place`: of a roll itself, the old one."""
        if not self._steps:
            return KeyRing()
        return self._steps[max(bisect_left(self._places, place) - 1, 0)][1]


def _record(dock: str, key_id: str, public: str) -> KeyRecord:
    try:
        record = KeyRecord(bytes.fromhex(public), Role.DOCK, dock)
    except BadKey as e:
        raise Refused("key", str(e)) from None
    if record.key_id != key_id:
        raise Refused("key", f"{key_id[:16]} is not the id of the key beside it")
    return record

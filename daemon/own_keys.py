"""Which keys the dock's own chain is verified with (`bodydock verify`): pure.

- The dock's key is the one in its key file.  A chain that says it was rolled bears the keys before it out, if
  it ends with that key: each roll is signed by the one that came.
- Where the key file is another one, that alone counts, and the chain does not hold.
- Where nobody has the key (the file cannot be read; another id; another platform, which was told of another
  key) the chain names it itself: then it proves only that it is one piece.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.store import Row
from uplink import envelope
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages import CustodyEvent
from uplink.messages.custody import Enrolled
from uplink.rolls import KIND, KeyHistory, read_roll

_IN_AN_EPOCH = 2**40


@dataclass(frozen=True)
class OwnKeys:
    """The keys of one of the ids that this dock had.  `history`: by `order_of`."""

    history: KeyHistory
    ring: KeyRing
    ids: frozenset[str]


NOBODY = OwnKeys(KeyHistory([]), KeyRing(), frozenset())


@dataclass(frozen=True)
class _Step:
    place: int
    platform: str
    key: KeyRecord


def order_of(place: int, n: int) -> int:
    """Return where an event stands in the dock's whole chain."""
    return place * _IN_AN_EPOCH + n


def own_keys(
    named: Sequence[Row], dock: str, platform: str, here: KeyRecord | None
) -> tuple[dict[str, OwnKeys], list[str]]:
    """Return the keys by id, and which ids are verified with keys that the chain itself names.

    `named`: the rows of `enrolled` and `key_rolled`, in order; `here`: the key in the key file.
    """
    steps = _steps(named)
    keys = {name: _in_order(found) for name, found in steps.items()}
    itself = set(steps) - {dock}
    if here is None:
        return keys, sorted(itself)
    ours = steps.get(dock, [])
    mine = [step.key.key_id for step in ours if step.platform == platform]
    borne = bool(mine) and mine[-1] == here.key_id
    others = [s.key for s in ours if s.platform != platform and s.key.key_id not in {*mine, here.key_id}]
    if not borne:
        keys[dock] = _as_one([here, *others])
    return keys, sorted(itself | ({dock} if others else set()))


def _steps(named: Sequence[Row]) -> dict[str, list[_Step]]:
    found: dict[str, list[_Step]] = {}
    for row in named:
        line, at = found.setdefault(row["dock"], []), order_of(row["place"], row["n"])
        try:
            if row["kind"] != KIND:
                line.append(_Step(at - 1, row["platform"], _enrolled_key(row["raw"], row["dock"])))
                continue
            roll = read_roll(row["raw"], row["dock"])
        except (Refused, BadKey):
            continue  # the chain's own check judges the event
        if line and line[-1].key.key_id == roll.before.key_id:
            line.append(_Step(at, row["platform"], roll.key))
    return found


def _enrolled_key(raw: bytes, dock: str) -> KeyRecord:
    event = CustodyEvent.parse(envelope.peek(raw, "event"))
    enrolled = Enrolled.parse(json.dumps(event.data).encode())
    return KeyRecord(bytes.fromhex(enrolled.public), Role.DOCK, dock)


def _in_order(steps: Sequence[_Step]) -> OwnKeys:
    history = KeyHistory((step.place, KeyRing([step.key])) for step in steps)
    keys = [step.key for step in steps]
    return OwnKeys(history, KeyRing(keys), frozenset(key.key_id for key in keys))


def _as_one(keys: Sequence[KeyRecord]) -> OwnKeys:
    ring = KeyRing(keys)
    return OwnKeys(KeyHistory.always(ring), ring, frozenset(key.key_id for key in keys))

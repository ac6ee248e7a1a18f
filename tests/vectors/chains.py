"""Messages that come one after the other: a dock's chain, and the revisions of a recording.

A line names its files in the order in which they come, and what becomes of each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.vectors import parts as p
from uplink.keys import key_id

EPOCH_2 = p.fixed("epoch 2")


class Chain:
    """Signs one event after the other.  `at`: the newest one, as others name it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.at: p.Json | None = None

    def add(self, name: str, kind: str, data: p.Json, **changed: Any) -> None:
        n, prev = (0, None) if self.at is None else (self.at["n"] + 1, self.at["head"])
        message = p.event(kind, n, prev, data, **changed)
        raw = p.sealed("event", message, "dock")
        self.files[name] = raw
        self.at = {"epoch": message["epoch"], "n": message["n"], "head": p.digest("event", raw)}


ENROLLED = {
    "platform": p.PLATFORM,
    "keys": [{"key": p.KEYS["receipt"].key_id, "public": p.KEYS["receipt"].public.hex(), "role": "receipt"}],
    "site": p.SITE,
    "dock_key": p.KEYS["dock"].key_id,
    "public": p.KEYS["dock"].public.hex(),
    "host": None,
}
DOCKING = {"docking": p.fixed("docking 1")}
ONE = {"count": 1, "bytes": len(p.DATA)}
NONE = {"count": 0, "bytes": 0}
ATTACHED = DOCKING | {"slot": 1, "camera": {"serial": p.SERIAL, "by": "usb"}, "profile": "generic"}
LISTED = DOCKING | ONE | {"listing": "2" * 64}
CLOSED = DOCKING | {"listed": ONE, "stored": ONE, "already_stored": NONE, "explained": []}


@cache
def _chain() -> tuple[dict[str, bytes], p.Json, p.Json]:
    """Return the files, and the points of events 2 and 4."""
    chain = Chain()
    manifest = p.sealed("manifest", p.manifest(), "dock")
    stored = DOCKING | {
        "index": 0,
        "path_b64": p.manifest()["path_b64"],
        "size": len(p.DATA),
        "sha256": p.SHA256,
        "zero_bytes": 0,
    }
    chain.add("0-enrolled", "enrolled", ENROLLED)
    chain.add("1-attached", "attached", ATTACHED)
    chain.add("2-listed", "listed", LISTED)
    second = dict(chain.at or {})
    chain.add("3-stored", "stored", stored, recording=p.RECORDING)
    third = dict(chain.at or {})
    chain.add("4-closed", "closed", CLOSED)
    last = dict(chain.at or {})
    tagged = {
        "manifest": p.digest("manifest", manifest),
        "revision": 1,
        "by": "declaration",
        "officer": "8888888",
    }
    chain.add("5-tagged", "tagged", tagged, recording=p.RECORDING)
    files = chain.files
    restarted = Chain()
    restarted.add(
        "restarted", "restarted", {"after": last, "branch": last}, epoch=EPOCH_2, run=p.fixed("run 2")
    )
    files |= restarted.files

    def wrong(name: str, kind: str, n: int, prev: str | None, data: p.Json, **changed: Any) -> None:
        signer = changed.pop("signer", "dock")
        files[name] = p.sealed("event", p.event(kind, n, prev, data, **changed), signer)

    wrong("prev", "closed", 4, "3" * 64, CLOSED)
    wrong("n", "closed", 5, third["head"], CLOSED)
    wrong("no-prev", "attached", 1, None, ATTACHED)
    wrong("first", "attached", 0, None, ATTACHED, epoch=p.fixed("epoch 3"))
    wrong("fork", "attached", 3, second["head"], ATTACHED)
    wrong("other-dock", "closed", 4, third["head"], CLOSED, dock="dock-2")
    wrong("signer", "closed", 4, third["head"], CLOSED, signer="other-dock")
    wrong("kind", "burnt", 4, third["head"], CLOSED)
    wrong("sum", "closed", 4, third["head"], CLOSED | {"stored": NONE})
    files |= _rolled(last)
    more = DOCKING | {"listed": ONE, "stored": NONE, "already_stored": ONE, "explained": []}
    wrong("sum-of-events", "closed", 4, third["head"], more)
    return {f"chain/{name}.json": raw for name, raw in files.items()}, second, last


def rolled(before: str, key: str) -> p.Json:
    """Return the data of a `key_rolled` from one key to another, by their names."""
    old, new = p.KEYS[before], p.KEYS[key]
    return {
        "before": old.key_id,
        "before_public": old.public.hex(),
        "dock_key": new.key_id,
        "public": new.public.hex(),
        "reason": "test vector",
    }


def _rolled(last: p.Json) -> dict[str, bytes]:
    """Return the roll that follows on event 4, what follows on it, and what it could have been."""
    n, both = last["n"] + 1, ("dock", "dock-next")

    def signed(data: p.Json, *signers: str) -> bytes:
        return p.sealed("event", p.event("key_rolled", n, last["head"], data), *signers)

    good = signed(rolled(*both), *both)
    after = p.event("attached", n + 1, p.digest("event", good), ATTACHED)
    neutral = (1).to_bytes(32, "little")
    small = {"dock_key": key_id(neutral), "public": neutral.hex()}
    return {
        "rolled": good,
        "rolled-after": p.sealed("event", after, "dock-next"),
        "rolled-after-old": p.sealed("event", after, "dock"),
        "rolled-by-old": signed(rolled(*both), "dock"),
        "rolled-by-new": signed(rolled(*both), "dock-next"),
        "rolled-by-others": signed(rolled(*both), "dock", "stranger"),
        "rolled-same": signed(rolled("dock", "dock"), "dock"),
        "rolled-small": signed(rolled(*both) | small, "dock"),
        "rolled-id": signed(rolled(*both) | {"dock_key": "5" * 64}, *both),
        "rolled-foreign": signed(rolled("stranger", "dock-next"), "dock", "stranger", "dock-next"),
        "rolled-back": p.sealed(
            "event",
            p.event("key_rolled", n + 1, p.digest("event", good), rolled("dock-next", "dock")),
            *both,
        ),
    }


@cache
def _revisions() -> dict[str, bytes]:
    def signed(**changed: Any) -> bytes:
        return p.sealed("manifest", p.manifest(**changed), "dock")

    first = signed()
    tag = {"officer": None, "cases": [{"case": "A-1", "by": "command"}]}
    second = signed(revision=2, prev_manifest=p.digest("manifest", first), tag=tag)
    third = signed(revision=3, prev_manifest=p.digest("manifest", second))
    files = {
        "1": first,
        "2": second,
        "3": third,
        "1-other": signed(tag=tag),
        "2-other-prev": signed(revision=2, prev_manifest="4" * 64),
    }
    return {f"revisions/{name}.json": raw for name, raw in files.items()}


def files() -> dict[str, bytes]:
    return _chain()[0] | _revisions()


def _steps(folder: str, *steps: str) -> list[p.Json]:
    """`name=outcome`, or `name=outcome:code`."""
    found = []
    for step in steps:
        name, _, outcome = step.partition("=")
        word, _, code = outcome.partition(":")
        found.append({"file": f"{folder}/{name}.json", "outcome": word} | ({"code": code} if code else {}))
    return found


def lines() -> list[tuple[str, str, list[p.Json]]]:
    """Return name, what it shows, and the steps."""
    begin = ["0-enrolled=joins", "1-attached=joins", "2-listed=joins", "3-stored=joins"]
    chains: list[tuple[str, str, list[str]]] = [
        ("chain-good", "a docking of one file", [*begin, "4-closed=joins", "5-tagged=joins"]),
        ("chain-again", "the same event again changes nothing", [*begin, "3-stored=known", "4-closed=joins"]),
        ("chain-gap", "event 4 is missing", [*begin, "5-tagged=early", "4-closed=joins", "5-tagged=joins"]),
        ("chain-prev", "`prev` is not event 3", [*begin, "prev=broken:chain"]),
        ("chain-n", "`prev` is event 3, `n` is 5", [*begin, "n=broken:chain"]),
        ("chain-no-prev", "event 1 without `prev`", ["0-enrolled=joins", "no-prev=refused:shape"]),
        ("chain-first", "an epoch begins with `attached`", ["0-enrolled=joins", "first=refused:chain"]),
        ("chain-fork", "two events name event 2: receipts are held back", [*begin, "fork=branches"]),
        ("chain-restored", "a restored dock goes on", [*begin, "4-closed=joins", "restarted=joins"]),
        ("chain-address", "another dock's name", [*begin, "other-dock=refused:address"]),
        ("chain-signer", "another dock's key", [*begin, "signer=refused:key"]),
        ("chain-kind", "an unknown kind", [*begin, "kind=refused:shape"]),
        ("chain-sum", "`closed` does not add up in itself", [*begin, "sum=odd:data"]),
        ("chain-sum-of-events", "`closed` is not what `stored` said", [*begin, "sum-of-events=odd:sum"]),
    ]
    closed = [*begin, "4-closed=joins"]
    went = [*closed, "rolled=joins"]
    chains += [
        ("chain-rolled", "another key takes the dock's place", [*went, "rolled-after=joins", "rolled=known"]),
        ("chain-rolled-known", "what is held stays, under the old key", [*went, "4-closed=known"]),
        ("chain-rolled-old", "the old key after the roll", [*went, "rolled-after-old=refused:retired"]),
        ("chain-rolled-fork", "the old key beside the roll", [*went, "fork=refused:retired"]),
        ("chain-rolled-back", "a key that went comes back", [*went, "rolled-back=refused:key"]),
        ("chain-rolled-soon", "the new key before the roll", [*closed, "rolled-after=refused:key"]),
        ("chain-rolled-by-old", "only the old key signed", [*closed, "rolled-by-old=refused:rolled"]),
        ("chain-rolled-by-new", "only the new key signed", [*closed, "rolled-by-new=refused:key"]),
        (
            "chain-rolled-by-others",
            "an unknown key for the new",
            [*closed, "rolled-by-others=refused:rolled"],
        ),
        ("chain-rolled-same", "the old key is the new one", [*closed, "rolled-same=refused:key"]),
        ("chain-rolled-small", "the new key is of small order", [*closed, "rolled-small=refused:key"]),
        ("chain-rolled-id", "the id is not the key's", [*closed, "rolled-id=refused:key"]),
        ("chain-rolled-foreign", "from a key not in force", [*closed, "rolled-foreign=refused:retired"]),
    ]
    revisions: list[tuple[str, str, list[str]]] = [
        ("revisions-good", "one after the other", ["1=take", "2=take", "3=take", "3=again"]),
        ("revisions-ahead", "revision 2 is missing", ["1=take", "3=refuse:later", "2=take", "3=take"]),
        ("revisions-older", "a dock that was restored", ["1=take", "2=take", "1=refuse:conflict"]),
        ("revisions-other", "revision 1 with other facts", ["1=take", "1-other=refuse:conflict"]),
        ("revisions-prev", "`prev_manifest` is not revision 1", ["1=take", "2-other-prev=refuse:conflict"]),
    ]
    return [
        *((name, what, _steps("chain", *steps)) for name, what, steps in chains),
        *((name, what, _steps("revisions", *steps)) for name, what, steps in revisions),
    ]

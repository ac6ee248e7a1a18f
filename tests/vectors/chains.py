"""Messages that come one after the other: a dock's chain, and the revisions of a recording.

A line names its files in the order in which they come, and what becomes of each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.vectors import parts as p

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
    more = DOCKING | {"listed": ONE, "stored": NONE, "already_stored": ONE, "explained": []}
    wrong("sum-of-events", "closed", 4, third["head"], more)
    return {f"chain/{name}.json": raw for name, raw in files.items()}, second, last


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

"""Checking a dock's chain and a recording's revisions again, from their exact bytes: pure.

The dock and the platform keep the same signed things; `bodydock verify` and `center verify` both ask this
(trust.md, Signing and the chain):

- Every event is signed by the key that was in force at its place (`uplink.rolls`), `key_rolled` by the new
  one besides, and is what the columns beside it say.
- `n` has no gaps in an epoch; `prev` is the digest of event n-1; an epoch opens with `enrolled` or
  `restarted`.
- The data of a kind has its shape; `closed` adds up, its `listed` is the one committed before the first byte,
  and what it says was stored is what the `stored` events of that docking sum up to; none comes after it.
  (A docking that goes on in a later epoch, or that began beside the main line, is only asked to add up in
  itself.)
- A revision is committed by one event; revisions of a recording follow on each other by digest, and never
  change recording, camera, path, size or SHA-256; the id recomputes.
- Before a revision that a restored dock took back from the platform may be some that it forgot.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from uplink import envelope
from uplink.errors import Refused
from uplink.ids import recording_id
from uplink.keys import KeyRing, Role
from uplink.messages.custody import DATA, Closed, CustodyEvent, Listed, Stored, Total
from uplink.messages.manifest import MAX_MANIFEST_BYTES, Manifest
from uplink.rolls import KIND, KeyHistory, read_roll


@dataclass(frozen=True)
class Flaw:
    """Something that does not hold.  `place`: where exactly; `code`: short and stable."""

    place: str
    code: str
    text: str


@dataclass(frozen=True)
class HeldEvent:
    """An event as it is kept: its exact bytes, and the columns beside them.

    `order`: its place in the order by which keys came into force.
    """

    epoch: str
    n: int
    digest: str
    kind: str
    recording: str | None
    raw: bytes
    order: int = 0

    @property
    def place(self) -> str:
        return f"event {self.n} of epoch {self.epoch[:8]}"


@dataclass(frozen=True)
class HeldRevision:
    """A manifest as it is kept.  `history`: a restored dock took it back from the platform."""

    revision: int
    digest: str
    raw: bytes
    history: bool = False


@dataclass
class _Sum:
    epoch: str
    listed: Listed | None = None
    stored: Total = field(default_factory=lambda: Total(count=0, bytes=0))
    already: Total = field(default_factory=lambda: Total(count=0, bytes=0))


class ChainAudit:
    """Takes the events of a dock in order; `committed` and `cleared` gather what they say."""

    def __init__(self, dock: str, keys: KeyHistory) -> None:
        self._dock = dock
        self._keys = keys
        self._before: HeldEvent | None = None
        self._open: dict[str, _Sum] = {}
        self._closed: set[bytes] = set()
        self._beside: set[bytes] = set()
        self.committed: set[bytes] = set()  # of digests, as `short`
        self.cleared: set[str] = set()
        self.events = 0
        self.dockings = 0

    def feed(self, held: HeldEvent) -> list[Flaw]:
        """Check the next event."""
        self.events += 1
        flaws = self._joins(held)
        event, trouble = read_event(held, self._dock, self._keys)
        self._before = held
        flaws += trouble
        if event is not None:
            flaws += self._data(held, event)
        return flaws

    def beside(self, event: CustodyEvent) -> None:
        """Note an event beside the line, before the line is fed."""
        docking = event.data.get("docking")
        if event.kind in ("listed", "stored") and isinstance(docking, str):
            self._beside.add(short(docking))

    def _joins(self, held: HeldEvent) -> list[Flaw]:
        before = self._before
        if before is None or before.epoch != held.epoch:
            if held.n != 0:
                return [Flaw(held.place, "gap", f"epoch {held.epoch[:8]} begins with event {held.n}, not 0")]
            if held.kind not in ("enrolled", "restarted"):
                return [Flaw(held.place, "first", f"an epoch does not begin with `{held.kind}`")]
            return []
        flaws = []
        if held.n != before.n + 1:
            flaws.append(Flaw(held.place, "gap", f"event {before.n} comes before it"))
        try:
            prev = CustodyEvent.parse(envelope.peek(held.raw, "event")).prev
        except Refused:
            return flaws  # told by `read_event`
        if prev != before.digest:
            flaws.append(
                Flaw(held.place, "prev", f"names {str(prev)[:16]}, the one before is {before.digest[:16]}")
            )
        return flaws

    def _data(self, held: HeldEvent, event: CustodyEvent) -> list[Flaw]:
        manifest = event.data.get("manifest")
        if isinstance(manifest, str) and isinstance(event.data.get("revision"), int):
            if short(manifest) in self.committed:
                return [Flaw(held.place, "twice", f"manifest {manifest[:16]} was committed before")]
            self.committed.add(short(manifest))
        shape = DATA.get(event.kind)
        if shape is None:
            return []
        try:
            data = shape.parse(json.dumps(event.data).encode())
        except Refused as refused:
            return [Flaw(held.place, "data", str(refused))]
        match data:
            case Listed():
                self._open.setdefault(data.docking, _Sum(held.epoch)).listed = data
            case Stored():
                return self._stored(held, data)
            case Closed():
                return self._close(held, data)
        if event.kind == "cleared":
            self.cleared.update(event.data["recordings"])
        return []

    def _stored(self, held: HeldEvent, data: Stored) -> list[Flaw]:
        if short(data.docking) in self._closed:
            return [Flaw(held.place, "late", f"docking {data.docking[:8]} was closed before")]
        found = self._open.setdefault(data.docking, _Sum(held.epoch))
        if data.already:
            found.already = _plus(found.already, data.size)
        else:
            found.stored = _plus(found.stored, data.size)
        return []

    def _close(self, held: HeldEvent, closed: Closed) -> list[Flaw]:
        found = self._open.pop(closed.docking, _Sum(held.epoch))
        self._closed.add(short(closed.docking))
        self.dockings += 1
        told = [
            ("stored", closed.stored, found.stored),
            ("already stored", closed.already_stored, found.already),
        ]
        if found.epoch != held.epoch or short(closed.docking) in self._beside:
            return []  # the dock was restored in between, and counts what it remembers
        if found.listed is None:
            return [Flaw(held.place, "sum", f"docking {closed.docking[:8]} was never listed")]
        told.append(("listed", closed.listed, Total(count=found.listed.count, bytes=found.listed.bytes)))
        return [
            Flaw(
                held.place,
                "sum",
                f"docking {closed.docking[:8]}: {name} {said.count} files, {said.bytes} bytes;"
                f" the events say {sums.count}, {sums.bytes}",
            )
            for name, said, sums in told
            if said != sums
        ]


def short(digest: str) -> bytes:
    """Return enough of a digest (or docking) to tell it from all others, in little memory."""
    return bytes.fromhex(digest)[:16]


def read_event(held: HeldEvent, dock: str, keys: KeyHistory) -> tuple[CustodyEvent | None, list[Flaw]]:
    """Verify an event; returns it where it can be read, and what does not hold."""
    try:
        ring = keys.at(held.order)
        signed = envelope.unseal(held.raw, "event", ring, Role.DOCK)
        event = CustodyEvent.parse(signed.payload)
        if event.kind == KIND and ring.find(read_roll(held.raw, dock).before.key_id, Role.DOCK) is None:
            raise Refused("rolled", "the key that goes is not the one in force")
    except Refused as refused:
        return None, [Flaw(held.place, refused.code, str(refused))]
    said = {
        "digest": signed.digest,
        "dock": event.dock,
        "epoch": event.epoch,
        "n": event.n,
        "kind": event.kind,
        "recording": event.recording,
    }
    kept = {
        "digest": held.digest,
        "dock": dock,
        "epoch": held.epoch,
        "n": held.n,
        "kind": held.kind,
        "recording": held.recording,
    }
    flaws = [
        Flaw(held.place, "column", f"{name} is kept as {kept[name]!r}, signed is {said[name]!r}")
        for name in said
        if said[name] != kept[name]
    ]
    return event, flaws


def check_revisions(
    recording: str,
    held: Iterable[HeldRevision],
    facts: tuple[str, str, str, int],
    ring: KeyRing,
    *,
    incomplete: bool = False,
) -> list[Flaw]:
    """Check a recording's revisions, in order.  `facts`: platform, dock, SHA-256, size in bytes.

    `incomplete`: the line may begin above revision 1.
    """
    flaws: list[Flaw] = []
    before: HeldRevision | None = None
    first: Manifest | None = None
    for one in held:
        place = f"recording {recording}, revision {one.revision}"
        try:
            signed = envelope.unseal(one.raw, "manifest", ring, Role.DOCK, MAX_MANIFEST_BYTES)
            manifest = Manifest.parse(signed.payload, MAX_MANIFEST_BYTES)
        except Refused as refused:
            flaws.append(Flaw(place, refused.code, str(refused)))
            before = one
            continue
        flaws += [
            Flaw(place, code, text) for code, text in _wrong(recording, one, signed.digest, manifest, facts)
        ]
        flaws += [Flaw(place, code, text) for code, text in _unjoined(one, before, manifest, incomplete)]
        if first is not None and (first.camera, first.path_b64) != (manifest.camera, manifest.path_b64):
            flaws.append(Flaw(place, "changed", "camera or path is another than before"))
        first = first or manifest
        before = one
    return flaws


def _wrong(
    recording: str, one: HeldRevision, digest: str, manifest: Manifest, facts: tuple[str, str, str, int]
) -> list[tuple[str, str]]:
    wrong = []
    if digest != one.digest or manifest.revision != one.revision:
        wrong.append(("column", f"kept as revision {one.revision}, {one.digest[:16]}"))
    if (manifest.platform, manifest.dock, manifest.sha256, manifest.size) != facts:
        wrong.append(("facts", "platform, dock, SHA-256 or size is not the recording's"))
    try:
        path = base64.b64decode(manifest.path_b64, validate=True)
        found = recording_id(manifest.camera.serial, path, manifest.size, manifest.sha256)
    except ValueError:
        found = ""
    if recording not in (found,) or manifest.recording != recording:
        wrong.append(("id", "the id does not recompute"))
    return wrong


def _unjoined(
    one: HeldRevision, before: HeldRevision | None, manifest: Manifest, incomplete: bool
) -> list[tuple[str, str]]:
    if one.history and (before is None or one.revision > before.revision + 1):
        return []
    if before is None:
        return [] if one.revision == 1 or incomplete else [("gap", "the revisions before it are not held")]
    if one.revision != before.revision + 1:
        return [("gap", f"revision {before.revision} comes before it")]
    if manifest.prev_manifest != before.digest:
        return [("prev", f"names {str(manifest.prev_manifest)[:16]}, the one before is {before.digest[:16]}")]
    return []


def _plus(total: Total, size_bytes: int) -> Total:
    return Total(count=total.count + 1, bytes=total.bytes + size_bytes)

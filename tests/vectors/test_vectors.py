"""The test vectors are up to date, and our code accepts each good one and refuses each broken one by name."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from center import chain, revisions, rolling
from center.chain import Held, Line
from tests.vectors import make
from tests.vectors import parts as p
from uplink import commanding, delivery, envelope, ids
from uplink.audit import ChainAudit, HeldEvent
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role, check_public, key_id
from uplink.messages import Answer, ChainPoint, CustodyEvent, Identity, Manifest
from uplink.messages.manifest import MAX_MANIFEST_BYTES
from uplink.rolls import KeyHistory, Roll, read_line, read_roll

HERE = Path(__file__).parent
INDEX = json.loads((HERE / "index.json").read_text("utf-8"))
KEYS = json.loads((HERE / "keys.json").read_text("utf-8"))
IDS = json.loads((HERE / "ids.json").read_text("utf-8"))
LINES = {line["name"]: line["steps"] for line in INDEX["lines"]}


def ring(*, of_dock: str | None = None) -> KeyRing:
    """Return what one side holds: the platform's ring of one dock, or the dock's ring of its platform."""
    records = [
        KeyRecord(bytes.fromhex(key["public"]), Role(key["role"]), key["owner"])
        for key in KEYS["keys"]
        if key["role"] is not None
    ]
    return KeyRing(r for r in records if (r.owner == of_dock if of_dock else r.role is not Role.DOCK))


DOCK_RING, PLATFORM_RING = ring(of_dock=p.DOCK), ring()


def raw_of(file: str) -> bytes:
    return (HERE / file).read_bytes()


def test_the_vectors_are_up_to_date() -> None:
    made = make.made()
    kept = {str(path.relative_to(HERE)): path.read_bytes() for path in HERE.rglob("*.json")}
    assert sorted(kept) == sorted(made), "run: python -m tests.vectors.make"
    assert kept == made, "run: python -m tests.vectors.make"


def test_of_each_kind_there_are_good_and_broken_ones() -> None:
    found: dict[str, set[bool]] = {}
    for vector in INDEX["vectors"]:
        found.setdefault(vector["file"].split("/")[0], set()).add(vector["accept"])
    assert set(found) >= {"envelopes", "payloads", "manifests", "receipts", "heads", "commands", "registries"}
    assert all(both == {True, False} for both in found.values()), found


@pytest.mark.parametrize("vector", INDEX["vectors"], ids=lambda v: v["file"].removesuffix(".json"))
def test_good_ones_are_accepted_and_broken_ones_refused_by_name(vector: dict[str, Any]) -> None:
    raw = raw_of(vector["file"])
    if vector["accept"]:
        take(raw, vector)
        return
    with pytest.raises(Refused) as refused:
        take(raw, vector)
    assert refused.value.code == vector["code"], str(refused.value)


def take(raw: bytes, vector: dict[str, Any]) -> None:
    """Take a message as the side does that it is for, told by its topic.  Raises Refused."""
    parts = vector["topic"].split("/")
    match parts[3:] if "registry" in parts else parts[4:]:
        case ["up", "manifests", recording]:
            take_manifest(raw, recording, revisions.Held(None, None))
        case ["up", "reply", _]:
            Answer.parse(envelope.unseal(raw, "answer", DOCK_RING, Role.DOCK).payload)
        case ["down", "receipts", _]:
            delivery.check_receipt(raw, PLATFORM_RING, dock_facts())
        case ["down", "head"]:
            delivery.check_head(raw, PLATFORM_RING, p.PLATFORM, p.DOCK)
        case ["down", "reconciliation"]:
            delivery.check_reconciliation(raw, PLATFORM_RING, p.PLATFORM, p.DOCK)
        case ["down", "cmd", verb]:
            commanding.check(raw, verb, PLATFORM_RING)
        case ["registry", kind]:
            delivery.check_registry(raw, PLATFORM_RING, p.PLATFORM, p.SITE, kind)
        case []:
            said = Identity.parse(envelope.peek(raw, "identity"))
            own = KeyRecord(bytes.fromhex(said.public), Role.DOCK, said.dock)
            envelope.unseal(raw, "identity", KeyRing([own]), Role.DOCK)
            read_line([envelope.dump(one) for one in said.rolled], p.DOCK, p.PLATFORM, own)
        case other:
            pytest.fail(f"nobody takes {other}")


def dock_facts() -> delivery.RecordingFacts:
    digest = p.digest("manifest", raw_of("manifests/good.json"))
    return delivery.RecordingFacts(
        platform=p.PLATFORM,
        dock=p.DOCK,
        dock_key=p.KEYS["dock"].key_id,
        recording=p.RECORDING,
        size=len(p.DATA),
        sha256=p.SHA256,
        manifests={digest: 1},
    )


def take_manifest(
    raw: bytes, recording: str, held: revisions.Held
) -> tuple[revisions.Outcome, Manifest, str]:
    signed = envelope.unseal(raw, "manifest", DOCK_RING, Role.DOCK, MAX_MANIFEST_BYTES)
    manifest = Manifest.parse(signed.payload, MAX_MANIFEST_BYTES)
    topic = revisions.Topic(p.PLATFORM, p.DOCK, recording)
    decision = revisions.decide(manifest, signed.digest, topic, held, None)
    if decision.outcome is revisions.Outcome.REFUSE:
        raise Refused(decision.code, decision.reason)
    return decision.outcome, manifest, signed.digest


def lines(prefix: str) -> list[str]:
    return [name for name in LINES if name.startswith(prefix)]


@pytest.mark.parametrize("name", lines("revisions"))
def test_revisions_join_or_are_refused(name: str) -> None:
    newest, known = None, set[str]()
    for step in LINES[name]:
        raw = raw_of(step["file"])
        digest = p.digest("manifest", raw)
        held = revisions.Held(newest, digest if digest in known else None)
        try:
            outcome, manifest, digest = take_manifest(raw, p.RECORDING, held)
        except Refused as refused:
            assert (step["outcome"], step["code"]) == ("refuse", refused.code), str(refused)
            continue
        assert outcome.value == step["outcome"]
        newest = revisions.Newest(manifest.revision, digest)
        known.add(digest)


class HeldHere:
    """The chain as one platform holds it, in memory."""

    def __init__(self) -> None:
        self.points: dict[str, Held] = {}
        self.runs: set[str] = set()
        self.named: set[str] = set()
        self.newest: ChainPoint | None = None

    def head(self) -> ChainPoint | None:
        return self.newest

    def find(self, digest: str) -> Held | None:
        return self.points.get(digest)

    def elsewhere(self, digest: str) -> bool:
        return False

    def main_has_run(self, run: str) -> bool:
        return run in self.runs

    def is_tip(self, digest: str) -> bool:
        return digest not in self.named

    def keep(self, event: CustodyEvent, digest: str) -> None:
        self.newest = ChainPoint(epoch=event.epoch, n=event.n, head=digest)
        self.points[digest] = Held(self.newest, Line.MAIN)
        self.runs.add(event.run)


class DockHere:
    """One dock's keys as a platform knows them."""

    def __init__(self) -> None:
        self.keys = DOCK_RING.of_role(Role.DOCK)
        self.rolls: list[tuple[int, Roll]] = []
        self.order = 0

    def owner_of(self, key: str) -> str | None:
        return p.DOCK if any(known.key_id == key for known in self.keys) else None

    def keep(self, key: KeyRecord | None, raw: bytes) -> None:
        self.order += 1
        if key is not None:
            self.keys.append(key)
            self.rolls.append((self.order, read_roll(raw, p.DOCK)))

    def history(self) -> KeyHistory:
        return KeyHistory.of(self.keys[0], self.rolls)


@pytest.mark.parametrize("name", lines("chain"))
def test_events_join_or_are_refused(name: str) -> None:
    held, dock = HeldHere(), DockHere()
    joined: list[HeldEvent] = []
    for step in LINES[name]:
        try:
            outcome, code = join(raw_of(step["file"]), held, dock, joined)
        except Refused as refused:
            outcome, code = "refused", refused.code
        assert (outcome, code) == (step["outcome"], step.get("code", "")), step


def join(raw: bytes, held: HeldHere, dock: DockHere, joined: list[HeldEvent]) -> tuple[str, str]:
    """Take an event as a platform does.  `odd`: it joins, and what it says does not hold."""
    signed = envelope.unseal(raw, "event", KeyRing(dock.keys), Role.DOCK)
    event = CustodyEvent.parse(signed.payload)
    if (event.dock, event.platform) != (p.DOCK, p.PLATFORM):
        raise Refused("address", event.dock)
    decision = chain.decide(event, signed.digest, held, 0.0)
    if decision.outcome is not chain.Outcome.KNOWN:
        key = rolling.key_after(signed, event, dock.keys[-1], dock.owner_of)
    if decision.outcome is chain.Outcome.JOINS:
        held.keep(event, signed.digest)
        dock.keep(key, raw)
        facts = (event.epoch, event.n, signed.digest, event.kind, event.recording, raw)
        joined.append(HeldEvent(*facts, order=dock.order))
        audit = ChainAudit(p.DOCK, dock.history())
        flaws = [flaw for one in joined for flaw in audit.feed(one)]
        return ("odd", flaws[0].code) if flaws else ("joins", "")
    return decision.outcome.value, "chain" if decision.outcome is chain.Outcome.BROKEN else ""


def test_keys_and_ids_recompute() -> None:
    for key in KEYS["keys"]:
        assert key_id(bytes.fromhex(key["public"])) == key["key_id"]
        check_public(bytes.fromhex(key["public"]))
    for bad in KEYS["bad"]:
        with pytest.raises(BadKey):
            check_public(bytes.fromhex(bad["public"]))
    for one in IDS["recordings"]:
        path = base64.b64decode(one["path_b64"])
        assert ids.recording_id(one["serial"], path, one["size"], one["sha256"]) == one["recording"]
    for one in IDS["files"]:
        facts = (one["platform"], one["dock_key"], one["recording"], one["sha256"], one["attempt"])
        assert ids.file_id(*facts) == one["file_id"]

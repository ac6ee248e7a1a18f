"""The captured conversation in docs/ is what the contract allows, signed, joined, and shown as it is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.rig.contract import Contract
from tests.rig.protocol_capture import CAPTURE, DOCUMENT, render
from tests.rig.receipt_check import digest, opened
from uplink import envelope
from uplink.keys import KeyRecord, KeyRing, Role

CAPTURED: dict[str, Any] = json.loads(CAPTURE.read_text("utf-8"))
MESSAGES = [(m["topic"], m["payload"].encode()) for m in CAPTURED["messages"]]
SIGNERS = {
    "event": Role.DOCK,
    "manifest": Role.DOCK,
    "answer": Role.DOCK,
    "command": Role.OPERATE,
    "registry": Role.REGISTRY,
}


def payloads(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (digest, payload) of all of a kind, in order."""
    sealed = [raw for _, raw in MESSAGES if f"bodydock.{kind}.1".encode() in raw[:80]]
    return [(digest(raw), json.loads(opened(raw)[1])) for raw in sealed]


def test_the_document_shows_the_capture() -> None:
    assert DOCUMENT.read_text("utf-8") == render(CAPTURED), (
        "run: python -m tests.rig.protocol_capture --render"
    )


def test_every_message_is_on_a_channel_and_fits_its_schema() -> None:
    contract = Contract()
    on = {contract.check(topic, raw).name for topic, raw in MESSAGES}
    assert on >= {"events", "manifest", "file_init", "file_fin", "file_answer", "receipt", "head"}
    assert on >= {"state", "health", "slot", "registry", "command", "answer"}


def test_every_envelope_is_signed_by_the_key_of_its_role() -> None:
    ring = KeyRing(
        KeyRecord(bytes.fromhex(public), Role(role), "x")
        for role, publics in CAPTURED["keys"].items()
        for public in publics
    )
    sealed = [raw for _, raw in MESSAGES if b'"payloadType"' in raw[:20]]
    assert len(sealed) > 10
    for raw in sealed:
        kind = envelope.declared_kind(raw)
        assert kind is not None
        envelope.unseal(raw, kind, ring, SIGNERS.get(kind, Role.RECEIPT))


def test_chain_revisions_and_receipts_join() -> None:
    events = dict(payloads("event"))
    assert all(said["prev"] in events for said in events.values() if said["n"] > 0)
    manifests = dict(payloads("manifest"))
    for said in manifests.values():
        assert said["revision"] == 1 or said["prev_manifest"] in manifests
    receipts = [said for _, said in payloads("receipt")]
    assert {one["revision"] for one in receipts} == {one["revision"] for one in manifests.values()}
    assert all(manifests[one["manifest"]]["revision"] == one["revision"] for one in receipts)
    [(_, refusal)] = payloads("refusal")
    assert refusal["code"] == "conflict"
    current = json.loads(base64.b64decode(refusal["current"]["payload"]))
    assert current["revision"] > refusal["revision"]


@pytest.mark.parametrize("kind", ["command", "answer"])
def test_a_command_is_answered(kind: str) -> None:
    [(_, said)] = payloads(kind)
    assert said["verb"] == "hold"

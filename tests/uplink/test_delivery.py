"""What counts as delivered: every part of a receipt is compared with what the dock holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uplink import delivery, envelope
from uplink.delivery import RecordingFacts
from uplink.errors import Refused
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import Head, Receipt, Refusal

RECEIPT, REGISTRY, DOCK = SigningKey.draw(), SigningKey.draw(), SigningKey.draw()
RING = KeyRing(
    [
        RECEIPT.record(Role.RECEIPT, "p1"),
        REGISTRY.record(Role.REGISTRY, "p1"),
        DOCK.record(Role.DOCK, "d1"),
    ]
)
FACTS = RecordingFacts("p1", "d1", DOCK.key_id, "a" * 26, 5, "0" * 64, {"1" * 64: 1, "2" * 64: 2})
TIME = "2026-01-02T03:04:05Z"
BINDING: dict[str, Any] = {
    "platform": "p1",
    "store": "main",
    "dock": "d1",
    "dock_key": DOCK.key_id,
    "recording": "a" * 26,
    "sha256": "0" * 64,
    "size": 5,
    "revision": 2,
    "manifest": "2" * 64,
}
GOOD: dict[str, Any] = {
    **BINDING,
    "receipt": "3" * 32,
    "received_at": TIME,
    "stored": {"verified_by_reading": True, "copies": 1, "at": TIME},
}
REFUSAL: dict[str, Any] = {**BINDING, "refusal": "4" * 32, "code": "later", "reason": "missing", "at": TIME}


def sealed(kind: str, payload: dict[str, Any], key: SigningKey = RECEIPT) -> bytes:
    return envelope.seal(kind, json.dumps(payload).encode(), key).raw


def code_of(kind: str, payload: dict[str, Any], key: SigningKey = RECEIPT) -> str:
    with pytest.raises(Refused) as caught:
        delivery.check_receipt(sealed(kind, payload, key), RING, FACTS)
    return caught.value.code


def test_a_receipt_for_what_is_held_counts() -> None:
    signed, message = delivery.check_receipt(sealed("receipt", GOOD), RING, FACTS)
    assert isinstance(message, Receipt)
    assert message.revision == 2
    assert signed.signers == (RECEIPT.key_id,)
    older = {**GOOD, "revision": 1, "manifest": "1" * 64}
    assert delivery.check_receipt(sealed("receipt", older), RING, FACTS)


@pytest.mark.parametrize("kind", ["receipt", "refusal"])
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("platform", "p2", "platform"),
        ("dock", "d2", "dock"),
        ("dock_key", "9" * 64, "dock_key"),
        ("recording", "b" * 26, "recording"),
        ("size", 6, "size"),
        ("sha256", "9" * 64, "sha256"),
        ("manifest", "9" * 64, "manifest"),
        ("revision", 1, "revision"),
        ("revision", "2", "shape"),
        ("size", None, "shape"),
        ("manifest", None, "shape"),
    ],
)
def test_a_receipt_that_differs_in_one_thing_does_not_count(
    kind: str, field: str, value: object, code: str
) -> None:
    payload = GOOD if kind == "receipt" else REFUSAL
    assert code_of(kind, {**payload, field: value}) == code


def test_only_the_receipt_role_counts() -> None:
    assert code_of("receipt", GOOD, REGISTRY) == "key"
    assert code_of("receipt", GOOD, DOCK) == "key"
    assert code_of("receipt", GOOD, SigningKey.draw()) == "key"
    assert code_of("refusal", REFUSAL, REGISTRY) == "key"
    assert code_of("refusal", REFUSAL, SigningKey.draw()) == "key"
    assert code_of("manifest", GOOD) == "type"
    # a refusal is no receipt, whatever it is called outside
    relabelled = {**json.loads(sealed("refusal", REFUSAL)), "payloadType": envelope.payload_type("receipt")}
    with pytest.raises(Refused, match="signature"):
        delivery.check_receipt(json.dumps(relabelled).encode(), RING, FACTS)


@pytest.mark.parametrize("at", ["2036-01-02T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_the_time_of_a_receipt_never_decides_k05(at: str) -> None:
    skewed = {**GOOD, "received_at": at, "stored": {"verified_by_reading": True, "copies": 1, "at": at}}
    assert delivery.check_receipt(sealed("receipt", skewed), RING, FACTS)


def test_a_refusal_brings_what_the_platform_holds() -> None:
    current = json.loads(envelope.seal("manifest", b"{}", DOCK).raw)
    _, message = delivery.check_receipt(sealed("refusal", {**REFUSAL, "current": current}), RING, FACTS)
    assert isinstance(message, Refusal)
    assert message.current is not None
    assert message.current == current
    assert envelope.unseal(envelope.dump(message.current), "manifest", RING, Role.DOCK).payload == b"{}"
    assert code_of("refusal", {**REFUSAL, "code": "perhaps"}) == "shape"


def test_heads_are_for_this_dock_only() -> None:
    head = {"platform": "p1", "dock": "d1", "at": None, "lease": 5, "time": TIME}
    _, got = delivery.check_head(sealed("head", head), RING, "p1", "d1")
    assert isinstance(got, Head)
    assert got.lease == 5
    for change, code in (
        ({"platform": "p2"}, "platform"),
        ({"dock": "d2"}, "dock"),
        ({"lease": -1}, "shape"),
    ):
        with pytest.raises(Refused) as caught:
            delivery.check_head(sealed("head", {**head, **change}), RING, "p1", "d1")
        assert caught.value.code == code
    with pytest.raises(Refused, match="key"):
        delivery.check_head(sealed("head", head, REGISTRY), RING, "p1", "d1")


def test_registries_are_signed_for_this_site_and_of_the_topics_kind() -> None:
    registry = {"platform": "p1", "scope": "s1", "kind": "officers", "version": 3, "time": TIME, "rows": []}

    def check(change: dict[str, Any], kind: str = "officers", key: SigningKey = REGISTRY) -> str:
        try:
            delivery.check_registry(sealed("registry", {**registry, **change}, key), RING, "p1", "s1", kind)
        except Refused as e:
            return e.code
        return "taken"

    assert check({}) == "taken"
    assert check({"platform": "p2"}) == "platform"
    assert check({"scope": "s2"}) == "scope"
    assert check({}, kind="cameras") == "shape"
    assert check({}, kind="weapons") == "kind"
    assert check({"version": 0}) == "shape"
    assert check({"rows": [{"officer": "o1"}]}) == "shape"
    assert check({}, key=RECEIPT) == "key"
    rows = [{"officer": f"o{n}", "name": "警" * 30} for n in range(10_000)]  # above 256 KiB, below 4 MiB
    assert check({"rows": rows}) == "taken"


def test_reconciliations_are_for_this_dock_only() -> None:
    page = {
        "platform": "p1",
        "dock": "d1",
        "time": TIME,
        "recordings": [{"recording": "a" * 26, "sha256": "0" * 64}],
    }
    _, got = delivery.check_reconciliation(sealed("reconciliation", page), RING, "p1", "d1")
    assert got.recordings[0].recording == "a" * 26
    with pytest.raises(Refused, match="dock"):
        delivery.check_reconciliation(sealed("reconciliation", {**page, "dock": "d2"}), RING, "p1", "d1")

"""Strict JSON, keys and envelopes: what must not pass."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from uplink import envelope, ids, keys, strictjson
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role, SigningKey

SMALL_ORDER = [  # the eight points, libsodium's blocklist without its non-canonical ones
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NOT_CANONICAL = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p, which is 0
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p + 1
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000080",  # -0
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def refusal_of(raw: bytes, max_bytes: int = 10_000) -> str:
    with pytest.raises(Refused) as caught:
        strictjson.check(raw, max_bytes)
    return caught.value.code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"a":2}', "duplicate"),
        (b'{"x":[{"a":1,"\\u0061":2}]}', "duplicate"),
        (b"[" * 17 + b"]" * 17, "depth"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "size"),
        (b"[" * 9000, "depth"),
        (b"[NaN]", "number"),
        (b"[-Infinity]", "number"),
        (b"[1e400]", "number"),
        (b"[9007199254740992]", "number"),
        (b"[-9007199254740992]", "number"),
        (b"[" + b"9" * 5000 + b"]", "number"),
        (b'["\\ud800"]', "encoding"),
        (b'{"\\udfff":1}', "encoding"),
        (b'["\xff"]', "encoding"),
        (b"\xef\xbb\xbf[]", "json"),
        (b'"\xed\xa0\x80"', "encoding"),
        (b"[1,]", "json"),
        (b"", "json"),
        (b"[] []", "json"),
        (b'["\x00"]', "json"),
        (b"[01]", "json"),
        (b"x" * 10_001, "size"),
    ],
)
def test_json_that_two_readers_could_understand_differently_is_refused(raw: bytes, code: str) -> None:
    assert refusal_of(raw) == code


def test_json_at_the_bounds_is_taken() -> None:
    assert strictjson.check(b"[" * 16 + b"]" * 16, 100)
    assert strictjson.check(b"[9007199254740991,-9007199254740991,1.5,1e3]", 100)[0] == 2**53 - 1
    assert strictjson.check(b'["[[[[[[[[[[[[[[[[[[[[","\\"{{{{{{{{{{{{{{{{{{{"]', 100), "brackets in strings"
    assert strictjson.check('["\\ud83d\\ude00 执法"]'.encode(), 100) == ["😀 执法"]


@pytest.mark.parametrize("public", SMALL_ORDER + NOT_CANONICAL)
def test_keys_that_verify_anything_are_refused(public: str) -> None:
    with pytest.raises(BadKey):
        KeyRecord(bytes.fromhex(public), Role.DOCK, "d1")


def test_a_key_of_small_order_would_verify_any_message() -> None:
    """Why they are refused: one signature, made without any key, stands under every message."""
    identity = bytes.fromhex(SMALL_ORDER[0])
    forged = identity + bytes(32)
    for message in (b"erase everything", b"or nothing"):
        Ed25519PublicKey.from_public_bytes(identity).verify(forged, message)


def test_good_keys_are_taken_and_their_id_is_whole() -> None:
    key = SigningKey.draw()
    record = key.record(Role.DOCK, "d1")
    assert len(record.key_id) == 64
    assert record.verifies(b"x", key.sign(b"x"))
    assert not record.verifies(b"y", key.sign(b"x"))
    with pytest.raises(BadKey):
        KeyRecord(key.public[:31], Role.DOCK, "d1")


def test_a_key_file_is_made_once_and_must_be_private(tmp_path: Path) -> None:
    path = tmp_path / "dock.key"
    made, new = SigningKey.load_or_make(path)
    assert new
    assert path.stat().st_mode & 0o777 == 0o600
    again, new = SigningKey.load_or_make(path)
    assert not new
    assert again.key_id == made.key_id
    path.chmod(0o640)
    with pytest.raises(BadKey, match="chmod 600"):
        SigningKey.load(path)
    path.chmod(0o600)
    path.write_bytes(b"rubbish")
    with pytest.raises(BadKey):
        SigningKey.load_or_make(path)
    with pytest.raises(BadKey):
        SigningKey.load(tmp_path / "absent")
    assert [entry.name for entry in tmp_path.iterdir()] == ["dock.key"], "something was left behind"


KEY, OTHER = SigningKey.draw(), SigningKey.draw()
RING = KeyRing([KEY.record(Role.RECEIPT, "p1"), OTHER.record(Role.DOCK, "d1")])


def unseal_code(raw: bytes, kind: str = "receipt", role: Role = Role.RECEIPT) -> str:
    with pytest.raises(Refused) as caught:
        envelope.unseal(raw, kind, RING, role)
    return caught.value.code


def outer(raw: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(raw)
    return parsed


def test_a_sealed_thing_is_kept_as_it_came() -> None:
    sealed = envelope.seal("receipt", b'{"a": 1}', KEY)
    loose = json.dumps({"extra": [1], **outer(sealed.raw)}, indent=3).encode()
    opened = envelope.unseal(loose, "receipt", RING, Role.RECEIPT)
    assert opened.raw == loose
    assert opened.payload == b'{"a": 1}'
    assert opened.digest == sealed.digest == envelope.digest("receipt", b'{"a": 1}')
    assert opened.signers == (KEY.key_id,)


def test_pae_is_dsses() -> None:
    # The example of DSSE's protocol.md
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_no_signature_serves_for_another_kind_role_or_payload() -> None:
    raw = envelope.seal("receipt", b"{}", KEY).raw
    assert unseal_code(raw, "refusal") == "type"
    assert unseal_code(raw, role=Role.DOCK) == "key"
    relabelled = {**outer(raw), "payloadType": envelope.payload_type("refusal")}
    assert unseal_code(json.dumps(relabelled).encode(), "refusal") == "signature"
    swapped = {**outer(raw), "payload": base64.b64encode(b"[]").decode()}
    assert unseal_code(json.dumps(swapped).encode()) == "signature"
    assert unseal_code(envelope.seal("receipt", b"{}", OTHER).raw) == "key"


def test_a_signature_under_anothers_key_id_does_not_pass() -> None:
    raw = outer(envelope.seal("receipt", b"{}", OTHER).raw)
    raw["signatures"][0]["keyid"] = KEY.key_id
    assert unseal_code(json.dumps(raw).encode()) == "signature"


def test_re_signed_by_a_stranger_is_refused_but_a_second_signature_may_stand_beside() -> None:
    stranger = SigningKey.draw()
    assert unseal_code(envelope.seal("receipt", b"{}", stranger).raw) == "key"
    both = envelope.unseal(envelope.seal("receipt", b"{}", stranger, KEY).raw, "receipt", RING, Role.RECEIPT)
    assert both.signers == (KEY.key_id,), "only what was verified counts"
    twice = envelope.seal("receipt", b"{}", KEY, KEY).raw
    assert unseal_code(twice) == "shape"
    bad_second = outer(envelope.seal("receipt", b"{}", KEY, KEY).raw)
    bad_second["signatures"][1]["sig"] = base64.b64encode(bytes(64)).decode()
    assert unseal_code(json.dumps(bad_second).encode()) == "signature"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payload": 5}, "shape"),
        ({"payload": "!!!!"}, "shape"),
        ({"payload": "e30"}, "shape"),  # no padding
        ({"signatures": []}, "shape"),
        ({"signatures": [{"keyid": "x"}]}, "shape"),
        ({"signatures": [{"keyid": 1, "sig": ""}]}, "shape"),
        ({"signatures": "x"}, "shape"),
        ({"signatures": [{"keyid": "x", "sig": ""}] * 9}, "shape"),
        ({"payloadType": None}, "type"),
    ],
)
def test_envelopes_of_a_wrong_shape_are_refused(change: dict[str, Any], code: str) -> None:
    raw = json.dumps({**outer(envelope.seal("receipt", b"{}", KEY).raw), **change}).encode()
    assert unseal_code(raw) == code


def test_signed_json_must_be_strict_too() -> None:
    assert unseal_code(envelope.seal("receipt", b'{"a":1,"a":2}', KEY).raw) == "duplicate"
    assert unseal_code(envelope.seal("receipt", b'"' + b"x" * (256 * 1024) + b'"', KEY).raw) == "size"
    assert unseal_code(b"[]") == "shape"
    assert unseal_code(b"\xff") == "encoding"


def test_the_declared_kind_only_chooses() -> None:
    assert envelope.declared_kind(envelope.seal("refusal", b"{}", KEY).raw) == "refusal"
    assert envelope.declared_kind(b'{"payloadType":"text/plain"}') is None
    assert envelope.declared_kind(b'{"payloadType":"application/vnd.bodydock.refusal.2+json"}') is None
    assert envelope.declared_kind(b'{"payloadType":7}') is None


def test_computed_ids_are_what_the_platform_recomputes() -> None:
    one = ids.recording_id("SN1", b"DCIM/\xd6\xb4.mp4", 5, "0" * 64)
    assert one == ids.recording_id("SN1", b"DCIM/\xd6\xb4.mp4", 5, "0" * 64)
    assert len(one) == 26
    # parts are prefixed by length: no two lists of parts have one id
    assert ids.parts_digest(b"ab", b"c") != ids.parts_digest(b"a", b"bc")
    name = ids.file_id("p", "k", one, "0" * 64, 1)
    assert len(name) == 32
    assert name != ids.file_id("p", "k", one, "0" * 64, 2)
    assert keys.key_id(KEY.public) == KEY.key_id


def test_a_name_that_occurs_twice_among_very_many_is_refused_before_anybody_signed() -> None:
    names = ",".join(
        f'"{number}":0' for number in range(200_000)
    )  # looked through once for each: for minutes
    with pytest.raises(Refused, match="occurs twice") as refused:
        strictjson.check(f'{{{names},"199999":0}}'.encode(), 4 * 1024 * 1024)
    assert refused.value.code == "duplicate"

"""Signed bytes: DSSE v1 envelopes (github.com/secure-systems-lab/dsse, protocol.md and envelope.md).

- The signature is over PAE(payloadType, payload): bytes, never objects.  Nothing is canonicalised.
- An envelope is kept as received and verified first; only the verified payload is parsed.
- A payload type serves one kind of message, so no signature can stand under another.
- The digest of a signed thing is SHA-256 of its PAE.
- The key comes from our own ring; the message's `keyid` only chooses in it (trust.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uplink import strictjson
from uplink.errors import Refused

if TYPE_CHECKING:
    from uplink.keys import KeyRing, Role, SigningKey

MAX_PAYLOAD_BYTES = 256 * 1024
MAX_REGISTRY_BYTES = 4 * 1024 * 1024
MAX_SIGNATURES = 8
_encode = json.JSONEncoder(separators=(",", ":")).encode


def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a kind of message, e.g. `manifest`."""
    return f"application/vnd.bodydock.{kind}.1+json"


def pae(kind_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    name = kind_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def digest(kind: str, payload: bytes) -> str:
    """Return the digest (hex SHA-256 of the PAE) by which others refer to a signed thing."""
    return hashlib.sha256(pae(payload_type(kind), payload)).hexdigest()


@dataclass(frozen=True)
class Envelope:
    """A signed thing: its exact `raw` bytes, and what they hold.

    `signers` are the key ids whose signatures were *verified*; an unverified envelope never becomes
    one of these.
    """

    raw: bytes
    kind: str
    payload: bytes
    digest: str
    signers: tuple[str, ...]


def seal(kind: str, payload: bytes, *keys: SigningKey) -> Envelope:
    """Sign `payload` with every one of `keys`."""
    to_sign = pae(payload_type(kind), payload)
    outer = {
        "payloadType": payload_type(kind),
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [
            {"keyid": key.key_id, "sig": base64.b64encode(key.sign(to_sign)).decode("ascii")} for key in keys
        ],
    }
    raw = _encode(outer).encode()
    found = hashlib.sha256(to_sign).hexdigest()
    return Envelope(raw, kind, payload, found, tuple(key.key_id for key in keys))


def cosign(signed: Envelope, key: SigningKey) -> Envelope:
    """Return a *verified* envelope with one more signature over the same payload."""
    outer = json.loads(signed.raw)
    sig = base64.b64encode(key.sign(pae(payload_type(signed.kind), signed.payload))).decode("ascii")
    outer["signatures"].append({"keyid": key.key_id, "sig": sig})
    raw = _encode(outer).encode()
    return Envelope(raw, signed.kind, signed.payload, signed.digest, (*signed.signers, key.key_id))


def unseal(
    raw: bytes, kind: str, ring: KeyRing, role: Role, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> Envelope:
    """Verify `raw` as a `kind` signed by a key that `ring` holds in `role`.

    Every signature that names a key of that role must verify, and at least one must be there.
    Raises Refused (`size`, `shape`, `type`, `key`, `signature`, and those of strictjson).
    """
    outer_bytes, payload, signatures = _take_apart(raw, kind, max_payload_bytes)
    to_verify = pae(payload_type(kind), payload)
    signers = []
    for key_id, signature in signatures:
        key = ring.find(key_id, role)
        if key is None:
            continue  # a second signature by another algorithm or role may sit beside
        if not key.verifies(to_verify, signature):
            raise Refused("signature", f"the signature by key {key_id[:16]} does not verify")
        signers.append(key_id)
    if not signers:
        named = ", ".join(key_id[:16] for key_id, _ in signatures) or "none"
        raise Refused("key", f"no signature by a key with role {role.value} (named: {named})")
    if len(set(signers)) != len(signers):
        raise Refused("shape", "one key signed twice")
    strictjson.check(payload, max_payload_bytes)
    return Envelope(outer_bytes, kind, payload, digest(kind, payload), tuple(signers))


def dump(outer: dict[str, object]) -> bytes:
    """Return the bytes of an envelope that travelled inside a message (a refusal's `current`).

    What is signed is the payload in it, so its own layout does not matter.
    """
    return _encode(outer).encode()


def declared_kind(raw: bytes, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> str | None:
    """Return the kind that `raw` says it is: only to choose what to verify it as.

    None for a type that is none of ours.  Raises Refused (`shape` and those of strictjson).
    """
    outer = strictjson.check(raw, _largest_envelope(max_payload_bytes))
    if not isinstance(outer, dict):
        raise Refused("shape", "an envelope is a JSON object")
    given = outer.get("payloadType")
    if not isinstance(given, str):
        return None
    kind = given.removeprefix("application/vnd.bodydock.").removesuffix(".1+json")
    return kind if payload_type(kind) == given else None


def peek(raw: bytes, kind: str, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Return the *unverified* payload: to be shown, compared or quarantined, never acted on.

    Raises Refused as `unseal` does, but for key and signature.
    """
    return _take_apart(raw, kind, max_payload_bytes)[1]


def _take_apart(raw: bytes, kind: str, max_bytes: int) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    outer = strictjson.check(raw, _largest_envelope(max_bytes))
    if not isinstance(outer, dict):
        raise Refused("shape", "an envelope is a JSON object")
    if outer.get("payloadType") != payload_type(kind):
        raise Refused("type", f"payload type {str(outer.get('payloadType'))[:80]!r}, not {kind}")
    payload = _base64(outer.get("payload"), "payload")
    if len(payload) > max_bytes:
        raise Refused("size", f"payload of {len(payload)} bytes, at most {max_bytes}")
    given = outer.get("signatures")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_SIGNATURES:
        raise Refused("shape", f"signatures: a list of 1 to {MAX_SIGNATURES}")
    signatures = []
    for item in given:
        if not isinstance(item, dict) or not isinstance(item.get("keyid"), str):
            raise Refused("shape", "a signature is an object with keyid and sig")
        signatures.append((item["keyid"], _base64(item.get("sig"), "sig")))
    return raw, payload, signatures


def _largest_envelope(max_payload_bytes: int) -> int:
    return max_payload_bytes * 4 // 3 + 8192


def _base64(text: object, name: str) -> bytes:
    if not isinstance(text, str):
        raise Refused("shape", f"{name} is not a string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("shape", f"{name} is not base64") from None

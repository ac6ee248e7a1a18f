"""Receipts checked without the product's code: DSSE by hand, keys as `center keys` printed them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

RECEIPT_TYPE = "application/vnd.bodydock.receipt.1+json"
MANIFEST_TYPE = "application/vnd.bodydock.manifest.1+json"


def pae(kind: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def opened(raw: bytes) -> tuple[str, bytes]:
    """Return payload type and payload of an envelope, unverified."""
    outer = json.loads(raw)
    return outer["payloadType"], base64.b64decode(outer["payload"])


def digest(raw: bytes) -> str:
    """Return the digest of a signed thing: SHA-256 of its PAE."""
    return hashlib.sha256(pae(*opened(raw))).hexdigest()


def verified_receipt(raw: bytes, publics: list[str]) -> dict[str, Any] | None:
    """Return the receipt in `raw` if one of the platform's `publics` (hex) signed it, else None."""
    kind, payload = opened(raw)
    if kind != RECEIPT_TYPE:
        return None
    for signature in json.loads(raw)["signatures"]:
        for public in publics:
            try:
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(
                    base64.b64decode(signature["sig"]), pae(kind, payload)
                )
            except InvalidSignature:
                continue
            receipt: dict[str, Any] = json.loads(payload)
            return receipt
    return None

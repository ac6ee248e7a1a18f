"""Ids that both sides compute, and ids that are drawn (trust.md, Ids and payloads).

- A computed id is made of SHA-256 over its parts, each as 8 bytes big-endian length, then the bytes;
  numbers as decimal ASCII, digests and key ids as lower-case hex.
- `recording`: base32 (RFC 4648, lower case) of the first 130 bits over ("recording.1", camera serial
  as taken in, raw path, size, SHA-256): 26 characters, the same after a restore or a new enrolment.
- `file_id`: 32 hex over ("file.1", platform, dock key, recording, SHA-256, attempt from 1): of fixed
  length, since EMQX's exporter takes an id for done if it begins a finished one.
"""

from __future__ import annotations

import base64
import hashlib
import secrets


def parts_digest(*parts: bytes) -> bytes:
    """Return the 32 bytes of SHA-256 over length-prefixed `parts`."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.digest()


def recording_id(serial: str, path: bytes, size_bytes: int, sha256: str) -> str:
    """Return the 26 characters that name a recording wherever it turns up."""
    digest = parts_digest(b"recording.1", serial.encode(), path, b"%d" % size_bytes, sha256.encode("ascii"))
    return base64.b32encode(digest[:20]).decode("ascii").lower()[:26]


def file_id(platform: str, dock_key: str, recording: str, sha256: str, attempt: int) -> str:
    """Return the 32 hex digits that name one attempt to transfer one recording.  `attempt` from 1."""
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    parts = (platform.encode(), dock_key.encode(), recording.encode(), sha256.encode(), b"%d" % attempt)
    return parts_digest(b"file.1", *parts).hex()[:32]


def draw_id() -> str:
    """Return 128 random bits as 32 hex digits (dockings, runs, epochs, commands, receipts, nonces)."""
    return secrets.token_hex(16)

"""What the vectors are made of: seeded keys, fixed ids and times, and payloads as plain JSON.

Payloads are written as dictionaries, not through the message types: the types are what the vectors test.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from uplink import envelope, ids
from uplink.keys import Role, SigningKey

PLATFORM, SITE, DOCK = "pf-vectors", "site-1", "dock-1"
SERIAL, PATH = "CAM0001", b"DCIM/100/0001.MP4"
DATA = b"bodydock test vector\n" * 40
SHA256 = hashlib.sha256(DATA).hexdigest()
T0, T1 = "2026-03-05T01:30:00.000000Z", "2026-03-05T01:31:00.000000Z"
RECORDING = ids.recording_id(SERIAL, PATH, len(DATA), SHA256)
# Who signs what: name, role, owner.  `stranger` is in nobody's ring; `dock-next` becomes the dock's key by
# `key_rolled`.
SIGNERS: tuple[tuple[str, Role | None, str], ...] = (
    ("dock", Role.DOCK, DOCK),
    ("other-dock", Role.DOCK, "dock-2"),
    ("receipt", Role.RECEIPT, PLATFORM),
    ("registry", Role.REGISTRY, PLATFORM),
    ("operate", Role.OPERATE, PLATFORM),
    ("wang", Role.DESTROY, "wang"),
    ("li", Role.DESTROY, "li"),
    ("stranger", None, ""),
    ("dock-next", None, ""),
)

Json = dict[str, Any]


def seed(name: str) -> bytes:
    """Return the private key's 32 bytes: no secret, and never to be used elsewhere."""
    return hashlib.sha256(b"bodydock test vector key: " + name.encode()).digest()


def fixed(name: str) -> str:
    """Return an id (32 hex digits) where a dock or platform would draw one."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


KEYS = {name: SigningKey(Ed25519PrivateKey.from_private_bytes(seed(name))) for name, _, _ in SIGNERS}


def plain(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sealed(kind: str, payload: Json | bytes, *signers: str) -> bytes:
    data = payload if isinstance(payload, bytes) else plain(payload)
    return envelope.seal(kind, data, *(KEYS[name] for name in signers)).raw


def digest(kind: str, raw: bytes) -> str:
    return envelope.digest(kind, base64.b64decode(json.loads(raw)["payload"]))


def amended(raw: bytes, **fields: Any) -> bytes:
    """Return an envelope with outer fields changed and the signatures left as they were."""
    return plain({**json.loads(raw), **fields})


def clock() -> Json:
    return {"synced": True, "source": "ntp", "floor": T0}


def event(kind: str, n: int, prev: str | None, data: Json, **changed: Any) -> Json:
    return {
        "dock": DOCK,
        "platform": PLATFORM,
        "epoch": fixed("epoch 1"),
        "n": n,
        "prev": prev,
        "run": fixed("run 1"),
        "time": T0,
        "clock": clock(),
        "kind": kind,
        "actor": {"person": "bodydock", "by": "machine", "proven": True},
        "recording": None,
        "data": data,
    } | changed


def manifest(**changed: Any) -> Json:
    return {
        "platform": PLATFORM,
        "dock": DOCK,
        "recording": RECORDING,
        "revision": 1,
        "prev_manifest": None,
        "sha256": SHA256,
        "size": len(DATA),
        "camera": {"serial": SERIAL, "by": "usb"},
        "path_b64": base64.b64encode(PATH).decode(),
        "kind": "video",
        "times": {"started_at": None, "duration_s": None, "named_at": None, "modified_at": T0},
        "ingest": {
            "docking": fixed("docking 1"),
            "index": 0,
            "slot": 1,
            "profile": "generic",
            "attached_at": T0,
            "stored_at": T0,
        },
        "tag": {"officer": {"officer": "8888888", "name": "王伟", "by": "declaration"}, "cases": []},
        "holds": [],
        "report": None,
        "host": None,
        "software": {"name": "bodydock", "version": "0.1.0", "python": "3.11"},
        "run": fixed("run 1"),
        "time": T0,
        "clock": clock(),
        "after": {"epoch": fixed("epoch 1"), "n": 0, "head": hashlib.sha256(b"head").hexdigest()},
    } | changed


def binding(manifest_digest: str, **changed: Any) -> Json:
    return {
        "platform": PLATFORM,
        "store": "main",
        "dock": DOCK,
        "dock_key": KEYS["dock"].key_id,
        "recording": RECORDING,
        "sha256": SHA256,
        "size": len(DATA),
        "revision": 1,
        "manifest": manifest_digest,
    } | changed


def receipt(manifest_digest: str, **changed: Any) -> Json:
    return (
        binding(manifest_digest)
        | {
            "receipt": fixed("receipt 1"),
            "received_at": T1,
            "stored": {"verified_by_reading": True, "copies": 1, "at": T1},
        }
        | changed
    )


def refusal(manifest_digest: str, code: str, reason: str, current: Json | None, **changed: Any) -> Json:
    return (
        binding(manifest_digest)
        | {
            "refusal": fixed("refusal 1"),
            "code": code,
            "reason": reason,
            "at": T1,
            "retry_after": None,
            "current": current,
        }
        | changed
    )


def head(at: Json | None, **changed: Any) -> Json:
    return {"platform": PLATFORM, "dock": DOCK, "at": at, "lease": 1, "time": T1} | changed


def command(verb: str, args: Json, *people: str, role: str = "operate", **changed: Any) -> Json:
    return {
        "platform": PLATFORM,
        "dock": DOCK,
        "verb": verb,
        "args": args,
        "command": fixed(f"command {verb}"),
        "by": [{"person": person, "role": role} for person in people],
        "reason": "test vector",
    } | changed

"""A receiver of one dock's files, written from docs/protocol.md alone (the numbers are its sections).

usage: receiver.py PORT FOLDER RECEIPT_KEY.pem SITE/DOCK DOCK_KEY_HEX
To look at and to try out: the least that works (17).
"""

import base64
import hashlib
import json
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PLATFORM, LEASE, TYPE = "pf-example", int(time.time() * 1000), "application/vnd.bodydock.%s.1+json"
FOLDER, SIGNER = Path(sys.argv[2]), load_pem_private_key(Path(sys.argv[3]).read_bytes(), None)
BASE, DOCK_KEY = f"bodydock/1/{sys.argv[4]}", bytes.fromhex(sys.argv[5])
ENTRIES = os.open(FOLDER, os.O_RDONLY)
manifests, stored = {}, set()  # recording: (payload, digest); recordings


def key_id(public):  # 5
    return hashlib.sha256(b"ed25519\0" + public).hexdigest()


def computed(*parts):  # 6
    raw = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in raw)).digest()


def pae(kind, payload):  # 4
    return b"DSSEv1 %d %s %d %s" % (len(TYPE % kind), (TYPE % kind).encode(), len(payload), payload)


def take_manifest(recording, raw):  # 4: verified first, parsed then; 7
    outer = json.loads(raw)
    payload = base64.b64decode(outer["payload"], validate=True)
    (sig,) = [one["sig"] for one in outer["signatures"] if one["keyid"] == key_id(DOCK_KEY)]
    Ed25519PublicKey.from_public_bytes(DOCK_KEY).verify(base64.b64decode(sig), pae("manifest", payload))
    new, digest = json.loads(payload), hashlib.sha256(pae("manifest", payload)).hexdigest()
    facts = new["camera"]["serial"], base64.b64decode(new["path_b64"]), new["size"], new["sha256"]
    own = base64.b32encode(computed("recording.1", *facts)).decode().lower()[:26]
    address = PLATFORM, BASE.split("/")[3], recording, recording
    if (new["platform"], new["dock"], new["recording"], own) != address:
        raise ValueError("not_allowed or never")
    held, last = manifests.get(recording, ({"revision": 0}, None))
    if digest != last and (new["revision"], new["prev_manifest"]) != (held["revision"] + 1, last):
        raise ValueError("later or conflict")
    manifests[recording] = new, digest
    (FOLDER / f"{recording}.{new['revision']}.json").write_bytes(raw)
    if recording in stored:
        give_receipt(recording)


def give_receipt(recording):  # 9
    manifest, digest = manifests[recording]
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    said = {name: manifest[name] for name in ("dock", "recording", "sha256", "size", "revision")}
    said |= {"platform": PLATFORM, "store": "main", "dock_key": key_id(DOCK_KEY), "manifest": digest}
    said |= {"stored": {"verified_by_reading": True, "copies": 1, "at": now}, "received_at": now}
    payload = json.dumps(said | {"receipt": secrets.token_hex(16)}).encode()
    sig = base64.b64encode(SIGNER.sign(pae("receipt", payload))).decode()
    outer = {"payloadType": TYPE % "receipt", "payload": base64.b64encode(payload).decode()}
    outer["signatures"] = [{"keyid": key_id(SIGNER.public_key().public_bytes_raw()), "sig": sig}]
    client.publish(f"{BASE}/down/receipts/{recording}", json.dumps(outer), qos=1)


def take_file(file_id, what, message):  # 8; returns the status, and the nonce that is answered
    path, said = FOLDER / f"{int(file_id, 16):032x}", {} if what.isdigit() else json.loads(message.payload)
    begun = path.with_suffix(".init")
    if what == "init":
        held, _ = manifests.get(said["recording"], ({}, None))
        own = computed(
            "file.1", PLATFORM, key_id(DOCK_KEY), said["recording"], said["sha256"], said["attempt"]
        )
        if own.hex()[:32] != file_id or (held.get("sha256"), held.get("size")) != (
            said["sha256"],
            said["size"],
        ):
            return "unknown", said["nonce"]
        path.touch()
        begun.write_text(json.dumps(said))
        os.fsync(ENTRIES)
        return "ranges", said["nonce"]
    wanted = json.loads(begun.read_text()) if begun.exists() else None
    if wanted is None:
        return "unknown", said.get("nonce")
    if what == "fin":
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # from the medium, not the cache
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if path.stat().st_size < wanted["size"]:
            return "missing", said["nonce"]
        if sha256 != wanted["sha256"]:
            path.write_bytes(b"")
            return "checksum", said["nonce"]
        stored.add(wanted["recording"])
        return "complete", said["nonce"]
    with path.open("ab") as file:  # what is not taken is not in `ranges`, and comes again
        right = hashlib.sha256(message.payload).hexdigest() == dict(message.properties.UserProperty)["sha256"]
        if right and int(what) == file.tell() and file.tell() + len(message.payload) <= wanted["size"]:
            file.write(message.payload)
            file.flush()
            os.fsync(file.fileno())
    return "ranges", None


def answer(file_id, status, nonce=None):
    held = (FOLDER / file_id).stat().st_size if status not in ("unknown", "checksum") else 0
    said = {"receiver": PLATFORM, "lease": LEASE, "nonce": nonce, "status": status, "text": ""}
    said["ranges"] = [[0, held]] if held else []
    client.publish(f"{BASE}/down/file/{file_id}", json.dumps(said), qos=1)


def take(_client, _data, message):
    try:
        match message.topic.removeprefix(f"{BASE}/up/").split("/"):
            case ["manifests", recording] if not message.retain:
                take_manifest(recording, message.payload)
            case ["file", file_id, what] if not message.retain and what != "abort":
                answer(file_id, *(said := take_file(file_id, what, message)))
                if said[0] == "complete":
                    give_receipt(json.loads((FOLDER / f"{file_id}.init").read_text())["recording"])
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OSError,
        InvalidSignature,
    ) as error:
        print(f"refused: {message.topic}: {error!r}", flush=True)


def connected(*_):
    client.subscribe([(f"{BASE}/up/manifests/+", 1), (f"{BASE}/up/file/#", 1)])
    for begun in FOLDER.glob("*.init"):  # under the new lease
        answer(begun.stem, "ranges")


for kept in sorted(FOLDER.glob("*.json"), key=lambda path: int(path.suffixes[0][1:])):
    take_manifest(kept.name.split(".")[0], kept.read_bytes())
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"{PLATFORM}-receiver", protocol=mqtt.MQTTv5)
client.on_connect, client.on_message = connected, take
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()

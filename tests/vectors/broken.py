"""Single messages: of each kind good ones, and one for each way to be broken.

A row: folder, name, raw bytes, topic, code of the refusal (None: accepted), why.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.vectors import chains
from tests.vectors import parts as p

Row = tuple[str, str, bytes, str, str | None, str]
UP = f"bodydock/1/{p.SITE}/{p.DOCK}/up"
DOWN = f"bodydock/1/{p.SITE}/{p.DOCK}/down"
REGISTRY = f"bodydock/1/{p.SITE}/registry"


def single() -> Iterator[Row]:
    yield from _envelopes()
    yield from _payloads()
    yield from _manifests()
    yield from _receipts()
    yield from _heads()
    yield from _registries()
    yield from _commands()
    yield from _from_the_dock()


GOOD = p.sealed("manifest", p.manifest(), "dock")
DIGEST = p.digest("manifest", GOOD)
OTHER_RECORDING = "a" * 26


def _envelopes() -> Iterator[Row]:
    topic = f"{UP}/manifests/{p.RECORDING}"
    outer = json.loads(GOOD)
    payload, [signature] = base64.b64decode(outer["payload"]), outer["signatures"]
    flipped = bytearray(base64.b64decode(signature["sig"]))
    flipped[5] ^= 1
    tampered = payload.replace(b'"slot":1', b'"slot":2')
    beside = json.loads(p.sealed("manifest", payload, "stranger"))["signatures"][0]
    relabelled = {**signature, "keyid": p.KEYS["stranger"].key_id}

    def row(name: str, raw: bytes, code: str | None, why: str) -> Row:
        return "envelopes", name, raw, topic, code, why

    def with_signatures(*signatures: Any) -> bytes:
        return p.amended(GOOD, signatures=list(signatures))

    yield row("good", GOOD, None, "as a dock sends it")
    yield row("good-layout", json.dumps(outer, indent=2).encode(), None, "the layout outside is not signed")
    yield row("good-unknown-field", p.amended(GOOD, note="x"), None, "unknown outer fields are ignored")
    yield row("good-beside", with_signatures(signature, beside), None, "a signature by an unknown key beside")
    yield row(
        "tampered",
        p.amended(GOOD, payload=base64.b64encode(tampered).decode()),
        "signature",
        "one digit of the payload changed",
    )
    sig = base64.b64encode(bytes(flipped)).decode()
    yield row("flipped", with_signatures({**signature, "sig": sig}), "signature", "one bit of the signature")
    yield row(
        "relabelled", with_signatures(relabelled), "key", "the right signature under the id of an unknown key"
    )
    yield row("stranger", p.sealed("manifest", p.manifest(), "stranger"), "key", "a key in no ring")
    yield row("other-dock", p.sealed("manifest", p.manifest(), "other-dock"), "key", "another dock's key")
    yield row("role", p.sealed("manifest", p.manifest(), "receipt"), "key", "a key of another role")
    as_event = p.sealed("event", p.manifest(), "dock")
    yield row("type", as_event, "type", "a manifest sealed as an event")
    retyped = p.amended(as_event, payloadType=outer["payloadType"])
    yield row("retyped", retyped, "signature", "the same with the type written over: the type is signed too")
    yield row("unsigned", with_signatures(), "shape", "no signature")
    yield row("nine", with_signatures(signature, *[beside] * 8), "shape", "more than 8 signatures")
    yield row("twice", with_signatures(signature, signature), "shape", "one key twice")
    no_base64 = p.amended(GOOD, payload=outer["payload"].rstrip("=") + "-_")
    yield row("base64", no_base64, "shape", "not the base64 of RFC 4648, section 4")
    twice = GOOD.replace(b'{"payloadType"', b'{"payload":"e30=","payloadType"', 1)
    yield row("duplicate-outside", twice, "duplicate", "`payload` occurs twice")
    yield row("trailing", GOOD + b"{}", "json", "bytes behind the object")
    yield row("list", b"[" + GOOD + b"]", "shape", "no object")
    yield row("latin-1", GOOD.replace(b'"keyid"', b'"\xe9":0,"keyid"'), "encoding", "not UTF-8")


def _payloads() -> Iterator[Row]:
    """Signed by the right key, and refused all the same: two readers could understand them differently."""
    plain = p.plain(p.manifest())
    nested = b"[" * 16 + b"]" * 16

    def row(name: str, payload: bytes, code: str | None, why: str) -> Row:
        return (
            "payloads",
            name,
            p.sealed("manifest", payload, "dock"),
            f"{UP}/manifests/{p.RECORDING}",
            code,
            why,
        )

    def inside(more: bytes) -> bytes:
        return plain[:-1] + b',"x":' + more + b"}"

    yield row("good-unknown-field", inside(b"[1]"), None, "unknown fields are allowed")
    yield row("good-depth", inside(b"[" * 15 + b"]" * 15), None, "16 deep")
    yield row("good-largest-integer", inside(b"9007199254740991"), None, "2^53 - 1")
    yield row("good-largest", _padded(plain, 65536), None, "65,536 bytes")
    yield row("oversized", _padded(plain, 65537), "size", "a manifest of 65,537 bytes")
    yield row("depth", inside(nested), "depth", "17 deep")
    yield row("integer", inside(b"9007199254740992"), "number", "2^53")
    yield row("nan", inside(b"NaN"), "number", "NaN is no JSON")
    yield row("infinity", inside(b"1e999"), "number", "beyond a double")
    yield row("duplicate", inside(b"1").replace(b'"x"', b'"size"'), "duplicate", "`size` occurs twice")
    yield row("utf-8", inside(b'"\xff"'), "encoding", "not UTF-8")
    yield row("surrogate", inside(b'"\\ud800"'), "encoding", "a lone surrogate")
    yield row("bom", b"\xef\xbb\xbf" + plain, "json", "a byte order mark")
    yield row("cut", plain[:-1], "json", "the last brace is missing")


def _padded(payload: bytes, size: int) -> bytes:
    return payload[:-1] + b',"x":"' + b"x" * (size - len(payload) - 7) + b'"}'


def _manifests() -> Iterator[Row]:
    def row(name: str, changed: p.Json, code: str | None, why: str) -> Row:
        message = p.manifest(**changed)
        message = {key: value for key, value in message.items() if value != "left out"}
        raw = p.sealed("manifest", message, "dock")
        return "manifests", name, raw, f"{UP}/manifests/{p.RECORDING}", code, why

    report = {"depth": "fast", "verdict": "unchecked", "sha256": "0" * 64, "size": 40000, "body": None}
    yield row("good", {}, None, "revision 1")
    yield row("good-report-beside", {"report": report}, None, "a report of 40,000 bytes travels beside")
    yield row("dock", {"dock": "dock-2"}, "not_allowed", "another dock's, on this dock's topic")
    yield row("platform", {"platform": "pf-other"}, "not_allowed", "for another platform")
    yield row("recording", {"recording": OTHER_RECORDING}, "not_allowed", "not the topic's recording")
    yield row("serial", {"camera": {"serial": "CAM0002", "by": "usb"}}, "never", "the id does not recompute")
    yield row("size", {"size": len(p.DATA) + 1}, "never", "the id does not recompute")
    yield row("prev-at-1", {"prev_manifest": DIGEST}, "shape", "revision 1 with a `prev_manifest`")
    yield row("no-prev-at-2", {"revision": 2}, "shape", "revision 2 without one")
    yield row("negative", {"size": -1}, "shape", "a negative size")
    yield row("text-number", {"size": str(len(p.DATA))}, "shape", "a number in quotes")
    yield row("zone", {"time": "2026-03-05T09:30:00+08:00"}, "shape", "a time that is not UTC")
    yield row("naive", {"time": "2026-03-05T01:30:00"}, "shape", "a time without a zone")
    yield row("missing", {"camera": "left out"}, "shape", "no `camera`")
    yield row("upper-case", {"sha256": p.SHA256.upper()}, "shape", "upper-case hex")


def _receipts() -> Iterator[Row]:
    topic = f"{DOWN}/receipts/{p.RECORDING}"

    def row(name: str, raw: bytes, code: str | None, why: str) -> Row:
        return "receipts", name, raw, topic, code, why

    def bound(name: str, code: str, why: str, **changed: Any) -> Row:
        return row(name, p.sealed("receipt", p.receipt(DIGEST, **changed), "receipt"), code, why)

    good = p.sealed("receipt", p.receipt(DIGEST), "receipt")
    current = json.loads(GOOD)
    conflict = p.refusal(DIGEST, "conflict", "older: revision 2 is held", current)
    later = p.refusal(DIGEST, "later", "missing: revision 1 comes next", None)
    yield row("good", good, None, "for revision 1")
    yield row("good-refusal", p.sealed("refusal", later, "receipt"), None, "a refusal: `later`")
    yield row("good-conflict", p.sealed("refusal", conflict, "receipt"), None, "a refusal with `current`")
    for name in ("dock", "operate", "registry", "stranger"):
        signed = p.sealed("receipt", p.receipt(DIGEST), name)
        yield row(f"by-{name}", signed, "key", f"signed by the {name} key")
    changed = base64.b64decode(json.loads(good)["payload"]).replace(b'"copies":1', b'"copies":3')
    tampered = p.amended(good, payload=base64.b64encode(changed).decode())
    yield row("tampered", tampered, "signature", "one digit changed")
    yield bound("platform", "platform", "another platform's", platform="pf-other")
    yield bound("dock", "dock", "for another dock", dock="dock-2")
    yield bound("dock-key", "dock_key", "for another key", dock_key=p.KEYS["other-dock"].key_id)
    yield bound("recording", "recording", "for another recording", recording=OTHER_RECORDING)
    yield bound("size", "size", "for another size", size=len(p.DATA) + 1)
    yield bound("sha256", "sha256", "for other bytes", sha256="0" * 64)
    yield bound("manifest", "manifest", "for a manifest that the dock never made", manifest="0" * 64)
    yield bound("revision", "revision", "the manifest's digest under another revision", revision=2)
    yield bound("no-id", "shape", "a receipt without an id", receipt="")
    unknown = p.refusal(DIGEST, "perhaps", "?", None)
    yield row("refusal-code", p.sealed("refusal", unknown, "receipt"), "shape", "an unknown code")
    swapped = p.sealed("refusal", p.receipt(DIGEST), "receipt")
    yield row("refusal-as-receipt", swapped, "shape", "a receipt's payload under a refusal's type")


def _heads() -> Iterator[Row]:
    at = {"epoch": p.fixed("epoch 1"), "n": 4, "head": "1" * 64}
    rows: list[tuple[str, p.Json, str, str | None, str]] = [
        ("good", p.head(at), "receipt", None, "event 4 is held"),
        ("good-none", p.head(None), "receipt", None, "nothing is held"),
        (
            "good-key",
            p.head(at, dock_key=p.KEYS["dock"].key_id),
            "receipt",
            None,
            "and the dock's key in force",
        ),
        ("dock", p.head(at, dock="dock-2"), "receipt", "dock", "another dock's"),
        ("platform", p.head(at, platform="pf-other"), "receipt", "platform", "another platform's"),
        ("role", p.head(at), "operate", "key", "signed by an operate key"),
        ("lease", p.head(at, lease=-1), "receipt", "shape", "a negative lease"),
    ]
    for name, message, signer, code, why in rows:
        yield "heads", name, p.sealed("head", message, signer), f"{DOWN}/head", code, why
    page = {
        "platform": p.PLATFORM,
        "dock": p.DOCK,
        "time": p.T1,
        "recordings": [{"recording": p.RECORDING, "sha256": p.SHA256}],
        "range": {"after": None, "until": None},
    }
    topic = f"{DOWN}/reconciliation"
    yield "reconciliations", "good", p.sealed("reconciliation", page, "receipt"), topic, None, "one page, all"
    other = p.sealed("reconciliation", page | {"dock": "dock-2"}, "receipt")
    yield "reconciliations", "dock", other, topic, "dock", "another dock's"
    by_dock = p.sealed("reconciliation", page, "dock")
    yield "reconciliations", "role", by_dock, topic, "key", "signed by the dock itself"


def _registries() -> Iterator[Row]:
    rows = [{"officer": "8888888", "name": "王伟", "unit": "一大队", "role": "officer"}]
    good = {
        "platform": p.PLATFORM,
        "scope": p.SITE,
        "kind": "officers",
        "version": 3,
        "time": p.T0,
        "rows": rows,
    }
    cases: list[tuple[str, p.Json, str, str, str | None, str]] = [
        ("good", good, "registry", "officers", None, "one officer"),
        ("scope", good | {"scope": "site-2"}, "registry", "officers", "scope", "another site's"),
        (
            "platform",
            good | {"platform": "pf-other"},
            "registry",
            "officers",
            "platform",
            "another platform's",
        ),
        ("kind", good, "registry", "cases", "shape", "officers on the topic of cases"),
        ("role", good, "receipt", "officers", "key", "signed by a receipt key"),
        ("version", good | {"version": 0}, "registry", "officers", "shape", "versions begin with 1"),
    ]
    for name, message, signer, kind, code, why in cases:
        yield "registries", name, p.sealed("registry", message, signer), f"{REGISTRY}/{kind}", code, why


def _commands() -> Iterator[Row]:
    tag = p.command("tag", {"recording": p.RECORDING, "cases": ["A-1"]}, "wang", base=DIGEST)
    release_args = {"recording": p.RECORDING, "hold": p.fixed("hold 1")}
    release = p.command("release", release_args, "wang", "li", role="destroy", base=DIGEST)
    ping = p.command("ping", {}, "wang")
    cases: list[tuple[str, bytes, str, str | None, str]] = [
        ("good-tag", p.sealed("command", tag, "operate"), "tag", None, "adds a case"),
        ("good-release", p.sealed("command", release, "wang", "li"), "release", None, "two persons"),
        ("good-ping", p.plain(ping), "ping", None, "unsigned: it changes nothing that lasts"),
        ("good-unknown-verb", p.sealed("command", tag | {"verb": "dance"}, "operate"), "dance", None,
         "answered with `unsupported`"),
        ("unsigned", p.plain(tag), "tag", "unsigned", "only ping and rescan may come bare"),
        ("one-person", p.sealed("command", release, "wang"), "release", "persons", "one of two signatures"),
        ("not-named", p.sealed("command", release | {"by": release["by"][:1]}, "wang", "li"), "release",
         "persons", "a signer that `by` does not name"),
        ("operate-releases", p.sealed("command", release, "operate"), "release", "key",
         "taking away is signed by destroy keys"),
        ("verb", p.sealed("command", tag, "operate"), "hold", "verb", "a tag on the topic of hold"),
        ("nobody", p.sealed("command", tag | {"by": []}, "operate"), "tag", "by", "nobody is named"),
        ("receipt-key", p.sealed("command", tag, "receipt"), "tag", "key", "a key of another role"),
    ]  # fmt: skip
    for name, raw, verb, code, why in cases:
        yield "commands", name, raw, f"{DOWN}/cmd/{verb}", code, why


def _from_the_dock() -> Iterator[Row]:
    answer = {
        "platform": p.PLATFORM,
        "dock": p.DOCK,
        "command": p.fixed("command ping"),
        "verb": "ping",
        "outcome": "done",
        "text": "",
        "data": {},
        "time": p.T1,
    }
    topic = f"{UP}/reply/{p.fixed('command ping')}"
    yield "answers", "good", p.sealed("answer", answer, "dock"), topic, None, "to ping"
    yield "answers", "role", p.sealed("answer", answer, "operate"), topic, "key", "not signed by the dock"
    identity = {
        "dock": p.DOCK,
        "site": p.SITE,
        "public": p.KEYS["dock"].public.hex(),
        "host": None,
        "time": p.T0,
    }
    yield "identities", "good", p.sealed("identity", identity, "dock"), "", None, "signed by the key it names"
    other = p.sealed("identity", identity, "other-dock")
    yield "identities", "other-key", other, "", "key", "signed by another key than it names"
    yield from _rolled_identities(identity)


def _rolled_identities(identity: p.Json) -> Iterator[Row]:
    files = chains.files()
    next_key = identity | {"public": p.KEYS["dock-next"].public.hex()}

    def row(name: str, of: p.Json, signer: str, rolled: str, code: str | None, why: str) -> Row:
        told = of | {"rolled": [json.loads(files[f"chain/{rolled}.json"])]}
        return "identities", name, p.sealed("identity", told, signer), "", code, why

    yield row("rolled", next_key, "dock-next", "rolled", None, "its key was rolled, and how")
    yield row("rolled-half", next_key, "dock-next", "rolled-by-new", "rolled", "only the new key signed that")
    yield row("rolled-away", identity, "dock", "rolled", "rolled", "the key that went")

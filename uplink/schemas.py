"""JSON Schemas of everything on the wire, made from the message types: one file each.

`python -m uplink.schemas OUTDIR` writes them (`docs/schemas/` in the repository; a test keeps that up
to date).  What is signed is described as the payload inside the envelope.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from uplink.envelope import MAX_SIGNATURES
from uplink.messages.base import Wire
from uplink.messages.card import CaseCard
from uplink.messages.command import Answer, Command
from uplink.messages.custody import DATA, CustodyEvent
from uplink.messages.identity import Identity
from uplink.messages.manifest import Manifest
from uplink.messages.receipt import Head, Receipt, Reconciliation, Refusal
from uplink.messages.registry import REGISTRIES
from uplink.messages.telemetry import HealthMessage, SlotMessage, StateMessage
from uplink.messages.transfer import FileAnswer, FileFin, FileInit

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MESSAGES: dict[str, type[Wire]] = {
    "answer": Answer,
    "card": CaseCard,
    "command": Command,
    "file-answer": FileAnswer,
    "file-fin": FileFin,
    "file-init": FileInit,
    "head": Head,
    "health": HealthMessage,
    "identity": Identity,
    "manifest": Manifest,
    "receipt": Receipt,
    "reconciliation": Reconciliation,
    "refusal": Refusal,
    "slot": SlotMessage,
    "state": StateMessage,
}


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by name."""
    found = {name: _schema(name, model.model_json_schema()) for name, model in MESSAGES.items()}
    found["event"] = _event()
    found["registry"] = _registry()
    found["envelope"] = _envelope()
    return dict(sorted(found.items()))


def write(folder: Path) -> list[Path]:
    """Write every schema to `folder`, made where it is missing.  Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in all_schemas().items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _schema(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT, "$id": f"urn:bodydock:schema:{name}:1", **body}


def _event() -> dict[str, Any]:
    """An event whose `data` has the shape of its kind; kinds without one may carry anything."""
    models: list[type[Wire]] = [CustodyEvent, *DATA.values()]
    _, together = models_json_schema([(model, "validation") for model in models])
    shapes = together["$defs"]
    event = shapes.pop(CustodyEvent.__name__)
    shape_of_kind = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"properties": {"data": {"$ref": f"#/$defs/{model.__name__}"}}},
        }
        for kind, model in DATA.items()
    ]
    return _schema("event", {**event, "allOf": shape_of_kind, "$defs": shapes})


def _registry() -> dict[str, Any]:
    _, together = models_json_schema([(model, "validation") for model in REGISTRIES.values()])
    one_of = [{"$ref": f"#/$defs/{model.__name__}"} for model in REGISTRIES.values()]
    return _schema("registry", {"title": "Registry", "oneOf": one_of, "$defs": together["$defs"]})


def _envelope() -> dict[str, Any]:
    base64 = {"type": "string", "contentEncoding": "base64"}
    signature = {
        "type": "object",
        "properties": {"keyid": {"type": "string"}, "sig": base64},
        "required": ["keyid", "sig"],
    }
    properties = {
        "payloadType": {"type": "string", "pattern": r"^application/vnd\.bodydock\.[a-z]+\.1\+json$"},
        "payload": base64,
        "signatures": {"type": "array", "minItems": 1, "maxItems": MAX_SIGNATURES, "items": signature},
    }
    body = {
        "title": "Envelope",
        "description": "DSSE v1: the signature is over PAE(payloadType, payload bytes).",
        "type": "object",
        "properties": properties,
        "required": ["payloadType", "payload", "signatures"],
    }
    return _schema("envelope", body)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m uplink.schemas OUTDIR")
    for path in write(Path(sys.argv[1])):
        print(path)


if __name__ == "__main__":
    main()

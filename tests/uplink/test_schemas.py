"""The schemas in docs/schemas are those of the message types, and hold for what is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.rig.memory_desk import DOCK, NOW, PLATFORM, MemoryDesk
from uplink import envelope, schemas
from uplink.errors import Refused
from uplink.keys import KeyRing, SigningKey
from uplink.messages import FileAnswer, FileInit
from uplink.messages.custody import DATA, Closed

DOCS = Path(__file__).parents[2] / "docs" / "schemas"


def test_the_schemas_in_docs_are_up_to_date(tmp_path: Path) -> None:
    made = {path.name: path.read_text("utf-8") for path in schemas.write(tmp_path)}
    kept = {path.name: path.read_text("utf-8") for path in DOCS.glob("*.json")}
    assert kept == made, "run: python -m uplink.schemas docs/schemas"


def test_every_schema_is_a_schema() -> None:
    found = schemas.all_schemas()
    assert {"manifest", "event", "receipt", "refusal", "head", "registry", "file-init", "slot"} <= set(found)
    for schema in found.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas.all_schemas()[name])


def event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    desk = MemoryDesk(SigningKey.draw(), KeyRing())
    payload = json.loads(envelope.peek(desk.add_event().raw, "event"))
    return {**payload, "kind": kind, "data": data}


def test_an_events_data_has_the_shape_of_its_kind() -> None:
    check = validator("event")
    listed = {"docking": "0" * 32, "count": 1, "bytes": 2, "listing": "0" * 64}
    assert check.is_valid(event("listed", listed))
    assert not check.is_valid(event("listed", {**listed, "count": -1}))
    assert not check.is_valid(event("stored", listed))
    assert check.is_valid(event("erased", {"anything": 1})), "kinds of later issues are open"
    assert not check.is_valid(event("burnt", {}))
    assert {
        rule["if"]["properties"]["kind"]["const"] for rule in schemas.all_schemas()["event"]["allOf"]
    } == set(DATA)


def test_what_is_sent_fits_its_schema() -> None:
    init = FileInit(
        name="a" * 26 + ".mp4",
        recording="a" * 26,
        attempt=1,
        size=5,
        sha256="0" * 64,
        manifest="1" * 64,
        nonce="2" * 32,
    )
    validator("file-init").validate(json.loads(init.to_bytes()))
    answer = FileAnswer(receiver="r", lease=1, status="ranges", ranges=[(0, 1), (2, 5)])
    validator("file-answer").validate(json.loads(answer.to_bytes()))
    sealed = envelope.seal("event", b"{}", SigningKey.draw())
    validator("envelope").validate(json.loads(sealed.raw))
    assert FileAnswer.parse(answer.to_bytes()) == answer


@pytest.mark.parametrize("kind", ["officers", "cameras", "cases"])
def test_registries_fit_one_shape(kind: str) -> None:
    check = validator("registry")
    registry = {"platform": PLATFORM, "scope": DOCK, "kind": kind, "version": 1, "time": NOW, "rows": []}
    assert check.is_valid(registry)
    assert not check.is_valid({**registry, "version": 0})
    assert not check.is_valid({**registry, "rows": [{"nobody": 1}]})


@pytest.mark.parametrize(("count", "size"), [(2, 30), (3, 29), (3, 31), (4, 30)])
def test_a_sum_that_does_not_come_out_is_no_closed(count: int, size: int) -> None:
    def closed(count: int, size: int) -> dict[str, Any]:
        one = {"count": 1, "bytes": 10}
        return {
            "docking": "0" * 32,
            "listed": {"count": count, "bytes": size},
            "stored": one,
            "already_stored": one,
            "explained": [{"reason": "left_out", **one}],
        }

    Closed.parse(json.dumps(closed(3, 30)).encode())
    with pytest.raises(Refused, match="listed are not"):
        Closed.parse(json.dumps(closed(count, size)).encode())

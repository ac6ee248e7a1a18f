"""The contract for others: made from the message types, well formed, and not too wide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.contract import FILE, Broken, Contract
from uplink import asyncapi, envelope, schemas
from uplink.channels import CHANNELS, PARAMETERS
from uplink.keys import SigningKey

DOCK = "bodydock/1/xlt/dock-01"
RECORDING, FILE_ID = "a" * 26, "0" * 32


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


def everything(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from everything(item)
    elif isinstance(value, list):
        for item in value:
            yield from everything(item)


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == asyncapi.text(), "run: python -m uplink.asyncapi > asyncapi.yaml"


def test_its_yaml_says_what_was_meant(contract: Contract) -> None:
    assert contract.document == asyncapi.document()


# All that we write; a key of more than 1024 characters is no YAML.
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=40)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )
)
def test_yaml_is_read_back_as_it_was(value: Any) -> None:
    assert yaml.safe_load(asyncapi.to_yaml(value)) == value


def test_it_is_an_asyncapi_3_document(contract: Contract) -> None:
    """The rules of asyncapi.com/docs/reference/specification/v3.0.0 that a document of ours could break."""
    document = contract.document
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    allowed = {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }
    assert set(document) <= allowed
    for name in (*document["channels"], *document["operations"], *document["components"]["messages"]):
        assert re.fullmatch(r"[a-zA-Z0-9.\-_]+", name), "component keys"
    for name in document["components"]["schemas"]:
        assert re.fullmatch(r"[a-zA-Z0-9.\-_]+", name)
    for channel in document["channels"].values():
        assert set(re.findall(r"\{([^}]+)\}", channel["address"])) == set(channel["parameters"])
        assert channel["messages"]
        assert not re.search(r"[?#]", channel["address"])
    for name, operation in document["operations"].items():
        assert operation["action"] in ("send", "receive")
        channel = contract.resolve(operation["channel"]["$ref"])
        for message in operation["messages"]:
            # An operation's messages point into its channel, not into the components.
            assert message["$ref"].startswith(f"#/channels/{name}/messages/")
            assert message["$ref"].rsplit("/", 1)[1] in channel["messages"]
        if "reply" in operation:
            contract.resolve(operation["reply"]["channel"]["$ref"])
    for part in everything(document):
        if isinstance(part.get("$ref"), str):
            assert contract.resolve(part["$ref"]) is not None


def test_every_schema_in_it_is_one_and_none_is_of_a_newer_draft(contract: Contract) -> None:
    for name, schema in contract.document["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        for part in everything(schema):
            assert not {"prefixItems", "$defs", "$dynamicRef", "unevaluatedProperties"} & set(part), name


def test_every_schema_of_ours_is_on_a_channel_but_what_never_crosses_the_broker() -> None:
    used = {payload for channel in CHANNELS for payload in channel.payloads}
    assert set(schemas.all_schemas()) - used == {"envelope", "identity", "card"}


def test_topics_are_told_apart(contract: Contract) -> None:
    example = {
        "site": "xlt",
        "dock": "dock-01",
        "slot": "1",
        "recording": RECORDING,
        "digest": "0" * 64,
        "file_id": FILE_ID,
        "offset": "0",
        "verb": "ping",
        "kind": "cases",
        "request": "1/2",
    }
    assert set(example) == set(PARAMETERS)
    for topic in contract.topics:
        text = topic.example(**example)
        assert [known.name for known in contract.topics if known.pattern.fullmatch(text)] == [topic.name]
        assert ("/up/" in text) == topic.sent_by_dock
    retained = {topic.name for topic in contract.topics if topic.retained}
    assert retained == {"state", "health", "slot", "head", "registry"}


def test_what_does_not_fit_is_seen(contract: Contract) -> None:
    sealed = envelope.seal("head", b'{"platform": 1}', SigningKey.draw()).raw
    for topic, payload in (
        (f"{DOCK}/up/nothing", b""),
        (f"{DOCK}/down/state", b""),
        (f"{DOCK}/up/state", b"{}"),
        (f"{DOCK}/up/state", b""),
        (f"{DOCK}/up/events", sealed),  # another type
        (f"{DOCK}/down/head", sealed),  # the right type, but its inside is not
        (f"{DOCK}/down/head", json.dumps({"payload": 1}).encode()),
        (f"{DOCK}/up/file/{FILE_ID}/12x", b""),
        (f"{DOCK}/up/slots/0", b""),
        (f"{DOCK}/down/file/{FILE_ID}", b'{"receiver":"r","lease":1,"status":"ranges","ranges":[[1,2,3]]}'),
    ):
        with pytest.raises(Broken):
            contract.check(topic, payload)
    good = b'{"receiver":"r","lease":1,"status":"ranges","ranges":[[1,2]]}'
    assert contract.check(f"{DOCK}/down/file/{FILE_ID}", good).name == "file_answer"
    assert contract.check(f"{DOCK}/up/file/{FILE_ID}/12", b"\xff").name == "file_segment"

"""Holds messages to `asyncapi.yaml`, read as a stranger would: by the file alone."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FILE = Path(__file__).resolve().parents[2] / "asyncapi.yaml"


class Broken(Exception):
    """A message that the contract does not allow; topic and why are in it."""


@dataclass(frozen=True)
class Topic:
    """A channel of the contract.  `name`: its key in the file."""

    name: str
    address: str
    pattern: re.Pattern[str]
    messages: tuple[dict[str, Any], ...]
    sent_by_dock: bool
    retained: bool

    def example(self, **values: str) -> str:
        """Return a topic of this channel."""
        return self.address.format(**values)


class Contract:
    def __init__(self, file: Path = FILE) -> None:
        self.document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        self.topics = [self._topic(name, body) for name, body in self.document["channels"].items()]

    def check(self, topic: str, payload: bytes) -> Topic:
        """Return the one channel that this is on.  Raises Broken."""
        found = [known for known in self.topics if known.pattern.fullmatch(topic)]
        if len(found) != 1:
            raise Broken(f"{topic}: on {len(found)} channels of the contract")
        reasons = [self._reason(message, payload) for message in found[0].messages]
        if all(reason is not None for reason in reasons):
            raise Broken(f"{topic}: {'; '.join(str(reason) for reason in reasons)}: {payload[:300]!r}")
        return found[0]

    def seen(self, messages: Iterable[tuple[str, bytes]]) -> Counter[str]:
        """Return how many came on each channel.  Raises Broken for one that the contract does not allow."""
        return Counter(self.check(topic, payload).name for topic, payload in messages)

    def resolve(self, reference: str) -> Any:
        """Return what a `$ref` of the file names.  Raises KeyError."""
        found: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def validator(self, schema: dict[str, Any]) -> jsonschema.Draft7Validator:
        return jsonschema.Draft7Validator({**schema, "components": self.document["components"]})

    def _reason(self, message: dict[str, Any], payload: bytes) -> str | None:
        """Say why `payload` is none of these; None where it is one."""
        if message["payload"].get("format") == "binary":
            return None
        if not payload:
            return None if message.get("x-empty") else "empty"
        if (reason := self._misfit(message["payload"], payload)) is not None:
            return reason
        inside = message.get("x-bodydock-signed")
        if inside is None:
            return None
        return self._misfit(inside, base64.b64decode(json.loads(payload)["payload"], validate=True))

    def _misfit(self, schema: dict[str, Any], data: bytes) -> str | None:
        try:
            value = json.loads(data)
        except ValueError as e:
            return f"no JSON: {e}"
        error = jsonschema.exceptions.best_match(self.validator(schema).iter_errors(value))
        return None if error is None else f"{error.json_path}: {error.message[:300]}"

    def _topic(self, name: str, body: dict[str, Any]) -> Topic:
        patterns = {key: self.resolve(ref["$ref"])["x-pattern"] for key, ref in body["parameters"].items()}
        parts = re.split(r"\{([a-z_]+)\}", body["address"])
        made = "".join(f"({patterns[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        operation = self.document["operations"][name]
        return Topic(
            name,
            body["address"],
            re.compile(made),
            tuple(self.resolve(message["$ref"]) for message in body["messages"].values()),
            operation["action"] == "send",
            operation["bindings"]["mqtt"]["retain"],
        )

"""The contract for others, as AsyncAPI 3, made from the message types and the table of topics.

`python -m uplink.asyncapi > asyncapi.yaml` (a test keeps that file up to date).

- What is signed travels in an envelope; `x-bodydock-signed` names the schema of the payload inside it.
- Schemas are AsyncAPI's own Schema Objects (JSON Schema draft 7 and more): what newer drafts write in
  another way is rewritten.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from uplink import schemas
from uplink.channels import CHANNELS, PARAMETERS, Channel
from uplink.envelope import payload_type

VERSION = "1.0.0"  # of the topics' root, bodydock/1
_ENVELOPE = "envelope"
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_DESCRIPTION = """\
Between docking stations and a platform, over any MQTT 5 broker, everything at QoS 1. What is signed travels
in a DSSE v1 envelope; only the verified payload is read. Nothing depends on a message having been seen once.
docs/brokers.md tells how a broker is set up and who may speak where."""


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "bodydock",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "TLS 1.2 or newer, with client certificates. Plain MQTT is for loopback only.",
            }
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {name: body for channel in CHANNELS for name, body in _messages(channel).items()},
            "parameters": {
                name: {"description": said, "x-pattern": pattern}
                for name, (pattern, said) in PARAMETERS.items()
            },
            "schemas": _all_schemas(),
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "summary": channel.summary,
        "parameters": {
            name: {"$ref": f"#/components/parameters/{name}"} for name in _PARAMETER.findall(channel.address)
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(channel)},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    """As a dock sees it: it sends what is under up/."""
    mqtt: dict[str, Any] = {"qos": 1, "retain": channel.retained}
    if channel.expiry_s is not None:
        mqtt["messageExpiryInterval"] = channel.expiry_s
    made: dict[str, Any] = {
        "action": "send" if channel.speaker == "dock" else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{name}"} for name in _messages(channel)],
        "bindings": {"mqtt": {**mqtt, "bindingVersion": "0.2.0"}},
    }
    if channel.replies_on is not None:
        made["reply"] = {"channel": {"$ref": f"#/channels/{channel.replies_on}"}}
    return made


def _messages(channel: Channel) -> dict[str, dict[str, Any]]:
    """Return the messages of a channel by name."""
    if channel.binary:
        body: dict[str, Any] = {
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        }
        if channel.user_property is not None:
            hex_digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
            body["headers"] = {
                "type": "object",
                "properties": {channel.user_property: hex_digest},
                "required": [channel.user_property],
            }
        return {channel.name: body}
    if not channel.payloads:
        return {channel.name: {"payload": {"type": "null"}, "x-empty": True}}
    made = {_message_name(channel, name): _message(channel, name) for name in channel.payloads}
    if channel.bare:
        made |= {
            f"{channel.name}_unsigned": {"payload": {"$ref": f"#/components/schemas/{name}"}}
            for name in channel.payloads
        }
    return made


def _message_name(channel: Channel, payload: str) -> str:
    return channel.name if len(channel.payloads) == 1 else f"{channel.name}_{payload}"


def _message(channel: Channel, payload: str) -> dict[str, Any]:
    more: dict[str, Any] = {"x-empty": True} if channel.empty else {}
    schema = {"$ref": f"#/components/schemas/{payload}"}
    if not channel.signed:
        return {"payload": schema, **more}
    envelope = {"$ref": f"#/components/schemas/{_ENVELOPE}"}
    kind = {"properties": {"payloadType": {"const": payload_type(payload)}}}
    return {"payload": {"allOf": [envelope, kind]}, "x-bodydock-signed": schema, **more}


def _all_schemas() -> dict[str, Any]:
    """Return every schema and what they share, by name, with references that hold within the document."""
    found: dict[str, Any] = {}
    for name, schema in schemas.all_schemas().items():
        parts = {name: schema, **schema.get("$defs", {})}
        for part, body in parts.items():
            fitted = _fitted(
                {key: value for key, value in body.items() if key not in ("$defs", "$schema", "$id")}
            )
            if found.setdefault(part, fitted) != fitted:
                raise ValueError(f"two schemas are called {part}")
    return dict(sorted(found.items()))


def _fitted(value: Any) -> Any:
    if isinstance(value, list):
        return [_fitted(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _fitted(item) for key, item in value.items()}
    if isinstance(reference := made.get("$ref"), str):
        made["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
    if "prefixItems" in made:  # draft 2020-12; draft 7 calls it items
        made["items"] = made.pop("prefixItems")
        made["additionalItems"] = False
    return made


def to_yaml(value: Any, indent: int = 0) -> str:
    """Return JSON values as YAML 1.2 in block style; strings are plain where they cannot be mistaken."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_scalar(key)}:{_after(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_after(item, indent)}" for item in value)
    return f"{pad}{_scalar(value)}\n"


def _after(value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + to_yaml(value, indent + 1)
    return f" {_scalar(value)}\n"


_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_./$-]*( [A-Za-z0-9_./$(),;-]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def _scalar(value: Any) -> str:
    # JSON is YAML 1.2: whatever could be mistaken is written as JSON writes it.
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)


def text() -> str:
    """Return the file."""
    return f"# Made by `python -m uplink.asyncapi`: edits are lost.\n{to_yaml(document())}"


if __name__ == "__main__":
    sys.stdout.write(text())

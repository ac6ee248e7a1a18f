"""What an inbound message is, by its topic: pure.

- Only this dock's `down/` and its site's registries are looked at; all else is counted.
- Receipts, commands and answers that are *delivered as retained* are refused: brokers clear the mark
  on live ones, so this one is a ghost or was put there (trust.md, Who may do what).
- A Response Topic anywhere but on a command is ignored and counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from uplink.broker import Inbound
from uplink.messages.registry import REGISTRIES
from uplink.topics import DockTopics, parse

What = Literal["receipt", "head", "reconciliation", "file", "command", "registry"]
_MAY_BE_RETAINED = ("head", "registry")
_RECORDING = re.compile(r"[a-z2-7]{26}")
_FILE_ID = re.compile(r"[0-9a-f]{32}")
_VERB = re.compile(r"[a-z][a-z-]{0,31}")


@dataclass(frozen=True)
class Route:
    """`name`: the recording, file_id, verb or kind of registry."""

    what: What
    name: str = ""


def route(topics: DockTopics, message: Inbound) -> Route | str:
    """Return what `message` is, or what it is to be counted as (`ignored.…`, `refused.…`)."""
    found = _by_topic(topics, message.topic)
    if found is None:
        return "ignored.topic"
    if message.retained and found.what not in _MAY_BE_RETAINED:
        return f"refused.{found.what}.retained"
    return found


def _by_topic(topics: DockTopics, topic: str) -> Route | None:
    for kind in REGISTRIES:
        if topic == topics.registry(kind):
            return Route("registry", kind)
    parsed = parse(topic)
    if (
        parsed is None
        or parsed.direction != "down"
        or (parsed.site, parsed.dock) != (topics.site, topics.dock)
    ):
        return None
    match parsed.parts:
        case ("head",):
            return Route("head")
        case ("reconciliation",):
            return Route("reconciliation")
        case ("receipts", recording) if _RECORDING.fullmatch(recording):
            return Route("receipt", recording)
        case ("file", file_id) if _FILE_ID.fullmatch(file_id):
            return Route("file", file_id)
        case ("cmd", verb) if _VERB.fullmatch(verb):
            return Route("command", verb)
    return None

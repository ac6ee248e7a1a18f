"""Commands and answers (trust.md, Ids and payloads).  Verbs come with the path issue."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from uplink.messages.base import Digest, Hex128, Name, Short, Text, Utc, Wire


class Signer(Wire):
    person: Short
    role: Short


class Command(Wire):
    """Payload type `command`.  `base` and `challenge` make it harmless when replayed."""

    platform: Name
    dock: Name
    verb: Short
    args: dict[str, Any]
    command: Hex128
    by: Annotated[list[Signer], Field(max_length=8)]
    reason: Text
    base: Digest | None = None
    challenge: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Answer(Wire):
    """Payload type `answer`.  `outcome`: done, refused, unsupported."""

    platform: Name
    dock: Name
    command: Hex128
    verb: Short
    outcome: Short
    text: Text
    data: dict[str, Any] = {}
    time: Utc

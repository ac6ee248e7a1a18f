"""Commands as they come down, and where their answers go: pure (trust.md, Ids and payloads, command).

- What only adds bears one signature by an `operate` key; a *destroy* act (`release`, a `tag` that
  replaces) bears two or more by `destroy` keys of different persons, each named in `by`.
- The person of a destroy key is its record's owner, never what the message says.
- `ping` and `rescan` may come unsigned, as their bare payload: they change nothing that lasts.
- The verb of the topic is compared with the signed one; nothing else of the topic is used.
- An answer goes to the Response Topic if that is below the dock's own `up/reply/`, else the Response
  Topic is ignored (and counted), and it goes to `up/reply/{command}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from uplink import envelope
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.keys import KeyRing, Role
from uplink.messages.command import UNSIGNED_VERBS, Command
from uplink.topics import DockTopics, parse

MAX_COMMAND_BYTES = 64 * 1024
MAX_CORRELATION_BYTES = 1024
_REPLY = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Ordered:
    """A command that holds.  `persons`: who asks; for a destroy act, whose keys signed."""

    command: Command
    persons: tuple[str, ...]
    signed: bool
    destroys: bool


@dataclass(frozen=True)
class Reply:
    """An answer to publish below `up/`."""

    rest: str
    payload: bytes
    correlation: bytes | None


def destroys(command: Command) -> bool:
    """Whether a command takes something away, so that it needs two persons."""
    return command.verb == "release" or (command.verb == "tag" and bool(command.args.get("replaces")))


def claimed(raw: bytes) -> Command | None:
    """Return what `raw` says it is, *unverified*: only to answer it.  None where it says nothing."""
    try:
        return Command.parse(_payload(raw)[0])
    except Refused:
        return None


def check(raw: bytes, verb: str, ring: KeyRing) -> Ordered:
    """Verify what came on `down/cmd/{verb}`.  Whom it is for is the caller's to compare.

    Raises Refused: those of `unseal` and `parse`, `verb` (not the topic's), `unsigned`, `persons` (fewer
    than two of those named signed), `by` (nobody is named).
    """
    payload, signed = _payload(raw)
    command = Command.parse(payload)
    if command.verb != verb:
        raise Refused("verb", f"{command.verb[:40]!r} on the topic of {verb[:40]!r}")
    if not signed:
        if command.verb not in UNSIGNED_VERBS:
            raise Refused("unsigned", f"{command.verb[:40]!r} needs a signature")
        return Ordered(command, (), False, False)
    if destroys(command):
        sealed = envelope.unseal(raw, "command", ring, Role.DESTROY, MAX_COMMAND_BYTES)
        return Ordered(command, _two_persons(command, sealed, ring), True, True)
    envelope.unseal(raw, "command", ring, Role.OPERATE, MAX_COMMAND_BYTES)
    if not command.by:
        raise Refused("by", "a signed command names who asks")
    return Ordered(command, tuple(dict.fromkeys(signer.person for signer in command.by)), True, False)


def reply_to(topics: DockTopics, command: str, response_topic: str | None) -> tuple[str, bool]:
    """Return where below `up/` the answer goes, and whether a Response Topic had to be ignored."""
    if response_topic is None:
        return f"reply/{command}", False
    found = parse(response_topic)
    if (
        found is None
        or (found.site, found.dock, found.direction) != (topics.site, topics.dock, "up")
        or found.parts[0] != "reply"
        or not 2 <= len(found.parts) <= 4
        or not all(_REPLY.fullmatch(part) for part in found.parts[1:])
    ):
        return f"reply/{command}", True
    return "/".join(found.parts), False


def _payload(raw: bytes) -> tuple[bytes, bool]:
    """Return a command's payload, and whether it came in an envelope.  Raises Refused."""
    if envelope.declared_kind(raw, MAX_COMMAND_BYTES) is None:
        return raw, False
    return envelope.peek(raw, "command", MAX_COMMAND_BYTES), True


def _two_persons(command: Command, sealed: Envelope, ring: KeyRing) -> tuple[str, ...]:
    named = {signer.person for signer in command.by}
    owners = [record.owner for key in sealed.signers if (record := ring.find(key, Role.DESTROY)) is not None]
    persons = tuple(dict.fromkeys(owner for owner in owners if owner in named))
    if len(persons) < 2:
        raise Refused(
            "persons", f"signed by {', '.join(owners) or 'nobody'}: two persons that it names are needed"
        )
    return persons

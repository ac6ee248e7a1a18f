"""Ordering something of a dock: make a command, have it signed, send it, wait for the answer (trust.md).

- What adds is signed by the center's `operate` key; what takes away by two persons' own keys: the first
  signs a file, the second adds a signature over the very same payload.
- A `tag` or `release` rests on the newest manifest held here (`base`): if the dock knows more by now, it
  refuses, and the order is made anew.
- A command is repeated until it is answered; the dock does it once.
- An answer counts only under the dock's own key, for this command; one that says the command did not
  verify is believed only when no other comes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from center import keybook, people
from center.catalogue import database, docks, recordings, voiding
from center.catalogue.docks import Dock
from center.errors import BadOrder, NotEnrolled, NotFound
from center.office import utc_now
from center.operating import at_broker
from center.settings import Folder, Settings, load
from uplink import commanding, envelope
from uplink.connection import Acknowledged, Connected, Connection, Disconnected, Inbound
from uplink.envelope import Envelope
from uplink.errors import Offline, Refused, TooLarge
from uplink.ids import draw_id
from uplink.keys import Role
from uplink.messages import Answer, Command
from uplink.messages.command import ARGS
from uplink.messages.manifest import MAX_MANIFEST_BYTES, Manifest
from uplink.wanted import key_of, wanted

REPEAT_S = 2.0
MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Aim:
    """What an order is about: a dock, and perhaps one of its recordings with the newest manifest held."""

    dock: Dock
    recording: str | None = None
    manifest: str | None = None
    receipts: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """An order: who asks (persons with their role), why, and with which arguments."""

    verb: str
    args: Mapping[str, Any]
    by: tuple[tuple[str, str], ...]
    reason: str
    base: str | None = None


def dock_aim(folder: Folder, name: str | None) -> Aim:
    """Return an enrolled dock: the one named, else the only one.  Raises NotEnrolled, BadFolder."""
    load(folder)
    with database.reading(folder) as connection:
        known = docks.every(connection)
    fitting = [dock for dock in known if name in (None, dock.dock)]
    if len(fitting) != 1:
        names = ", ".join(dock.dock for dock in known) or "none: no dock is enrolled"
        raise NotEnrolled(f"which dock? Name one with --dock (known: {names})")
    return Aim(fitting[0])


def recording_aim(folder: Folder, start: str, dock: str | None = None) -> Aim:
    """Return the recording whose id begins with `start`.  Raises NotFound, BadFolder."""
    load(folder)
    with database.reading(folder) as connection:
        found = [r for r in recordings.begins_with(connection, start) if dock in (None, r.dock)]
        if len(found) != 1 or not start:
            many = ", ".join(f"{item.dock}/{item.recording}" for item in found[:5])
            raise NotFound(f"{len(found)} recordings begin with {start!r} {many}: see `bodydock center list`")
        held = found[0]
        owner = docks.find(connection, held.dock)
        assert owner is not None  # a foreign key
        newest = recordings.manifest(connection, held.dock, held.recording, held.revision)
        signed = recordings.receipts(connection, held.dock, held.recording)
    holds = () if newest is None else _holds(newest.raw)
    receipts = tuple(receipt.receipt for receipt in signed)
    return Aim(owner, held.recording, held.manifest, receipts, holds)


def make(platform_id: str, dock: Dock, asked: Asked) -> Command:
    """Make a command.  Raises BadOrder where its arguments do not fit."""
    try:
        args = ARGS[asked.verb].model_validate(dict(asked.args)).model_dump(mode="json", exclude_unset=True)
        return Command.model_validate(
            {
                "platform": platform_id,
                "dock": dock.dock,
                "verb": asked.verb,
                "args": args,
                "command": draw_id(),
                "by": [{"person": person, "role": role} for person, role in asked.by],
                "reason": asked.reason,
                "base": asked.base,
            }
        )
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        raise BadOrder(f"{asked.verb}: {key_of(first['loc'])}: {wanted(first)}") from None


def signed(folder: Folder, command: Command) -> Envelope:
    """Sign with the center's `operate` key.  Raises BadKey."""
    keys = keybook.load(folder, command.platform)
    return envelope.seal("command", command.to_bytes(), keys.by_role[Role.OPERATE])


def begun(folder: Folder, aim: Aim, asked: Asked, key_file: Path, second: str) -> Envelope:
    """Return a destroy command that names two persons and is signed by the first.

    Raises BadPerson, BadOrder, BadKey, BadFolder.
    """
    settings = load(folder)
    known = people.load(folder)
    key = people.load_key(key_file)
    first = people.person_of(known, key, key_file)
    if second not in {one.person for one in known} or second == first:
        others = ", ".join(sorted({one.person for one in known} - {first})) or "nobody else is registered"
        raise BadOrder(f"a second person than {first} has to sign: --with PERSON ({others})")
    by = ((first, Role.DESTROY.value), (second, Role.DESTROY.value))
    command = make(settings.id, aim.dock, Asked(asked.verb, asked.args, by, asked.reason, base=aim.manifest))
    return envelope.seal("command", command.to_bytes(), key)


def cosigned(folder: Folder, raw: bytes, key_file: Path) -> tuple[Envelope, Command]:
    """Return a begun command with a second person's signature.

    Raises BadOrder (not begun here, this person is not named or has signed), BadPerson, BadKey.
    """
    settings = load(folder)
    known = people.load(folder)
    key = people.load_key(key_file)
    person = people.person_of(known, key, key_file)
    command = commanding.claimed(raw)
    if command is None or command.platform != settings.id:
        raise BadOrder("FILE is no command of this platform: `bodydock center order release` writes one")
    try:
        first = envelope.unseal(raw, "command", people.ring(known), Role.DESTROY)
    except Refused as e:
        raise BadOrder(f"FILE does not bear a sound signature of a person registered here: {e}") from None
    have = {one.person for one in known if one.record.key_id in first.signers}
    if person in have and len(have) > 1:
        return first, command  # complete: only to be sent again
    if person in have:
        raise BadOrder(f"{person} has signed already: the second signature is another person's")
    if person not in {signer.person for signer in command.by}:
        named = ", ".join(signer.person for signer in command.by)
        raise BadOrder(f"{person} is not named in this order (it names {named})")
    return envelope.cosign(first, key), command


def read_file(path: Path) -> bytes:
    """Read a command's file.  Raises BadOrder."""
    try:
        with path.open("rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise BadOrder(f"{path} cannot be read: {e.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadOrder(f"{path} is no command: it has more than {MAX_FILE_BYTES} bytes")
    return data.strip()


def write_file(path: Path, command: Envelope, *, new: bool) -> None:
    """Write a command's file; `new`: never over one that is there.  Raises BadOrder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(command.raw + b"\n")
        if new:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    except FileExistsError:
        raise BadOrder(f"{path} is there already: name another --out") from None
    except OSError as e:
        raise BadOrder(f"{path} cannot be written: {e.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def void(folder: Folder, aims: list[Aim], answer: Answer) -> None:
    """Void here too what the dock holds for void, so that the bytes are taken and receipted anew.

    That is what it said it voided, or all, where it says that none of these receipts is in force there.
    What it has cleared itself stays: the bytes here may be the only ones.
    """
    if answer.outcome == "done":
        voided = set(answer.data.get("recordings", ()))
    elif answer.data.get("code") == "unknown":
        voided = {aim.recording for aim in aims}
    else:
        return
    aims = [aim for aim in aims if aim.recording in voided]
    connection = database.open_for_writing(folder)
    try:
        with database.writing(connection):
            for aim in aims:
                assert aim.recording is not None
                voiding.void(connection, aim.dock.dock, aim.recording, utc_now())
    finally:
        connection.close()


def send(
    settings: Settings,
    dock: Dock,
    command: Command,
    raw: bytes,
    wait_s: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """Send a command again and again until the dock answers.  Raises BadOrder: no answer in `wait_s`."""
    with at_broker(settings, (dock.topics.up(f"reply/{command.command}"),)) as connection:
        waiting = _Waiting(connection, dock, command, raw)
        answer = waiting.until(monotonic() + wait_s, monotonic)
        if answer is None:
            why = waiting.trouble or connection.trouble or "it is off, or not connected"
            raise BadOrder(
                f"dock {dock.dock} does not answer within {wait_s:g} s ({why}); perhaps it was done all the "
                "same. See `bodydock center show`, then order it again"
            )
        return answer


class _Waiting:
    """Repeats one command, and knows its answer."""

    def __init__(self, connection: Connection, dock: Dock, command: Command, raw: bytes) -> None:
        self._connection = connection
        self._dock = dock
        self._command = command
        self._raw = raw
        self._topic = dock.topics.up(f"reply/{command.command}")
        self._doubtful: Answer | None = None
        self._send_at = 0.0
        self.trouble = ""

    def until(self, end: float, monotonic: Callable[[], float]) -> Answer | None:
        while (now := monotonic()) < end:
            if self._connection.connected and now >= self._send_at:
                self._send_at = now + REPEAT_S
                self._publish()
            match self._connection.next(min(end - now, 0.2)):
                case Inbound() as message if message.topic == self._topic and not message.retained:
                    answer = self._answer(message.payload)
                    if answer is not None and answer.data.get("verified") is not False:
                        return answer
                    self._doubtful = answer or self._doubtful
                case Connected() | Disconnected():
                    self._send_at = 0.0
                case Acknowledged() as done if done.refused:
                    self.trouble = f"the broker refuses it (0x{done.reason_code:02x}): see the acl file"
                case Acknowledged() as done if done.nobody:
                    self.trouble = "the dock is not connected to the broker"
        return self._doubtful

    def _publish(self) -> None:
        try:
            self._connection.publish(
                self._dock.topics.down(f"cmd/{self._command.verb}"),
                self._raw,
                response_topic=self._topic,
                correlation=bytes.fromhex(self._command.command),
            )
        except Offline:
            self._send_at = 0.0
        except TooLarge as e:
            self.trouble = f"{e}: raise the broker's max_packet_size"

    def _answer(self, payload: bytes) -> Answer | None:
        try:
            sealed = envelope.unseal(payload, "answer", self._dock.ring, Role.DOCK)
            answer = Answer.parse(sealed.payload)
        except Refused as e:
            self.trouble = f"an answer does not verify: {e}"
            return None
        mine = (self._command.platform, self._dock.dock, self._command.command)
        return answer if (answer.platform, answer.dock, answer.command) == mine else None


def _holds(raw: bytes) -> tuple[str, ...]:
    manifest = Manifest.parse(envelope.peek(raw, "manifest"), MAX_MANIFEST_BYTES)
    return tuple(hold.hold for hold in manifest.holds)

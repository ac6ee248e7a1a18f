"""Commands of the platform: verified, done once, answered always (trust.md; mqtt.md, `down/cmd/{verb}`).

- What the command changes and the answer it got are committed together: after a kill it is done or not,
  and asked again it is answered the same.
- A verified `command` id that was seen gets the answer it got (signed anew where the dock's key was rolled),
  and nothing else happens.
- What does not verify is refused, said so, and kept nowhere: a later, sound command of that id counts.
- `ping` and `rescan` may come unsigned; those are kept nowhere, and a `rescan` at most every 10 s.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from daemon.acts.act import Act, ActRefused, Done
from daemon.acts.dispatch import arguments, perform
from daemon.acts.tools import Tools
from daemon.store import Transaction
from daemon.store.database import to_text
from uplink import commanding, envelope
from uplink.commanding import Ordered
from uplink.errors import Refused
from uplink.keys import KeyRing
from uplink.messages import Actor, Answer, Command
from uplink.messages.command import VERBS

_LOG = logging.getLogger(__name__)
UNSIGNED_RESCAN_S = 10.0
_NOBODY = "unsigned"


class Commands:
    """`ring`: the platform's keys; a destroy key's owner is its person.  `count`: counts refusals."""

    def __init__(self, tools: Tools, ring: KeyRing, count: Callable[[str], None]) -> None:
        self._tools = tools
        self._ring = ring
        self._count = count
        self._rescanned_s = -UNSIGNED_RESCAN_S

    def take(self, verb: str, raw: bytes) -> tuple[str, bytes] | None:
        """Take what came on `down/cmd/{verb}`; return (command id, signed answer) to publish.

        None for what cannot be answered: not for this dock, or nothing that names itself.
        """
        command = commanding.claimed(raw)
        identity = self._tools.custody.identity
        if command is None or (command.platform, command.dock) != (identity.platform, identity.dock):
            self._count("refused.command.shape" if command is None else "refused.command.address")
            return None
        return command.command, self._answer(verb, command, raw, "")

    def carried(self, raw: bytes, person: str) -> dict[str, Any]:
        """Do a signed command that `person` brought to the dock; return its answer.  Raises ActRefused."""
        command = commanding.claimed(raw)
        if command is None:
            raise ActRefused("shape", "文件不是签名指令。", "This file is no signed command.")
        identity = self._tools.custody.identity
        if (command.platform, command.dock) != (identity.platform, identity.dock):
            raise ActRefused(
                "address", "指令不是给本采集站的。", f"It is for dock {command.dock} of {command.platform}."
            )
        answer = Answer.parse(envelope.peek(self._answer(command.verb, command, raw, person), "answer"))
        if answer.outcome != "done":
            raise ActRefused(str(answer.data.get("code", answer.outcome)), answer.text, "")
        return {"text": answer.text, "outcome": answer.outcome, "command": answer.command} | answer.data

    def _answer(self, verb: str, command: Command, raw: bytes, carried_by: str) -> bytes:
        if command.verb not in VERBS:
            self._count("unsupported.command")
            text = "不支持的指令。 This dock does not know this verb."
            return self._signed(command, "unsupported", text, {"code": "unsupported"})
        try:
            ordered = commanding.check(raw, verb, self._ring)
        except Refused as refused:
            self._count(f"refused.command.{refused.code}")
            _LOG.warning("command %s (%s) refused: %s", command.command, command.verb, refused)
            data = {"code": refused.code, "verified": False}
            return self._signed(command, "refused", f"指令未通过验证。 {refused}"[:2000], data)
        try:
            return self._once(ordered, raw, carried_by)
        except Exception:  # noqa: BLE001 - a bug is an answer too, and the next command counts
            _LOG.exception("command %s (%s) failed", command.command, command.verb)
            self._count("fault.command")
            text = "采集站出错，请稍后重发。 The dock failed; its journal says why. Order it again."
            return self._signed(command, "refused", text, {"code": "bug"})

    def _once(self, ordered: Ordered, raw: bytes, carried_by: str) -> bytes:
        command, after = ordered.command, None
        with self._tools.store.write() as tx:
            if ordered.signed:
                seen = tx.row("SELECT answer FROM commands WHERE command = ?", (command.command,))
                if seen is not None:
                    self._count("known.command")
                    return self._again(bytes(seen["answer"]))
            done, answer = self._perform(tx, ordered, carried_by)
            if ordered.signed:
                tx.insert(
                    "commands",
                    {
                        "command": command.command,
                        "verb": command.verb,
                        "raw": raw,
                        "answer": answer,
                        "taken_at": to_text(self._tools.custody.clock.now()),
                    },
                )
            after = done.after if done is not None else None
        if after is not None:
            try:
                after()
            except Exception:  # noqa: BLE001 - it is done and told; what follows is done again at the next start
                _LOG.exception("after command %s (%s)", command.command, command.verb)
        return answer

    def _perform(self, tx: Transaction, ordered: Ordered, carried_by: str) -> tuple[Done | None, bytes]:
        command = ordered.command
        try:
            if not ordered.signed:
                self._check_pace(command.verb)
            act = Act(
                command.verb,
                arguments(command.verb, command.args),
                _actor(ordered),
                command.reason,
                command.command,
                command.base,
                ordered.persons if ordered.destroys else (),
                carried_by or None,
            )
            done = perform(self._tools, tx, act)
        except ActRefused as refused:
            self._count(f"refused.command.{refused.code}")
            return None, self._signed(command, "refused", str(refused), {"code": refused.code})
        return done, self._signed(command, "done", done.text, done.data)

    def _again(self, answer: bytes) -> bytes:
        """The answer that was given, under the key in force now: another one counts nowhere any more."""
        key = self._tools.custody.identity.key
        return envelope.seal("answer", envelope.peek(answer, "answer"), key).raw

    def _check_pace(self, verb: str) -> None:
        if verb != "rescan":
            return
        now_s = time.monotonic()
        if now_s - self._rescanned_s < UNSIGNED_RESCAN_S:
            raise ActRefused("later", "刚刚检查过，请稍后。", "It has just looked: try again in a moment.")
        self._rescanned_s = now_s

    def _signed(self, command: Command, outcome: str, text: str, data: dict[str, Any]) -> bytes:
        identity = self._tools.custody.identity
        answer = Answer(
            platform=identity.platform,
            dock=identity.dock,
            command=command.command,
            verb=command.verb,
            outcome=outcome,
            text=text[:2048],
            data=data,
            time=self._tools.custody.clock.now(),
        )
        return envelope.seal("answer", answer.to_bytes(), identity.key).raw


def _actor(ordered: Ordered) -> Actor:
    """Who it was: proven where it was their own keys that signed, else the platform says so."""
    persons = " + ".join(ordered.persons) or _NOBODY
    return Actor(person=persons[:128], by="command", proven=ordered.destroys)

"""An act: what is asked, by whom, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.errors import DaemonError
from uplink.messages import Actor
from uplink.messages.base import Wire
from uplink.persons import distinct


@dataclass(frozen=True)
class Act:
    """`args`: the verb's own type (uplink.messages.command.ARGS), validated.

    `command`: the id of the command that asks for it; None: somebody at the dock.  `base`: what that
    command rests on.  `persons`: whose destroy keys signed it; none: one person, who may only add.
    `carried_by`: who brought the command to the dock.
    """

    verb: str
    args: Wire
    actor: Actor
    reason: str = ""
    command: str | None = None
    base: str | None = None
    persons: tuple[str, ...] = ()
    carried_by: str | None = None

    @property
    def by_two(self) -> bool:
        return distinct(self.persons) >= 2

    @property
    def source(self) -> str:
        """What a tag made by this act rests on."""
        return "declaration" if self.command is None else "command"


@dataclass(frozen=True)
class Done:
    """What came of an act.  `after`: what is to happen once it is committed."""

    text: str
    data: dict[str, Any] = field(default_factory=dict)
    after: Callable[[], None] | None = None


class ActRefused(DaemonError):
    """An act that is not done.  Needs a person.  `code` is short and stable; nothing was written."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.code = code

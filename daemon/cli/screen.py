"""The one way to a person's terminal: what is foreign in a text can neither move the cursor nor lie.

Every string that a table or `print` is given is made plain before it is laid out; brackets and colons are no
markup.  Several lines in one cell are made by `lines`, of parts that are each plain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from uplink.plain import plain

PIPED_COLUMNS = 160  # ids whole, for who reads a pipe


class PlainConsole(Console):
    """A console that knows no markup, and shows what is not printable as an escape."""

    def __init__(self, **more: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **more)

    def render_str(self, text: str, **more: Any) -> Text:
        return super().render_str(plain(text), **more)


def console(wide_when_piped: bool = False) -> PlainConsole:
    made = PlainConsole()
    if wide_when_piped and not made.is_terminal:
        made.width = PIPED_COLUMNS
    return made


NARROW_COLUMNS = 110


def is_narrow(console: Console) -> bool:
    """Whether a table with ids in it would cut them off: then each thing has lines of its own (`entry`)."""
    return console.width < NARROW_COLUMNS


def entry(console: Console, head: Iterable[str], *below: Iterable[str]) -> None:
    """Print one thing on a line, and what else there is of it indented below; nothing is cut off."""
    console.print("  ".join(part for part in head if part), soft_wrap=True)
    for parts in below:
        console.print("    " + "  ".join(part for part in parts if part), soft_wrap=True)


def lines(parts: Iterable[str]) -> Text:
    """Return a cell of one line for each part."""
    return Text("\n".join(plain(part) for part in parts))

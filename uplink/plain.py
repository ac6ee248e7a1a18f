"""Text from cards, files and the network, made fit for a terminal and a log: pure.

- What is not printable goes out as an escape (`\\x1b`, `\\u202e`, `\\n`): control characters (C0, C1), marks
  that change the direction of writing, line breaks of every kind, halves of surrogate pairs, what Unicode
  does not assign.  Spaces of every width (U+3000 among them) stay as they are.
- In JSON they stand as JSON's own escapes, so that the text reads back as the same value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_ODD_IN_JSON = re.compile(r"[^\x20-\x7e\n]")


def is_plain(char: str) -> bool:
    """Whether a character may go to a terminal as it is."""
    return char.isprintable() or unicodedata.category(char) == "Zs"


def plain(text: str) -> str:
    """Return `text` on one line, with escapes for what is not printable."""
    if text.isprintable():
        return text
    return "".join(c if is_plain(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def plain_lines(text: str) -> str:
    """Return text whose line feeds are our own (a traceback, a message of several lines), each line plain."""
    return "\n".join(plain(line) for line in text.split("\n"))


def json_text(data: Any, indent: int | None = None) -> str:
    """Return `data` as JSON that is fit for a terminal, and reads back as the same."""
    return plain_json(json.dumps(data, ensure_ascii=False, indent=indent))


def plain_json(text: str) -> str:
    """Return JSON text with JSON escapes for what is not printable (it can only stand within strings)."""
    return _ODD_IN_JSON.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    return char if is_plain(char) else json.dumps(char)[1:-1]

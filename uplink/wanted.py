"""What a file of settings should hold instead, in words for whoever writes it.  Pure.

pydantic speaks to programmers ("Input should be a valid integer"); what it does not say well is said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = {
    "missing": "it has to be given",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "float_type": "a number is wanted",
    "float_parsing": "a number is wanted",
    "finite_number": "a number is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "string_type": 'text in quotes is wanted, like "this"',
    "path_type": 'a path in quotes is wanted, like "/srv/this"',
    "list_type": 'a list is wanted, like ["one", "two"]',
    "dict_type": "a section of its own is wanted",
    "model_type": "a section of its own is wanted",
    "model_attributes_type": "a section of its own is wanted",
    "time_type": "a time of day is wanted, like 22:30:00",
    "time_parsing": "a time of day is wanted, like 22:30:00",
}
_LIMITS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
    "literal_error": ("expected", "one of {}"),
    "enum": ("expected", "one of {}"),
    "string_pattern_mismatch": ("pattern", "text that fits the pattern {}"),
}


# Patterns that say little to who reads them.
_LIKE = {
    "^[0-9a-f]{64}$": "64 hex digits are wanted",
    "^[a-z0-9-]{1,32}$": "1 to 32 characters of a-z, 0-9 and - are wanted",
    r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$": 'hours are wanted, like "20:00-06:00"',
}


def wanted(item: Mapping[str, Any]) -> str:
    """Return what is wanted in place of a value; `item` is one of pydantic's `ValidationError.errors()`."""
    kind, more = item["type"], item.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if more.get("pattern") in _LIKE:
        return _LIKE[more["pattern"]]
    if kind in _LIMITS and _LIMITS[kind][0] in more:
        key, words = _LIMITS[kind]
        return words.format(more[key]) + " is wanted"
    if kind in ("string_too_short", "too_short"):
        return f"at least {more['min_length']} {_of(kind)} wanted"
    if kind in ("string_too_long", "too_long"):
        return f"at most {more['max_length']} {_of(kind)} wanted"
    return str(item["msg"]).removeprefix("Value error, ")


def key_of(parts: Sequence[int | str]) -> str:
    """Return the key as its writer knows it: `slots[2].number` is the second `[[slots]]`'s."""
    said = ""
    for part in parts:
        said += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if said else part
    return said or "(the whole)"


def _of(kind: str) -> str:
    return "characters are" if kind.startswith("string") else "values are"

"""JSON as trust.md allows it on signed payloads, and nothing else.

- UTF-8, no byte order mark, at most `max_bytes` long, nested at most 16 deep (`trust.md`, Signing).
- Duplicate names, NaN, Infinity and integers beyond +-(2**53 - 1) are refused: two readers could
  understand them differently (RFC 8259, sections 4 and 6; RFC 7493).
- Lone surrogates are refused: they have no UTF-8 form (RFC 7493, section 2.1).
"""

from __future__ import annotations

import json
from typing import Any

from uplink.errors import Refused

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1


def check(data: bytes, max_bytes: int) -> Any:
    """Return the parsed JSON value of `data`.

    Raises Refused (`size`, `encoding`, `depth`, `json`, `duplicate`, `number`).
    """
    if len(data) > max_bytes:
        raise Refused("size", f"{len(data)} bytes, at most {max_bytes}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Refused("encoding", f"not UTF-8 at byte {e.start}") from None
    _check_depth(text)  # before the parser: its own recursion must not be the limit
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_int=_integer, parse_constant=_constant)
    except (ValueError, RecursionError) as e:
        raise Refused("json", str(e)) from None
    _check_text(value)
    return value


def _check_depth(text: str) -> None:
    depth = 0
    in_string = escaped = False
    for c in text:
        if in_string:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c == '"':
            in_string = True
        elif c in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused("depth", f"nested deeper than {MAX_DEPTH}")
        elif c in "]}":
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:  # once: there may be a hundred thousand names, and nobody has signed them
        if name in found:
            raise Refused("duplicate", f"name {name[:64]!r} occurs twice in one object")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    # Length first: int() of a very long string is slow by design of the attacker.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise Refused("number", f"integer {digits[:24]} is beyond 2^53-1")
    return int(digits)


def _constant(name: str) -> float:
    raise Refused("number", f"{name} is no JSON number")


def _check_text(value: Any) -> None:
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise Refused("encoding", "a lone surrogate")
        case float():
            if value in (float("inf"), float("-inf")):
                raise Refused("number", "a number beyond the range of a double")
        case dict():
            for name, item in value.items():
                _check_text(name)
                _check_text(item)
        case list():
            for item in value:
                _check_text(item)

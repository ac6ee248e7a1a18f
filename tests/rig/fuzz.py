"""Messages that nobody should send: made from real ones by damage, and from nothing, over every topic.

All of it follows from one seed.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from uplink.broker import Inbound

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 2**63, 1e308, "", "0" * 64, "a" * 26, "\u202e", "\ud800", "x" * 5000, [], {},
    [[]], {"a": {}}, "2026-13-01T00:00:00Z", "../../etc/passwd", "+", "#",
)  # fmt: skip
_BYTES = (b"", b"\0", b"{", b"null", b"[" * 5000, b"\xff\xfe", b'{"a":1,"a":2}', b"NaN", b"\xef\xbb\xbf{}")


def fuzzed(
    rng: random.Random, seen: Sequence[Inbound], topics: Sequence[str], count: int
) -> Iterator[Inbound]:
    """Yield `count` messages.  `seen`: real ones; `topics`: every topic there is."""
    for _ in range(count):
        real = rng.choice(seen)
        payload = _payload(rng, real.payload)
        topic = real.topic if rng.random() < 0.5 else rng.choice(topics)
        if rng.random() < 0.15:
            topic = _topic(rng, topic)
        pairs = real.user_properties if rng.random() < 0.7 else (("sha256", _text(rng)),)
        response = rng.choice([None, None, None, rng.choice(topics), _text(rng)])
        yield Inbound(topic, payload, rng.random() < 0.1, response, rng.choice([None, b"x" * 3000]), pairs)


def _payload(rng: random.Random, real: bytes) -> bytes:
    match rng.randrange(8):
        case 0:
            return rng.choice(_BYTES)
        case 1:
            return rng.randbytes(rng.randrange(200))
        case 2:
            return real[: rng.randrange(len(real) + 1)]
        case 3 if real:
            at = rng.randrange(len(real))
            return real[:at] + bytes([real[at] ^ (1 << rng.randrange(8))]) + real[at + 1 :]
        case 4:
            return real + rng.choice(_BYTES)
        case 5 | 6:
            return _outer(rng, real)
        case _:
            return real  # on another topic, retained or doubled


def _outer(rng: random.Random, real: bytes) -> bytes:
    """Change a field of the JSON, or of the JSON that it carries signed."""
    try:
        outer = json.loads(real)
    except ValueError:
        return real[::-1]
    if isinstance(outer, dict) and isinstance(outer.get("payload"), str) and rng.random() < 0.7:
        with suppress(ValueError):
            inner = json.loads(base64.b64decode(outer["payload"]))
            outer["payload"] = base64.b64encode(_dump(_changed(rng, inner))).decode()
            return _dump(outer)
    return _dump(_changed(rng, outer))


def _changed(rng: random.Random, value: Any, depth: int = 0) -> Any:
    if not isinstance(value, dict | list) or not value or depth > 4 or rng.random() < 0.2:
        return rng.choice(_ODD)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [_changed(rng, item, depth + 1) if n == at else item for n, item in enumerate(value)]
    name = rng.choice(list(value))
    if rng.random() < 0.15:
        return {key: item for key, item in value.items() if key != name}
    return {**value, name: _changed(rng, value[name], depth + 1)}


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _topic(rng: random.Random, topic: str) -> str:
    parts = topic.split("/")
    at = rng.randrange(len(parts))
    match rng.randrange(4):
        case 0:
            parts[at] = _text(rng)
        case 1:
            parts.insert(at, _text(rng))
        case 2:
            del parts[at]
        case _:
            parts[at] = rng.choice(["", "..", "down", "up", "dock-2", "0" * 32, "a" * 26, "执法"])
    return "/".join(parts)


def _text(rng: random.Random) -> str:
    return "".join(rng.choice(string.printable) for _ in range(rng.randrange(40)))

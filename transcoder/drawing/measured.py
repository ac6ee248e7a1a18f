"""What a child process measured in one file, as plain numbers; and its lines, read without trust.  Pure.

- The child decodes what strangers wrote: its answers are checked for shape, size and range like any input.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 1200  # of a recording's levels
CLOSE_COLUMNS = 300  # of a window's
FRAME_PX = (480, 270)
MAX_FRAME_BYTES = 256 << 10
_MOST_SPEECH = 20_000
_SCALE = 1000


@dataclass(frozen=True)
class Level:
    """Peak and RMS of a column, as shares of full scale."""

    peak: float
    rms: float


Levels = tuple[Level | None, ...]  # None: nothing was measured there


@dataclass(frozen=True)
class Frame:
    """A decoded picture; `at_s` is its own time, None where it has none."""

    at_s: float | None
    jpeg: bytes


@dataclass
class Measured:
    """One file's measurements as they come in."""

    levels: Levels = ()
    speech: tuple[tuple[float, float], ...] | None = None  # seconds; None: nobody listened for speech
    speech_until_s: float | None = None  # how far; None: to the end
    close: dict[int, Levels] = field(default_factory=dict)  # by number of the window
    frames: dict[int, Frame] = field(default_factory=dict)  # by number of the moment
    trouble: str | None = None  # why something is missing: crash, memory, time, unreadable
    done: bool = False


@dataclass(frozen=True)
class Asked:
    """What a child is to measure in one file."""

    path: str
    duration_s: float
    moments: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]
    sound: bool
    sound_s: float  # time for it
    frames_s: float
    max_packets: int = 20_000_000
    max_pixels: int = 80_000_000

    def to_line(self) -> str:
        """One line of ASCII JSON."""
        return json.dumps(self.__dict__, ensure_ascii=True)

    @classmethod
    def from_line(cls, line: bytes) -> Asked:
        """Read what `to_line` wrote.  Raises ValueError, TypeError."""
        raw = json.loads(line)
        raw["moments"] = tuple(raw["moments"])
        raw["windows"] = tuple((a, b) for a, b in raw["windows"])
        return cls(**raw)


def levels_out(levels: Levels) -> list[list[int] | None]:
    """Levels for the wire."""
    return [None if one is None else [_whole(one.peak), _whole(one.rms)] for one in levels]


def _whole(share: float) -> int:
    return round(min(1.0, max(0.0, share)) * _SCALE) if math.isfinite(share) else 0


def take(measured: Measured, asked: Asked, line: bytes) -> None:
    """Add what one line of the child says; anything malformed is left out."""
    try:
        message = json.loads(line)
        if not isinstance(message, dict):
            return
        if "levels" in message:
            measured.levels = _levels(message["levels"], COLUMNS)
        if "speech" in message:
            measured.speech = tuple(_stretches(message["speech"], asked.duration_s))
            measured.speech_until_s = None if message.get("until") is None else float(message["until"])
        if "close" in message and 0 <= int(message["close"]) < len(asked.windows):
            measured.close[int(message["close"])] = _levels(message["of"], CLOSE_COLUMNS)
        if "frame" in message and 0 <= int(message["frame"]) < len(asked.moments):
            frame = _frame(message)
            if frame is not None:
                measured.frames[int(message["frame"])] = frame
        if message.get("trouble") in ("time", "unreadable", "size"):
            measured.trouble = message["trouble"]
        measured.done = measured.done or message.get("done") is True
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, binascii.Error):
        return


def _levels(raw: Any, most: int) -> Levels:
    return tuple(
        None if one is None else Level(*(min(1.0, max(0.0, float(value) / _SCALE)) for value in one[:2]))
        for one in raw[:most]
    )


def _stretches(raw: Any, duration_s: float) -> list[tuple[float, float]]:
    pairs = [(float(start), float(end)) for start, end in raw[:_MOST_SPEECH]]
    return [
        (max(0.0, a), min(b, duration_s)) for a, b in pairs if math.isfinite(a) and math.isfinite(b) and b > a
    ]


def _frame(message: dict[str, Any]) -> Frame | None:
    coded = message["jpeg"]
    if not isinstance(coded, str) or len(coded) > MAX_FRAME_BYTES * 2:
        return None
    data = base64.b64decode(coded, validate=True)
    at_s = message.get("at")
    known = isinstance(at_s, int | float) and math.isfinite(at_s)
    good = data.startswith(b"\xff\xd8\xff") and len(data) <= MAX_FRAME_BYTES
    return Frame(float(at_s) if known and at_s is not None else None, data) if good else None

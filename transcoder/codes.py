"""Codes in pictures: which pictures of a recording's beginning to look at, and what they show.

- All key frames while recording begins, which is when a card is held up, and after that one every few
  seconds: a card has to be held for `HELD_S` there.
- A code is hostile text: cut at a length, never interpreted.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HELD_S = 4.0  # how long a card is held at least
_BEGINNING_S = 20.0  # in which every key frame is looked at
_NO_NEARER_S = 3.5  # behind it: of key frames each second or second one, one every 4 s
_MAX_TEXT = 1024
_UNREAD_AT_MOST = 20  # key frames after which pictures between are tried: a wall of posters ends somewhere
_READ_AT_MOST = 500
Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """What one picture shows: texts that were read, and whether something looks like a code and was not."""

    texts: tuple[str, ...]
    suspected: bool


def can_read() -> bool:
    """Whether the reader of codes is installed."""
    try:
        import zxingcpp  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def look(luma: Luma) -> Shown:
    """Read the codes of one picture: rows of brightness."""
    import zxingcpp

    results = zxingcpp.read_barcodes(
        luma,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        try_invert=False,  # a third of the time, and cards are dark on light
        return_errors=True,
    )
    texts = tuple(r.text[:_MAX_TEXT] for r in results if r.valid and r.text)
    return Shown(texts, any(not r.valid for r in results))


@dataclass
class CodeSearch:
    """The search on one recording's key frames, by whoever decodes them."""

    seconds: float  # from the recording's start
    read: list[tuple[float, str]] = field(default_factory=list)  # seconds from the start, text
    unread: list[int] = field(default_factory=list)  # stamps of key frames that show a code nobody can read
    _last_s: float | None = None
    _wanted: dict[int, float] = field(default_factory=dict)

    def wants(self, pts: int | None, at_s: float | None) -> bool:
        """Whether the key frame that comes next is to be looked at."""
        if pts is None or at_s is None:
            return False
        near = self._last_s is not None and 0 <= at_s - self._last_s < _NO_NEARER_S
        if at_s > self.seconds or (at_s > _BEGINNING_S and near):
            return False
        self._last_s = at_s
        self._wanted[pts] = at_s
        return True

    def take(self, pts: int | None, luma: Luma) -> None:
        """Look at a picture, if it is one that was wanted."""
        at_s = self._wanted.pop(pts, None) if pts is not None else None
        if pts is None or at_s is None:
            return
        shown = look(luma)
        self.read += [(at_s, text) for text in shown.texts][: _READ_AT_MOST - len(self.read)]
        if shown.suspected and not shown.texts and len(self.unread) < _UNREAD_AT_MOST:
            self.unread.append(pts)

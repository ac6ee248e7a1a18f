"""A file as it has to be seen to be read: a few bytes laid over in memory, the original never touched.

- Program streams of recorders (ISO/IEC 13818-1 with a private header, "IMKH …"): FFmpeg skips that header and
  then knows their sound as G.711.  Without it the same sound is taken for MPEG audio and lost: where the
  stream map or the packets themselves say G.711, the first four bytes (a pack's start code) are seen as that
  header's.
- A `free`, `skip` or `wide` box that claims to be smaller than its own header hides all that follows: it is
  seen as an empty one where a known box stands behind it.
- Byte offsets stay what they are.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

PRIVATE_HEADER = b"IMKH"
_HEAD_BYTES = 256 << 10
_MAX_TOP_BOXES = 64
_PACK = b"\0\0\1\xba"
_MAP = b"\0\0\1\xbc"
_SOUND = b"\0\0\1\xc0"
_G711 = frozenset({0x90, 0x91})  # stream types of A-law and mu-law in such maps
_IDLE = frozenset({b"free", b"skip", b"wide"})
_KNOWN = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"uuid", b"udta", b"meta"})


class Overlaid:
    """An open file with bytes laid over it; what PyAV and the box readers need of a file, no more."""

    def __init__(self, file: BinaryIO, over: Mapping[int, bytes]) -> None:
        self._fd = file.fileno()
        self._over = dict(over)
        self._size = os.fstat(self._fd).st_size
        self._at = 0

    def fileno(self) -> int:
        return self._fd

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._at if size < 0 else size
        data = bytearray(os.pread(self._fd, max(0, wanted), self._at))
        for start, new in self._over.items():
            for index, byte in enumerate(new):
                if 0 <= start + index - self._at < len(data):
                    data[start + index - self._at] = byte
        self._at += len(data)
        return bytes(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


@dataclass(frozen=True)
class Seen:
    """`file` as it is to be read; `repaired` says whether bytes were laid over it."""

    file: BinaryIO
    repaired: bool


def seen(file: BinaryIO) -> Seen:
    """Look at the first bytes of an open regular file and lay over what is needed."""
    head = os.pread(file.fileno(), 12, 0)
    over: dict[int, bytes] = {}
    if head[:4] == _PACK and _has_g711(os.pread(file.fileno(), _HEAD_BYTES, 0)):
        over = {0: PRIVATE_HEADER}
    elif head[4:8] in (b"ftyp", *_KNOWN):
        over = _idle_boxes(file)
    if not over:
        return Seen(file, repaired=False)
    return Seen(cast(BinaryIO, Overlaid(file, over)), repaired=True)


def _has_g711(head: bytes) -> bool:
    at = head.find(_MAP)
    if at >= 0 and at + 12 <= len(head):
        info = int.from_bytes(head[at + 8 : at + 10], "big")
        entries = at + 12 + info
        length = int.from_bytes(head[at + 10 + info : at + 12 + info], "big")
        table = head[entries : entries + min(length, 256)]
        while len(table) >= 4:
            if table[1] == 0xC0:
                return table[0] in _G711
            table = table[4 + int.from_bytes(table[2:4], "big") :]
    return at < 0 and _looks_like_g711(head)


def _looks_like_g711(head: bytes) -> bool:
    """Sound packets of one length, whole periods of 8 kHz, none of which starts with an MPEG or ADTS sync."""
    lengths: set[int] = set()
    at = head.find(_SOUND)
    for _ in range(4):
        if at < 0 or at + 9 > len(head):
            return False
        start = at + 9 + head[at + 8]
        payload = int.from_bytes(head[at + 4 : at + 6], "big") - 3 - head[at + 8]
        if head[start : start + 1] == b"\xff" and start + 1 < len(head) and head[start + 1] & 0xE0 == 0xE0:
            return False
        lengths.add(payload)
        at = head.find(_SOUND, start + max(0, payload))
    return len(lengths) == 1 and 0 < next(iter(lengths)) <= 8000 and next(iter(lengths)) % 80 == 0


def _idle_boxes(file: BinaryIO) -> dict[int, bytes]:
    fd, at, size = file.fileno(), 0, os.fstat(file.fileno()).st_size
    over: dict[int, bytes] = {}
    for _ in range(_MAX_TOP_BOXES):
        head = os.pread(fd, 16, at) if at < size else b""  # a box may claim to end beyond any file
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head[:8])
        if 1 < length < 8 and kind in _IDLE and os.pread(fd, 4, at + 12) in _KNOWN:
            over[at] = struct.pack(">I", 8)
            length = 8
        elif length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:
            break
        at += length
    return over

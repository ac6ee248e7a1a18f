"""Do the codec's parameters change in mid-file?  Pure; fed with the first bytes of key packets (article
15(5)).

- A camera sets its encoder up once for a file: sequence, picture and video parameter sets of H.264 and H.265,
  the VOL of MPEG-4 Part 2, the frame header of JPEG, the fixed ADTS header stay what they were.
- Sets are compared by kind and id; repeating one is normal, saying something else under the same id is a
  change, and so is a sequence set with an id not seen before.
- x264 and x265 write their name and settings once, at the start of an encoding: seen again after a pause of
  key frames, another encoding begins there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from transcoder import h264, h265
from transcoder.bits import OutOfBits, unescaped
from transcoder.nal import units, units_of_extradata

KEY_HEAD_BYTES = 4096
_MAX_CHANGES = 200
_MAX_TEXT = 2000
_ENCODERS = {
    bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"),  # x264
    bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e"),  # x265
}


@dataclass(frozen=True)
class Change:
    """What changed at a sample (its place in file order)."""

    at: int
    what: str  # sps, pps, vps, vol, frame_header, adts, encoder, size
    before: str
    after: str


@dataclass
class ParameterWatch:
    """Remembers what was set and notes what is set otherwise."""

    codec: str
    changes: list[Change] = field(default_factory=list)
    encoder_texts: list[str] = field(default_factory=list)
    _known: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _started: bool = False
    _keys: int = 0
    _last_encoder: int = -1
    _always_encoder: bool = True

    def start(self, extradata: bytes) -> None:
        """Take the sample description as what the file sets out with."""
        for unit in units_of_extradata(extradata, self.codec) if self.codec in ("h264", "hevc") else ():
            for kind, number, content in _sets(self.codec, unit):
                self._known[kind, number] = content
            self._text(unit)

    def feed(self, at: int, head: bytes, length_size: int | None) -> None:
        """Take the first bytes of the key packet `at`."""
        seen_encoder = False
        for kind, number, content in self._contents(head, length_size):
            if kind == "encoder":
                seen_encoder = True
                continue
            before = self._known.get((kind, number))
            anew = before is None and self._started and kind in ("sps", "vol", "frame_header", "adts")
            if anew or (before is not None and before != content):
                earlier = before or next((v for (k, _n), v in self._known.items() if k == kind), b"")
                self._note(at, kind, earlier, content)
            self._known[kind, number] = content
        self._encoder(at, seen_encoder)
        self._started = True
        self._keys += 1

    def _contents(self, head: bytes, length_size: int | None) -> Iterator[tuple[str, int, bytes]]:
        if self.codec not in ("h264", "hevc"):
            yield from _plain_sets(self.codec, head)
            return
        whole = len(head) < KEY_HEAD_BYTES
        found = list(units(head, length_size))
        for unit in found if whole else found[:-1]:  # the last one may be cut
            yield from _sets(self.codec, unit)
            if self._text(unit):
                yield "encoder", 0, b""

    def _text(self, unit: bytes) -> bool:
        text = _encoder_text(self.codec, unit)
        if text is None:
            return False
        if text not in self.encoder_texts and len(self.encoder_texts) < 4:
            self.encoder_texts.append(text)
        return True

    def _encoder(self, at: int, seen: bool) -> None:
        if seen and self._keys and not (self._always_encoder and self._last_encoder == self._keys - 1):
            self._append(Change(at, "encoder", "", self.encoder_texts[-1][:100]))
        if seen:
            self._last_encoder = self._keys
        else:
            self._always_encoder = False

    def _note(self, at: int, kind: str, before: bytes, after: bytes) -> None:
        self._append(Change(at, kind, _shown(self.codec, kind, before), _shown(self.codec, kind, after)))

    def _append(self, change: Change) -> None:
        if len(self.changes) < _MAX_CHANGES:
            self.changes.append(change)


def _sets(codec: str, unit: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(kind, id, content) of a parameter set; nothing for other units."""
    if len(unit) < 4:
        return
    content = unit.rstrip(b"\0")
    try:
        if codec == "h264":
            kind = unit[0] & 31
            if kind == h264.SPS:
                yield "sps", h264.parse_sps(unit).id, content
            elif kind == h264.PPS:
                yield "pps", h264.parse_pps(unit)[0], content
            return
        kind = unit[0] >> 1 & 63
        if kind == h265.SPS:
            yield "sps", h265.parse_sps(unit).id, content
        elif kind == h265.PPS:
            yield "pps", h265.parse_pps(unit).id, content
        elif kind == h265.VPS:
            yield "vps", unit[2] >> 4, content
    except OutOfBits:
        return


def _plain_sets(codec: str, head: bytes) -> Iterator[tuple[str, int, bytes]]:
    if codec == "mpeg4":
        start = head.find(b"\0\0\1\x20")
        if start >= 0:
            end = head.find(b"\0\0\1", start + 4)
            yield "vol", 0, head[start + 4 : end if end >= 0 else start + 32]
    elif codec == "mjpeg":
        at = frame_header_at(head)
        if at is not None:
            yield "frame_header", 0, head[at + 4 : at + 10 + 3 * head[at + 9]]
    elif codec == "aac" and len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        yield "adts", 0, bytes([head[1] & 0xF8, head[2] & 0xFD, head[3] & 0xC0])


def frame_header_at(head: bytes) -> int | None:
    """Where the start of frame marker of a JPEG stands with its header whole."""
    at = 2
    for _ in range(64):
        if at + 10 > len(head) or head[at] != 0xFF:
            return None
        if head[at + 1] in (0xC0, 0xC1, 0xC2):
            return at
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _encoder_text(codec: str, unit: bytes) -> str | None:
    """What x264 or x265 says of itself in user data; None where there is none."""
    size = 1 if codec == "h264" else 2
    kind = unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63
    if kind != (h264.SEI if codec == "h264" else h265.SEI) or len(unit) < size + 20:
        return None
    data = unescaped(unit[size : size + _MAX_TEXT])
    for uuid in _ENCODERS:
        at = data.find(uuid)
        if at >= 0:
            return data[at + 16 :].split(b"\0")[0].decode("ascii", "replace")
    return None


def _shown(codec: str, kind: str, content: bytes) -> str:
    """A parameter set in a few words."""
    try:
        if kind == "sps" and codec == "h264":
            a = h264.parse_sps(content)
            return f"{a.width}x{a.height} profile {a.profile} level {a.level}"
        if kind == "sps":
            b = h265.parse_sps(content)
            return f"{b.width}x{b.height} profile {b.profile} level {b.level}"
    except OutOfBits:
        return "damaged"
    if kind == "frame_header" and len(content) >= 5:
        return f"{int.from_bytes(content[3:5], 'big')}x{int.from_bytes(content[1:3], 'big')}"
    return content[:16].hex()

"""What a container's own outer structure claims, read without any library.

Sources: ISO/IEC 14496-12 (boxes), RIFF/OpenDML, RFC 9559 (Matroska), ISO/IEC 13818-1 (packets of 188 bytes).

- `claimed_end`: the byte at which the structure says the file ends; a shorter file was cut.  A box that runs
  "to the end of the file" and a Matroska segment of unknown size claim nothing.
- `plain_mp4`: one whole moov, no fragments: only then is the sample index worth trusting (field-facts.md).
- `encrypted`: a sample entry named encv or enca.  Decoding such samples gives garbage without an error.
- Sizes come from the file: every walk is bounded in steps and bytes.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from transcoder import program_end
from transcoder.boxes import Box, boxes, walk
from transcoder.seen import PRIVATE_HEADER

_MAX_ENTRIES = 64
_FTYP_LIKE = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"pnot",
    b"styp",
    b"sidx",
    b"moof",
    b"uuid",
}


@dataclass(frozen=True)
class Structure:
    """The outer shape of one file; sizes in bytes."""

    family: str  # mp4, riff, matroska, ts, jpeg, other
    claimed_end: int | None = None
    plain_mp4: bool = False
    has_index: bool | None = None  # None: this family needs none
    encrypted: bool = False
    cut_packet: bool = False  # a transport stream that ends inside a packet


def read_structure(file: BinaryIO, size_bytes: int) -> Structure:
    """Look at the outer structure of an open file of `size_bytes`."""
    file.seek(0)
    head = file.read(12)
    if head[4:8] in _FTYP_LIKE:
        return _mp4(file, size_bytes)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"AVI ", b"WAVE"):
        return _riff(file, head, size_bytes)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska(file)
    if _is_ts(file):
        return Structure("ts", cut_packet=size_bytes % 188 != 0)
    if head[:4] == PRIVATE_HEADER or (head[:3] == b"\0\0\1" and head[3] >= program_end.FIRST_KIND):
        return Structure("other", program_end.claimed_end(file, size_bytes))
    return Structure("jpeg" if head[:3] == b"\xff\xd8\xff" else "other")


def _mp4(file: BinaryIO, size_bytes: int) -> Structure:
    claimed: int | None = None
    kinds: set[bytes] = set()
    moov: Box | None = None
    for box in boxes(file, 0, size_bytes):
        if not box.kind.isalnum() and not kinds:
            return Structure("other")
        if not _is_kind(box.kind):
            break  # vendor bytes after the last box are no damage
        kinds.add(box.kind)
        claimed = None if box.open_ended else box.end
        if box.kind == b"moov":
            moov = box
    whole = moov is not None and moov.end <= size_bytes
    inner = set(_moov_kinds(file, moov)) if moov is not None and whole else set()
    return Structure(
        "mp4",
        claimed,
        plain_mp4=whole and b"moof" not in kinds and b"mvex" not in inner,
        has_index=moov is not None,
        encrypted=bool(inner & {b"encv", b"enca"}),
    )


def _is_kind(kind: bytes) -> bool:
    return all(32 <= byte < 127 or byte == 0xA9 for byte in kind)


def _moov_kinds(file: BinaryIO, parent: Box) -> Iterator[bytes]:
    for path in walk(file, parent):
        box = path[-1]
        yield box.kind
        if box.kind == b"stsd":
            entries = boxes(file, box.body + 8, box.end)
            yield from (entry.kind for entry, _ in zip(entries, range(_MAX_ENTRIES), strict=False))


def _riff(file: BinaryIO, head: bytes, size_bytes: int) -> Structure:
    """AVI and WAV; an OpenDML file goes on in further RIFF chunks, a size of 0 or all ones says nothing."""
    end = 0
    for _ in range(_MAX_ENTRIES):
        file.seek(end)
        chunk = file.read(12)
        if len(chunk) < 12 or chunk[:4] != b"RIFF":
            break
        size = struct.unpack("<I", chunk[4:8])[0]
        if size in (0, 0xFFFFFFFF):
            return Structure("riff")
        end += 8 + size + (size & 1)
    is_avi = head[8:12] == b"AVI "
    # A last odd byte of padding is often left out.
    claimed = end - 1 if end == size_bytes + 1 else end
    return Structure("riff", claimed or None, has_index=_has_idx1(file, size_bytes) if is_avi else None)


def _has_idx1(file: BinaryIO, size_bytes: int) -> bool:
    position = 12
    for _ in range(_MAX_ENTRIES):
        file.seek(position)
        chunk = file.read(12)
        if len(chunk) < 8 or position >= size_bytes:
            return False
        if chunk[:4] == b"idx1":
            return True
        if chunk[:4] == b"LIST" and chunk[8:12] == b"hdrl":
            file.seek(position)
            if b"indx" in file.read(min(struct.unpack("<I", chunk[4:8])[0], 65536)):
                return True  # OpenDML keeps its index of indexes in the header
        size = struct.unpack("<I", chunk[4:8])[0]
        position += 8 + size + (size & 1)
    return False


def _matroska(file: BinaryIO) -> Structure:
    position = 0
    for _ in range(8):
        file.seek(position)
        head = file.read(12)
        if len(head) < 5:
            break
        id_length = _ebml_length(head[0])
        size_length = _ebml_length(head[id_length]) if id_length < len(head) else 9
        if id_length > 4 or size_length > 8:
            break
        raw = head[id_length : id_length + size_length]
        size = int.from_bytes(raw, "big") & ((1 << (7 * size_length)) - 1)
        unknown = size == (1 << (7 * size_length)) - 1
        position += id_length + size_length
        if head[:id_length] == b"\x18\x53\x80\x67":  # Segment
            return Structure("matroska", None if unknown else position + size)
        position += size
    return Structure("matroska")


def _ebml_length(first: int) -> int:
    return 9 - first.bit_length()


def _is_ts(file: BinaryIO) -> bool:
    file.seek(0)
    data = file.read(188 * 5)
    return len(data) >= 188 * 3 and all(data[i] == 0x47 for i in range(0, len(data) - 187, 188))

"""Collecting the marks that programs leave in a file: tags, XMP, EXIF, and the encoder's own words.

- Tags as FFmpeg passes them on: `encoder` (©too, ©swr, the writing app of Matroska, TSSE), `software` (ISFT),
  `encoded_by`, an encoder's name in a sample entry, the vendor of a QuickTime sample entry.
- A handler's name counts only where it names a known program: cameras write anything there.
- XMP (ISO 16684): a uuid box at the top, an `XMP_` box in udta; only its creator tools are read.
- Matroska's muxing app, which FFmpeg drops, is read from the segment's head.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from transcoder.boxes import boxes, read_body, walk
from transcoder.facts import MediaFacts
from transcoder.software import Mark, mark

_TAGS = (
    "encoder",
    "software",
    "encoded_by",
    "writing_app",
    "creation_tool",
    "_statistics_writing_app",
    "tool",
)
_REMARKS = ("comment", "description")  # people write there too: only known editing programs count
_USER_DATA = frozenset({b"\xa9swr", b"\xa9too", b"\xa9enc", b"\xa9cmt"})
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MAX_XMP_BYTES = 256 << 10
_MATROSKA_HEAD_BYTES = 64 << 10
_MAX_MARKS = 20
_XMP_TOOLS = re.compile(
    rb"<(xmp:CreatorTool|stEvt:softwareAgent)>([^<]{1,200})<|(xmp:CreatorTool|stEvt:softwareAgent)=\"([^\"]{1,200})\""
)
_MUXING_APP = b"\x4d\x80"


def marks_of(file: BinaryIO, media: MediaFacts, encoder_texts: Iterable[str] = ()) -> list[Mark]:
    """Every mark, each text once, in the order of the places they stand in."""
    found: dict[str, Mark] = {}
    places = [*_tags(media), *_own_reading(file, media)]
    places += [("encoder's user data", text.split(" - options")[0]) for text in encoder_texts]
    for where, text in places:
        one = mark(where, text)
        if one is not None and one.text not in found and len(found) < _MAX_MARKS:
            found[one.text] = one
    return list(found.values())


def _tags(media: MediaFacts) -> Iterator[tuple[str, str]]:
    for name, value in media.tags.items():
        if name.lower() in _TAGS or name.lower().startswith(_TAGS[5]):
            yield f"tag {name}", value
        elif name.lower().split("-")[0] in _REMARKS:
            known = mark("", value)
            if known is not None and known.kind == "editor":
                yield f"tag {name}", value
    for stream in media.streams:
        for name, value in stream.tags.items():
            lower = name.lower()
            if lower in _TAGS or lower.startswith(_TAGS[5]):
                if not _is_codec_name(value):
                    yield f"stream {stream.index} tag {name}", value
            elif lower in ("handler_name", "vendor_id"):
                known = mark("", value)
                if known is not None and known.kind != "other":
                    yield f"stream {stream.index} {name}", value


def _is_codec_name(value: str) -> bool:
    """QuickTime sample entries name the codec, no program."""
    return value.strip() in (
        "H.264",
        "HEVC",
        "H.265",
        "AVC Coding",
        "HEVC Coding",
        "JPEG",
        "Photo - JPEG",
        "AAC",
    )


def _own_reading(file: BinaryIO, media: MediaFacts) -> Iterator[tuple[str, str]]:
    if media.structure.family == "mp4":
        yield from _user_data(file, media.size_bytes)
        for xmp in _xmp_boxes(file, media.size_bytes):
            yield from creator_tools(xmp)
    elif media.structure.family == "matroska":
        file.seek(0)
        yield from _muxing_app(file.read(_MATROSKA_HEAD_BYTES))


def _user_data(file: BinaryIO, size_bytes: int) -> Iterator[tuple[str, str]]:
    """QuickTime's user data texts, which FFmpeg reads in some files only: a length, a language, the text."""
    moov = next((box for box in boxes(file, 0, size_bytes) if box.kind == b"moov"), None)
    if moov is None or moov.end > size_bytes:
        return
    for path in walk(file, moov, into=frozenset({b"udta"})):
        kind = path[-1].kind
        if kind in _USER_DATA and len(path) > 1:
            text = read_body(file, path[-1], 256)[4:].decode("utf-8", "replace")
            known = mark("", text)
            if kind != b"\xa9cmt" or (known is not None and known.kind == "editor"):
                yield f"user data {kind.decode('latin-1')}", text


def _xmp_boxes(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    for box in boxes(file, 0, size_bytes):
        if box.kind == b"uuid" and read_body(file, box, 16) == _XMP_UUID:
            yield read_body(file, box, _MAX_XMP_BYTES)
        elif box.kind == b"moov" and box.end <= size_bytes:
            for path in walk(file, box, into=frozenset({b"udta"})):
                if path[-1].kind == b"XMP_":
                    yield read_body(file, path[-1], _MAX_XMP_BYTES)


def creator_tools(xmp: bytes) -> Iterator[tuple[str, str]]:
    """Where and what: the programs that an XMP packet names."""
    for name, text, name_attribute, text_attribute in _XMP_TOOLS.findall(xmp)[:_MAX_MARKS]:
        yield f"XMP {(name or name_attribute).decode()}", (text or text_attribute).decode("utf-8", "replace")


def _muxing_app(head: bytes) -> Sequence[tuple[str, str]]:
    at = head.find(_MUXING_APP)
    if at < 0 or at + 3 > len(head) or not 0x80 < head[at + 2] <= 0xFE:
        return ()
    size = head[at + 2] & 0x7F
    text = head[at + 3 : at + 3 + size]
    return [("muxing app", text.decode("utf-8", "replace"))] if text.isascii() else ()

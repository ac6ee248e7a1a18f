"""What the first bytes of a file say it is, whatever it is called."""

from __future__ import annotations

import pytest

from dock.magic import HEAD_BYTES, media_kind

TS = b"".join(b"\x47" + bytes(187) for _ in range(4))
M2TS = b"".join(bytes(4) + b"\x47" + bytes(187) for _ in range(4))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\0\0\0\x08wide\0\0\1\0mdat", "video"),
        (b"\0\0\0\x20ftypM4A ", "audio"),
        (b"\0\0\0\x20ftypheic", "photo"),
        (b"RIFF\1\2\3\4AVI LIST", "video"),
        (b"RIFF\1\2\3\4WAVEfmt ", "audio"),
        (b"\x1a\x45\xdf\xa3\x01", "video"),
        (b"\0\0\1\xba\x44", "video"),
        (TS, "video"),
        (M2TS, "video"),
        (b"\0\0\0\1\x67\x64", "video"),
        (b"\0\0\0\1\x40\x01", "video"),
        (b"\0\0\1\x27\x64", "video"),
        (b"IMKH\1\1", "video"),
        (b"DHAV\xfd", "video"),
        (b"\xff\xd8\xff\xe1", "photo"),
        (b"\x89PNG\r\n\x1a\n", "photo"),
        (b"OggS\0", "audio"),
        (b"#!AMR\n", "audio"),
        (b"ID3\4", "audio"),
        (b"\xff\xf1\x50", "audio"),
        (b"MZ\x90\0", None),
        (b"\x47" + bytes(400), None),
        (b"", None),
        (bytes(HEAD_BYTES), None),
        (b"L\0\0\0\x01\x14\x02\0", None),
        (b"[autorun]\r\n", None),
    ],
)
def test_first_bytes(head: bytes, kind: str | None) -> None:
    assert media_kind(head) == kind

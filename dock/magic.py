"""What the first bytes of a file say it is, whatever it is called.  Pure.

- Signatures of what cameras write: ISO 14496-12 boxes (MP4, MOV, M4A, HEIC), RIFF (AVI, WAVE), Matroska,
  MPEG-2 program and transport streams (ISO 13818-1), bare H.264 and H.265 (Annex B), ASF, FLV, the private
  streams of Hikvision and Dahua; JPEG, PNG, TIFF; Ogg, FLAC, AMR, MP3, ADTS.
- It decides whether a file is taken that its name would leave out: one too many costs room, one too few
  evidence.
"""

from __future__ import annotations

from dock.profiles import MediaKind

HEAD_BYTES = 4096
_VIDEO = (
    b"\x1a\x45\xdf\xa3",  # Matroska
    b"\0\0\1\xba",  # program stream
    b"\0\0\1\xb3",  # MPEG video sequence
    b"FLV\1",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    b"IMKH",
    b"DHAV",
)
_PHOTO = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
_AUDIO = (b"OggS", b"fLaC", b"#!AMR", b"ID3", b"\xff\xf1", b"\xff\xf9", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
_BOXES = (b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"wide", b"free", b"skip", b"pnot")
_BRANDS: dict[bytes, MediaKind] = {b"M4A ": "audio", b"M4B ": "audio", b"heic": "photo", b"heix": "photo"}
_BRANDS |= {b"mif1": "photo", b"avif": "photo"}
_RIFF: dict[bytes, MediaKind] = {b"AVI ": "video", b"WAVE": "audio", b"WEBP": "photo"}


def media_kind(head: bytes) -> MediaKind | None:
    """Return what footage begins with `head` (the first HEAD_BYTES of a file, or all of it), if any."""
    if head[4:8] in _BOXES:
        return _BRANDS.get(head[8:12], "video") if head[4:8] == b"ftyp" else "video"
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(_VIDEO) or _is_transport_stream(head) or _is_bare_video(head):
        return "video"
    if head.startswith(_PHOTO):
        return "photo"
    return "audio" if head.startswith(_AUDIO) else None


def _is_transport_stream(head: bytes) -> bool:
    """Whether three packets in a row begin as they must: of 188 bytes, or 192 with a time before each."""
    return any(
        len(head) > first + 2 * length and all(head[first + n * length] == 0x47 for n in range(3))
        for first, length in ((0, 188), (4, 192))
    )


def _is_bare_video(head: bytes) -> bool:
    """Whether it begins with a parameter set (H.264: 7; H.265: 32) or its delimiter (9, 35)."""
    for code in (b"\0\0\0\1", b"\0\0\1"):
        if head.startswith(code) and len(head) > len(code) + 1:
            unit, after = head[len(code)], head[len(code) + 1]
            h264 = unit & 0x80 == 0 and unit & 0x1F in (7, 9)
            return h264 or ((unit >> 1) & 0x3F in (32, 35) and unit & 0x81 == 0 and after == 1)
    return False

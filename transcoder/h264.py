"""H.264 headers (ISO/IEC 14496-10, 7.3): parameter sets and the first fields of a slice.  Pure.

- `frame_num` counts reference pictures, modulo `max_frame_num`; it starts anew at each IDR picture.
- `poc_lsb` counts pictures in the order of showing; only type 0 writes it out.
- What is read is what is needed; everything raises OutOfBits where it ends early.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from transcoder.bits import Bits, unescaped

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
IDR, SEI, SPS, PPS, AUD = 5, 6, 7, 8, 9
SLICES = frozenset({1, 5})


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set; sizes in pixels after cropping."""

    id: int
    profile: int
    level: int
    width: int
    height: int
    log2_max_frame_num: int
    poc_type: int
    log2_max_poc_lsb: int
    gaps_allowed: bool
    frames_only: bool
    separate_planes: bool


@dataclass(frozen=True)
class Slice:
    """The head of a picture's first slice."""

    idr: bool
    is_reference: bool
    frame_num: int
    idr_id: int | None
    poc_lsb: int | None
    field: bool


def parse_sps(nal: bytes) -> Sps:
    """Read a whole SPS NAL unit."""
    bits = Bits(unescaped(nal[1:]))
    profile, _constraints, level = bits.u(8), bits.u(8), bits.u(8)
    number = bits.ue()
    chroma, separate = 1, False
    if profile in _HIGH_PROFILES:
        chroma = bits.ue()
        separate = chroma == 3 and bool(bits.u(1))
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    log2_frame_num = bits.ue() + 4
    poc_type = bits.ue()
    log2_poc = 0
    if poc_type == 0:
        log2_poc = bits.ue() + 4
    elif poc_type == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()
    gaps = bool(bits.u(1))
    across, down = bits.ue() + 1, bits.ue() + 1
    frames_only = bool(bits.u(1))
    if not frames_only:
        bits.u(1)
    bits.u(1)
    left = right = top = bottom = 0
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    unit_x = 2 if chroma in (1, 2) and not separate else 1
    unit_y = (2 if chroma == 1 and not separate else 1) * (1 if frames_only else 2)
    return Sps(
        number,
        profile,
        level,
        across * 16 - unit_x * (left + right),
        down * 16 * (1 if frames_only else 2) - unit_y * (top + bottom),
        log2_frame_num,
        poc_type,
        log2_poc,
        gaps,
        frames_only,
        separate,
    )


def _skip_scaling(bits: Bits, lists: int) -> None:
    for index in range(lists):
        if not bits.u(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def parse_pps(nal: bytes) -> tuple[int, int]:
    """The ids of a PPS and of the SPS that it goes by."""
    bits = Bits(unescaped(nal[1:24]))
    return bits.ue(), bits.ue()


def parse_slice(nal: bytes, sps_of: Mapping[int, Sps]) -> Slice | None:
    """Read a slice's head from its first bytes; None for a later slice of a picture, or an unknown PPS."""
    bits = Bits(unescaped(nal[1:24]))
    if bits.ue():  # first_mb_in_slice: a later slice of the same picture
        return None
    bits.ue()
    sps = sps_of.get(bits.ue())
    if sps is None:
        return None
    if sps.separate_planes:
        bits.u(2)
    frame_num = bits.u(sps.log2_max_frame_num)
    field = not sps.frames_only and bool(bits.u(1))
    if field:
        bits.u(1)
    idr = nal[0] & 31 == IDR
    idr_id = bits.ue() if idr else None
    poc = bits.u(sps.log2_max_poc_lsb) if sps.poc_type == 0 else None
    return Slice(idr, bool(nal[0] & 0x60), frame_num, idr_id, poc, field)

"""H.265 headers (ISO/IEC 23008-2, 7.3): parameter sets and the first fields of a slice.  Pure.

- `poc_lsb` counts pictures in the order of showing, and starts anew at IDR pictures, which write none.
- Leading pictures (RADL, RASL) and pictures of higher temporal layers do not carry the count on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from transcoder.bits import Bits, unescaped

VPS, SPS, PPS, AUD, SEI = 32, 33, 34, 35, 39
_IDR = frozenset({19, 20})
_IRAP = frozenset(range(16, 24))
_LEADING = frozenset({6, 7, 8, 9})
RASL = frozenset({8, 9})


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set; sizes in pixels after cropping."""

    id: int
    profile: int
    level: int
    width: int
    height: int
    log2_max_poc_lsb: int
    separate_planes: bool


@dataclass(frozen=True)
class Pps:
    id: int
    sps: int
    output_flag: bool
    extra_bits: int


@dataclass(frozen=True)
class Slice:
    """The head of a picture's first slice."""

    restarts: bool  # IDR or BLA: the count starts anew
    carries: bool  # the next picture's count refers to this one's
    skippable: bool  # RASL: may rightly be missing after a random access
    poc_lsb: int


def parse_sps(nal: bytes) -> Sps:
    """Read a whole SPS NAL unit."""
    bits = Bits(unescaped(nal[2:]))
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    bits.u(3)
    profile = bits.u(5)
    bits.u(32)
    bits.u(48)
    level = bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
    number = bits.ue()
    chroma = bits.ue()
    separate = chroma == 3 and bool(bits.u(1))
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (2 if chroma in (1, 2) else 1) * (left + right)
        height -= (2 if chroma == 1 else 1) * (top + bottom)
    bits.ue()
    bits.ue()
    return Sps(number, profile, level, width, height, bits.ue() + 4, separate)


def parse_pps(nal: bytes) -> Pps:
    """Read the first fields of a PPS NAL unit."""
    bits = Bits(unescaped(nal[2:24]))
    number, sps = bits.ue(), bits.ue()
    bits.u(1)
    return Pps(number, sps, bool(bits.u(1)), bits.u(3))


def parse_slice(nal: bytes, pps_of: Mapping[int, Pps], sps_of: Mapping[int, Sps]) -> Slice | None:
    """Read a slice's head from its first bytes; None for a later slice of a picture, or an unknown PPS."""
    kind, layer = nal[0] >> 1 & 63, nal[1] & 7
    bits = Bits(unescaped(nal[2:32]))
    if not bits.u(1):  # first_slice_segment_in_pic_flag
        return None
    if kind in _IRAP:
        bits.u(1)
    pps = pps_of.get(bits.ue())
    sps = sps_of.get(pps.sps) if pps else None
    if pps is None or sps is None:
        return None
    bits.u(pps.extra_bits)
    bits.ue()
    bits.u(1 if pps.output_flag else 0)
    bits.u(2 if sps.separate_planes else 0)
    poc = 0 if kind in _IDR else bits.u(sps.log2_max_poc_lsb)
    non_reference = kind < 16 and kind % 2 == 0
    carries = layer == 1 and kind not in _LEADING and not non_reference
    return Slice(kind in _IDR or kind in (16, 17, 18), carries, kind in RASL, poc)

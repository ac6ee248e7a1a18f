"""Whether pictures of MJPEG were quantised twice: pure but for decoding a dozen of them.  Article 15(5).

A picture that was compressed, decoded and compressed again with other steps has coefficients that were
rounded twice: values that fall together in the second steps come more often, others hardly ever.  One
compression leaves counts that fall off smoothly.

- Coefficients are taken from the decoded picture by the same transform and the second steps, which the file
  states (ITU-T T.81, B.2.4.1); blocks that were clipped to black or white are left out.
- Unevenness alone is not enough: a page of text has it as well.  It has to be the one that first steps make
  which stand to the second ones in one proportion over all coefficients, as tables do.
- Compressed again with the same steps leaves nothing; nor does a picture that was scaled, cropped off the
  grid of blocks or filtered in between.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcoder.facts import StreamFacts
from transcoder.media import MEDIA_ERRORS, decoded, open_media, packets_of

_PICTURES = 12
_FEWEST_PICTURES = 3
_MAX_HEAD = 8192
_LEVELS = 16
_POSITIONS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
_LEAST_STEP = 3  # smaller ones drown in the rounding of pixels
_LEAST_COUNT = 25
_LEAST_VALUES = 6
_BLUR = 0.45  # standard deviation that rounding to pixels gives a coefficient
_MODEL = 0.12  # what smooth counts leave of a curve, in logarithms
_UNEVEN = 6.0  # mean square of what a curve leaves; 1: what counting and the model leave
_EXPLAINED = 0.5  # clean corpus: 0.65 and more; compressed again: 0.38 and less
_EACH = 0.6
_BETTER = 3  # coefficients that become smooth, each by itself
_TOGETHER = 3
_WEAKEST, _STRONGEST = 0.3, 1.2  # of the comb: rounding, noise and ties blur it
_SAME = 0.06  # of 1: the same steps again
_ROUNDINGS = (0.5, 0.375, 0.25)  # encoders round down more than up, each in its way
_SHARES = np.arange(0.3, 2.51, 0.02).tolist()
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Twice:
    """The first compression's steps, as a share of the second's; on how many coefficients that rests."""

    proportion: float
    coefficients: int
    uneven: float
    pictures: int


def find_twice(file: BinaryIO, stream: StreamFacts, max_pixels: int) -> Twice | None:
    """Look at some pictures of an MJPEG stream; None where nothing was found, or nothing can be."""
    if stream.codec != "mjpeg" or len(stream.samples) < _FEWEST_PICTURES:
        return None
    if (stream.width or 0) * (stream.height or 0) > max_pixels:
        return None
    counts: dict[tuple[tuple[int, int], int], Counts] = {}
    pictures = 0
    for steps, luma in _pictures(file, stream):
        pictures += 1
        blocks = _blocks(luma)
        for place in _POSITIONS:
            step = int(steps[place])
            if step < _LEAST_STEP or not len(blocks):
                continue
            levels = np.rint(np.abs(_coefficients(blocks, place)) / step).astype(np.int64)
            here = np.bincount(levels[levels < _LEVELS], minlength=_LEVELS)
            counts[place, step] = counts.get((place, step), np.zeros(_LEVELS, np.int64)) + here
    return judge(counts, pictures) if pictures >= _FEWEST_PICTURES else None


def judge(counts: dict[tuple[tuple[int, int], int], Counts], pictures: int) -> Twice | None:
    """What the counts of levels by (place, second step) come to."""
    rows = [(step, row) for (_, step), levels in counts.items() if (row := _row(levels)) is not None]
    if len(rows) < _TOGETHER:
        return None
    plain = [_left(row) for _, row in rows]
    best: tuple[float, float, list[float]] | None = None
    for share, bias in product(_SHARES, _ROUNDINGS):
        if abs(share - 1.0) <= _SAME:
            continue
        left = [
            _left(row, _expected(max(1, round(share * step)), step, bias, len(row[0]))) for step, row in rows
        ]
        if best is None or sum(left) < best[0]:
            best = (sum(left), share, left)
    assert best is not None
    better = sum(now <= _EACH * before for now, before in zip(best[2], plain, strict=True))
    uneven = sum(plain) / len(plain)
    if uneven < _UNEVEN or best[0] > _EXPLAINED * sum(plain) or better < _BETTER:
        return None
    return Twice(round(best[1], 2), better, round(uneven, 2), pictures)


def _row(levels: Counts) -> tuple[Floats, Floats] | None:
    """Logarithms of the counts of levels from 1 on and their weights; None where there are too few."""
    counts = levels[1:]
    enough = int(np.flatnonzero(counts >= _LEAST_COUNT).max(initial=-1)) + 1
    if enough < _LEAST_VALUES:
        return None
    part = counts[:enough].astype(np.float64) + 1.0
    return np.log(part), 1.0 / (1.0 / part + _MODEL**2)


def _left(row: tuple[Floats, Floats], comb: Floats | None = None) -> float:
    """What a smooth curve leaves of the counts, and the comb, in the strength that fits; mean of squares."""
    logs, weights = row
    at = np.linspace(-1, 1, len(logs))
    degree = min(3, len(logs) - 4)
    columns: Floats = np.asarray(np.polynomial.polynomial.polyvander(at, degree), dtype=np.float64)
    rest = logs
    if comb is not None:
        strength = _strength(columns, comb, logs, weights)
        rest = logs - min(_STRONGEST, max(_WEAKEST, strength)) * comb
    scale = np.sqrt(weights)
    fit = np.linalg.lstsq(columns * scale[:, None], rest * scale, rcond=None)[0]
    left = rest - columns @ fit
    return float((weights * left**2).sum() / max(1, len(logs) - degree - 2))


def _strength(columns: Floats, comb: Floats, logs: Floats, weights: Floats) -> float:
    scale = np.sqrt(weights)
    both = np.column_stack([columns, comb]) * scale[:, None]
    return float(np.linalg.lstsq(both, logs * scale, rcond=None)[0][-1])


@lru_cache(maxsize=20_000)
def _expected(first: int, second: int, bias: float, values: int) -> Floats:
    """Logarithms of how many first levels fall into each second level from 1 on."""
    centres = np.arange(0, (values + 2) * second + first, first, dtype=np.float64)
    edges = (np.arange(1, values + 2) - bias) * second
    below = 0.5 * (1 + _erf((edges[:, None] - centres[None, :]) / (_BLUR * math.sqrt(2))))
    shares = np.diff(below.sum(axis=1)) * -1
    return np.asarray(np.log(np.abs(shares) + 0.03))


def _erf(x: Floats) -> Floats:
    """Abramowitz and Stegun 7.1.26, good to 1.5e-7."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.sign(x) * (1 - poly * np.exp(-x * x)))


def _pictures(file: BinaryIO, stream: StreamFacts) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """(steps of luma, luma) of pictures spread over the stream."""
    stamps = np.where(stream.samples.pts >= 0, stream.samples.pts, stream.samples.dts)
    wanted = stamps[np.linspace(0, len(stamps) - 1, _PICTURES).astype(np.int64)].tolist()
    try:
        with open_media(file) as container:
            live = container.streams[stream.index]
            live.codec_context.thread_count = 1
            for stamp in dict.fromkeys(wanted):
                container.seek(stamp, stream=live)
                packet = next((p for p in packets_of(container, live) if p.size), None)
                steps = None if packet is None else steps_of(bytes(packet)[:_MAX_HEAD])
                if packet is None or steps is None:
                    continue
                for frame in decoded(live.codec_context, packet)[:1]:
                    yield steps, _luma(frame)
    except MEDIA_ERRORS:
        return


def _luma(frame: Any) -> Floats:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    whole: Floats = rows[: frame.height // 8 * 8, : frame.width // 8 * 8].astype(np.float64)
    return whole


def steps_of(head: bytes) -> NDArray[np.int64] | None:
    """The quantisation table of luma in a JPEG's head, 8 by 8; None where it states none."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        length = int.from_bytes(head[at + 2 : at + 4], "big")
        if head[at + 1] == 0xDB:
            kind, body = head[at + 4 : at + 5], head[at + 5 : at + 2 + length]
            wide = bool(kind) and kind[0] >> 4 == 1
            size = 128 if wide else 64
            if kind and kind[0] & 15 == 0 and len(body) >= size:
                table = np.zeros(64, np.int64)
                table[_ZIGZAG] = np.frombuffer(body[:size], ">u2" if wide else np.uint8)
                return table.reshape(8, 8)
        if head[at + 1] == 0xDA or length < 2:
            return None
        at += 2 + length
    return None


def _zigzag() -> NDArray[np.int64]:
    places = sorted(
        ((r, c) for r in range(8) for c in range(8)),
        key=lambda p: (p[0] + p[1], p[1] if (p[0] + p[1]) % 2 == 0 else p[0]),
    )
    return np.array([8 * r + c for r, c in places], dtype=np.int64)


_ZIGZAG = _zigzag()
_WAVES = np.array(
    [
        [(math.sqrt(1 / 8) if u == 0 else 0.5) * math.cos((2 * x + 1) * u * math.pi / 16) for x in range(8)]
        for u in range(8)
    ]
)


def _blocks(luma: Floats) -> Floats:
    height, width = luma.shape
    blocks = luma.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    clipped = ((blocks <= 0) | (blocks >= 255)).any(axis=(1, 2))
    kept: Floats = blocks[~clipped] - 128.0
    return kept


def _coefficients(blocks: Floats, place: tuple[int, int]) -> Floats:
    wave = np.outer(_WAVES[place[0]], _WAVES[place[1]])
    return np.asarray(blocks.reshape(-1, 64) @ wave.reshape(64))

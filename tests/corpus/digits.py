"""The clock that cameras burn into the picture: YYYY-MM-DD HH:MM:SS in a 5 by 7 font, white, dark rim."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

GLYPHS = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    "-": "00000 00000 00000 01110 00000 00000 00000",
    ":": "00000 00100 00000 00000 00100 00000 00000",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}
CAMERA_ZONE = timedelta(hours=8)  # cameras burn in local time (Asia/Shanghai has no summer time)
INK, RIM = 230, 20


def text_mask(text: str, scale: int) -> NDArray[np.bool_]:
    """`text` as a mask of (7 * scale, 6 * scale * letters)."""
    letters = []
    for letter in text:
        rows = [[bit == "1" for bit in row] + [False] for row in GLYPHS[letter].split()]
        letters.append(np.array(rows, dtype=bool))
    return np.concatenate(letters, axis=1).repeat(scale, axis=0).repeat(scale, axis=1)


def draw_clock(luma: NDArray[np.int16], epoch_s: int) -> None:
    """Write the wall clock at the top right, in place."""
    text = (datetime.fromtimestamp(epoch_s, UTC) + CAMERA_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    scale = max(1, luma.shape[1] // 160)
    mask = text_mask(text, scale)
    height, width = mask.shape
    top, left = 4 * scale, luma.shape[1] - width - 4 * scale
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            luma[top + dy : top + dy + height, left + dx : left + dx + width][mask] = RIM
    luma[top : top + height, left : left + width][mask] = INK

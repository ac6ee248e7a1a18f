"""How a case card looks: the code alone, and a sheet of A6 with what people read beside it."""

from __future__ import annotations

import io
import unicodedata
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from uplink.messages.registry import CaseRow

if TYPE_CHECKING:
    from segno import QRCode

_WIDTH, _HEIGHT = 105, 148  # mm, ISO 216 A6
_CODE_MM = 72
_FONT = "WenQuanYi Micro Hei, Noto Sans CJK SC, Source Han Sans SC, sans-serif"
_DPI = 300
_LINE_MM = 6.0
_FIELDS = (("案号 Case", "case"), ("案由 Title", "title"), ("事项 Matter", "matter"), ("地点 Place", "place"))
_LINES = 2  # of a field; the rest of a long text is left out, and shown to be


def code_png(text: str) -> bytes:
    """Draw the code for a screen: 10 pixels a module."""
    return _drawn(text, "png")


def code_svg(text: str) -> bytes:
    """Draw the code as SVG."""
    return _drawn(text, "svg")


def _drawn(text: str, kind: str) -> bytes:
    out = io.BytesIO()
    _code(text).save(out, kind=kind, scale=10, border=4)
    return out.getvalue()


def draw(text: str, row: CaseRow, expires: datetime) -> str:
    """Draw the sheet as SVG, in millimetres."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}mm" height="{_HEIGHT}mm"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="{_FONT}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _line(_WIDTH / 2, 11, 6.4, "执法记录案件卡", weight="bold", anchor="middle"),
        _line(_WIDTH / 2, 16, 3.0, "Case card: hold it to the lens when recording begins", anchor="middle"),
        _modules(text, (_WIDTH - _CODE_MM) / 2, 19, _CODE_MM),
    ]
    y = 19 + _CODE_MM + 7.0
    for label, name in _FIELDS:
        said = getattr(row, name)
        if not said:
            continue
        parts.append(_line(9, y, 3.0, label, fill="#555"))
        for part in _wrapped(said, 28):
            parts.append(_line(34, y, 4.4, part, weight="bold" if name == "case" else "normal"))
            y += _LINE_MM
    until = f"有效期至 Valid until  {expires.astimezone().strftime('%Y-%m-%d %H:%M')}"
    parts += [
        _line(_WIDTH / 2, _HEIGHT - 10, 3.4, until, anchor="middle"),
        _line(
            _WIDTH / 2, _HEIGHT - 5, 3.2, "录像开始后，将二维码对准镜头约 2 秒", anchor="middle", fill="#555"
        ),
        "</svg>",
    ]
    return "\n".join(parts)


def to_png(svg: str) -> bytes:
    """Render a drawing at 300 dpi.  Chinese text needs a font (Debian: fonts-wqy-microhei)."""
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=_DPI))


def _code(text: str) -> QRCode:
    import segno  # an extra

    return segno.make(text, error="m", micro=False)


def _modules(text: str, left: float, top: float, size: float) -> str:
    """The code as one path; the white border of 4 modules lies inside `size`."""
    matrix = _code(text).matrix
    module = size / (len(matrix) + 8)
    square = f"h{module:.3f}v{module:.3f}h-{module:.3f}z"
    path = "".join(
        f"M{left + (x + 4) * module:.3f} {top + (y + 4) * module:.3f}{square}"
        for y, line in enumerate(matrix)
        for x, dark in enumerate(line)
        if dark
    )
    return f'<path d="{path}" fill="#000" shape-rendering="crispEdges"/>'


def _line(
    x: float,
    y: float,
    size: float,
    text: str,
    *,
    weight: str = "normal",
    anchor: str = "start",
    fill: str = "#000",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}"'
        f' fill="{fill}">{escape(_printable(text))}</text>'
    )


def _printable(text: str) -> str:
    return "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else " " for c in text)


def _wrapped(text: str, columns: int) -> list[str]:
    """Break a text at `columns` half-widths; what does not fit into two lines ends in …"""
    lines, line, width = [], "", 0
    for letter in _printable(text):
        wide = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if width + wide > columns:
            lines.append(line)
            line, width = "", 0
        line, width = line + letter, width + wide
    lines.append(line)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], lines[_LINES - 1][:-1] + "…"]
    return lines

"""A page as SVG, in millimetres: the few shapes the pictures need, and texts that stay within their width.

- Nothing from a file gets in as markup: texts are made printable (no control, format or private characters),
  cut to a number of letters, and escaped.
- Widths of letters are estimated: 1 em for East Asian ones, else that of a plain sans-serif, on the safe
  side.
"""

from __future__ import annotations

import base64
import unicodedata
from html import escape

FONT = "WenQuanYi Micro Hei, Noto Sans CJK SC, Source Han Sans SC, sans-serif"
_MOST_LETTERS = 600
_MOST_MARKS = 2  # combining marks in a row: more pile up over other lines
_NARROW = set("il.,:;|!'`()[]{}/\\ jtfrI1")


class Page:
    """One page; `svg()` when it is drawn."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        stroke: str = "none",
        line: float = 0.2,
        dash: str = "",
        opacity: float = 1.0,
        round_: float = 0.0,
    ) -> None:
        """A box."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        extra += f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
        extra += f' rx="{round_:g}"' if round_ else ""
        self._parts.append(
            f'<rect x="{x:.3f}" y="{y:.3f}" width="{max(0.0, width):.3f}" height="{max(0.0, height):.3f}"'
            f' fill="{fill}" stroke="{stroke}" stroke-width="{line:g}"{extra}/>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str, *, width: float = 0.2, dash: str = ""
    ) -> None:
        """A straight line."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<path d="M{x1:.3f} {y1:.3f}L{x2:.3f} {y2:.3f}" fill="none" stroke="{stroke}"'
            f' stroke-width="{width:g}"{extra}/>'
        )

    def circle(self, x: float, y: float, radius: float, fill: str, *, stroke: str = "none") -> None:
        """A disc."""
        self._parts.append(
            f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{radius:g}" fill="{fill}" stroke="{stroke}"'
            ' stroke-width="0.3"/>'
        )

    def polygon(self, points: list[tuple[float, float]], fill: str) -> None:
        """A filled shape."""
        path = "L".join(f"{x:.3f} {y:.3f}" for x, y in points)
        if path:
            self._parts.append(f'<path d="M{path}Z" fill="{fill}"/>')

    def text(
        self,
        x: float,
        y: float,
        size: float,
        text: str,
        *,
        within: float | None = None,
        anchor: str = "start",
        fill: str = "#1b2430",
        bold: bool = False,
    ) -> None:
        """One line, cut with … where it is longer than `within` millimetres."""
        clean = printable(text)
        shown = clean if within is None else fitted(clean, within / size)
        style = f'text-anchor="{anchor}" fill="{fill}"' + (' font-weight="bold"' if bold else "")
        self._parts.append(
            f'<text x="{x:.3f}" y="{y:.3f}" font-size="{size:g}" {style}>{escape(shown)}</text>'
        )

    def jpeg(self, x: float, y: float, width: float, height: float, data: bytes) -> None:
        """A picture, whole and centred within the box."""
        coded = base64.b64encode(data).decode("ascii")
        self._parts.append(
            f'<image x="{x:.3f}" y="{y:.3f}" width="{width:.3f}" height="{height:.3f}"'
            f' preserveAspectRatio="xMidYMid meet" href="data:image/jpeg;base64,{coded}"/>'
        )

    def svg(self) -> str:
        """The page as a document of its own."""
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}mm" height="{self.height:g}mm"'
                f' viewBox="0 0 {self.width:g} {self.height:g}" font-family="{FONT}">',
                f'<rect width="{self.width:g}" height="{self.height:g}" fill="#fff"/>',
                *self._parts,
                "</svg>\n",
            ]
        )


def printable(text: str) -> str:
    """The text on one line, without what cannot be seen or turns the direction of writing."""
    letters: list[str] = []
    marks = 0
    half = _MOST_LETTERS // 2
    for letter in text if len(text) <= _MOST_LETTERS else f"{text[:half]}…{text[-half:]}":
        category = unicodedata.category(letter)
        marks = marks + 1 if category[0] == "M" else 0
        if category[0] in "CZ":
            letters.append(" ")
        elif marks <= _MOST_MARKS:
            letters.append(letter)
    return "".join(letters)


def em_of(letter: str) -> float:
    """About how wide a letter is, in em."""
    if unicodedata.category(letter)[0] == "M":
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _NARROW:
        return 0.36
    return 0.68 if letter.isupper() or letter in "mw@%&…" or ord(letter) > 0x2000 else 0.55


def width_of(text: str) -> float:
    """About how wide a text is, in em."""
    return sum(map(em_of, text))


def fitted(text: str, ems: float) -> str:
    """The text, or as much of it as fits, ending in …"""
    if width_of(text) <= ems:
        return text
    shown, used = "", em_of("…")
    for letter in text:
        used += em_of(letter)
        if used > ems:
            break
        shown += letter
    return shown.rstrip() + "…"


def fitted_end(text: str, ems: float) -> str:
    """The text, or as much of its end as fits: the end of a path is what tells files apart."""
    clean = printable(text)
    if width_of(clean) <= ems:
        return clean
    shown, used = "", em_of("…")
    for letter in reversed(clean):
        used += em_of(letter)
        if used > ems:
            break
        shown = letter + shown
    return "…" + shown.lstrip()


def wrapped(text: str, ems: float, most: int) -> list[str]:
    """Lines of at most `ems`; Latin words stay whole where they can; the last line says that more follows."""
    lines: list[str] = []
    rest = printable(text).strip()
    while rest and len(lines) < most - 1:
        count, used = 0, 0.0
        for letter in rest:
            used += em_of(letter)
            if used > ems:
                break
            count += 1
        if count >= len(rest):
            break
        space = rest.rfind(" ", count // 2, count + 1)
        cut = space if space > 0 and rest[count - 1].isascii() else max(1, count)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, fitted(rest, ems)] if rest else lines

"""SVG to PNG, for people without a viewer of SVG; an extra (`pictures`)."""

from __future__ import annotations

DPI = 200
_TRIAL = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" font-size="30">{}</svg>'


def to_png(svg: str) -> bytes | None:
    """Render a page; None without the extra.  Chinese text needs a font (Debian: fonts-wqy-microhei)."""
    try:
        import resvg_py
    except ImportError:
        return None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=DPI))


def has_chinese() -> bool:
    """Whether Chinese letters come out at all: without a font they are left out silently."""
    from transcoder.drawing.canvas import FONT

    text = f'<text x="2" y="32" font-family="{FONT}">告</text>'
    return to_png(_TRIAL.format(text)) != to_png(_TRIAL.format(""))

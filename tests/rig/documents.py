"""The commands that a document shows, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def commands(name: str) -> list[str]:
    """Return the lines of all blocks that name no language, without what is said behind them."""
    text = (DOCS / name).read_text("utf-8")
    blocks = [body for kind, body in _BLOCK.findall(text) if not kind]
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]

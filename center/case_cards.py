"""Case cards: signed for a case of the registry in force, and drawn to be shown to a lens or printed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from center import card_sheet, keybook
from center.catalogue import database, registries
from center.errors import NotFound
from center.registry import rows_of
from center.settings import Folder, Settings
from uplink import case_card
from uplink.messages.card import CaseCard
from uplink.messages.registry import CaseRow

_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|\0', "_"))


@dataclass(frozen=True)
class SignedCard:
    """A card, its text, and the registry's row that it stands for."""

    card: CaseCard
    row: CaseRow
    text: str


def sign(folder: Folder, settings: Settings, case: str, expires: datetime) -> SignedCard:
    """Sign a card for `case`, valid until `expires` (aware).

    Raises NotFound: no such case in the registry, or more than one site has it; BadKey.
    """
    row = _row(folder, case)
    keys = keybook.load(folder, settings.id)
    card = CaseCard(platform=settings.id, case=row.case, expires=expires)
    return SignedCard(card, row, case_card.seal(card, keys.registry))


def write(signed: SignedCard, into: Path) -> list[Path]:
    """Write code (PNG, SVG) and A6 sheet (SVG, PNG) into a folder, made where it is missing.

    Raises OSError.
    """
    into.mkdir(parents=True, exist_ok=True)
    stem = signed.row.case.translate(_UNSAFE).strip(". ") or "case"
    sheet = card_sheet.draw(signed.text, signed.row, signed.card.expires)
    drawn = {
        f"{stem}.png": card_sheet.code_png(signed.text),
        f"{stem}.svg": card_sheet.code_svg(signed.text),
        f"{stem}-a6.svg": sheet.encode(),
        f"{stem}-a6.png": card_sheet.to_png(sheet),
    }
    for name, content in drawn.items():
        (into / name).write_bytes(content)
    return [into / name for name in drawn]


def _row(folder: Folder, case: str) -> CaseRow:
    with database.reading(folder) as connection:
        snapshots = [snapshot for snapshot in registries.newest(connection) if snapshot.kind == "cases"]
    known = (row for snapshot in snapshots for row in rows_of(snapshot))
    rows = [row for row in known if isinstance(row, CaseRow) and row.case == case]
    if not rows:
        raise NotFound(
            f"no case {case!r} in the registry: `bodydock center registry publish cases.csv` first"
        )
    if len({row.to_bytes() for row in rows}) > 1:
        raise NotFound(f"two sites have another case {case!r} each: give it one meaning first")
    return rows[0]

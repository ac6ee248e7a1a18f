"""Case cards that a camera saw: which hold for a recording, and what each of them is worth (trust.md).

- A card holds from where it was seen to where the next one is; the first one from the run's start.
- One that verifies names a case; one that claims to be a card and does not is a finding; any other code is
  nothing, unless it says the number of a case that the registry knows: then a person is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from transcoder.report import Card, Report, RunReport
from uplink import case_card
from uplink.errors import Refused
from uplink.keys import KeyRing


@dataclass(frozen=True)
class SeenCard:
    """One code: the case that it proves, why it proves none, or what it merely says."""

    case: str | None = None
    refused: str | None = None  # the reason's short name
    says: str | None = None


def cards_of(report: Report, index: int) -> tuple[str, ...]:
    """Return the texts of the codes that hold for recording `index`, in order of time."""
    for run in report.runs:
        if index in run.recordings and run.cards:
            return _in_force(report, run, index)
    return ()


def read_cards(
    texts: Sequence[str], ring: KeyRing | None, platform: str, at: datetime
) -> tuple[SeenCard, ...]:
    """Return what codes that were seen at `at` are worth.  `ring`: the platform's keys, None without one."""
    return tuple(_read(text, ring or KeyRing(), platform, at) for text in texts)


def _read(text: str, ring: KeyRing, platform: str, at: datetime) -> SeenCard:
    if not case_card.is_card(text):
        return SeenCard(says=text.strip())
    try:
        return SeenCard(case=case_card.unseal(text, ring, platform, at).case)
    except Refused as refused:
        return SeenCard(refused=refused.code)


def _in_force(report: Report, run: RunReport, index: int) -> tuple[str, ...]:
    cards = sorted(run.cards, key=lambda card: card.at_s)
    before = [report.recordings[i].duration_s for i in run.recordings[: run.recordings.index(index)]]
    duration = report.recordings[index].duration_s
    if duration is None or None in before:  # nobody knows where in the run it lies
        return tuple(card.text for card in cards)
    start = sum(length for length in before if length is not None)
    return tuple(
        card.text
        for number, card in enumerate(cards)
        if _begins(number, card) < start + duration and start < _ends(number, cards)
    )


def _begins(number: int, card: Card) -> float:
    return card.at_s if number else 0.0


def _ends(number: int, cards: Sequence[Card]) -> float:
    return cards[number + 1].at_s if number + 1 < len(cards) else float("inf")

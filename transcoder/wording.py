"""The wording of notices, read from `config/rules/notice.toml`: concepts, what declares, what cancels.

Phrases are turned into syllables once.  A slip in the file is BadRules, with file and key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from transcoder.errors import BadRules
from transcoder.syllables import sound_of

_WHERE = "config/rules/notice.toml"
_SETS = (
    "characters",
    "behind_characters",
    "behind_concepts",
    "opening_characters",
    "joining",
    "toward",
    "lead_concepts",
)
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Spoken:
    """One phrase: as syllables, and as written for those compared by character."""

    text: str
    syllables: Phrase


@dataclass(frozen=True)
class Concept:
    name: str
    alike: float
    phrases: tuple[Spoken, ...]


@dataclass(frozen=True)
class Declares:
    """Anchors in order; `gap` syllables at most between two; `need`ed concepts within `around`."""

    anchors: tuple[str, ...]
    gap: int
    weight: float = 1.0
    need: tuple[str, ...] = ()
    around: int = 0
    lacking: float = 1.0


@dataclass(frozen=True)
class Cancels:
    """What undoes a declaration near it; `unless_between`: not when such a concept lies between the two."""

    why: str
    phrases: tuple[Spoken, ...]
    effect: str  # no, doubt
    before: int = -1  # at most so many syllables before the anchors; -1: not before them
    after: int = -1
    inside: bool = False
    across: bool = False
    ends_clause: bool = False
    starts_clause: bool = False
    written: bool = False  # compared as written: by sound such words are too many others
    whole: bool = False  # not when it begins within an anchor: then its sound is the anchor's
    unless_after: tuple[Spoken, ...] = ()
    unless_between: str | None = None
    unless_around: str | None = None  # not when such a concept lies within `around` of the anchors
    around: int = 6


@dataclass(frozen=True)
class Understood:
    """What may stand in the clause of a declaration; see `understood.py`."""

    slack: float  # so many strange syllables may stand there
    lead_slack: float  # the same of the clause before
    leads: tuple[str, ...]  # how a clause before begins that may have anything in it, as written
    lead_concepts: frozenset[str]  # or what it has in it
    device_slack: float  # of an officer's device, here and now
    before: int  # so far before and after the anchors it is looked at
    after: int
    characters: frozenset[str]  # before and between
    phrases: tuple[Spoken, ...]
    behind_characters: frozenset[str]
    behind_concepts: frozenset[str]
    behind: tuple[Spoken, ...]
    opening_characters: frozenset[str]  # with these the next sentence begins
    opening: tuple[Spoken, ...]
    joining: frozenset[str]  # but not right behind one of these
    toward: frozenset[str]
    examining: tuple[Spoken, ...]
    object_length: int


@dataclass(frozen=True)
class Wording:
    confirm: float
    doubt: float
    tied: tuple[str, ...]  # concepts one of which must be near, or the declaration may be about anything
    official: tuple[str, ...]  # concepts that show who speaks: with one near, a misheard word is forgiven
    here: tuple[str, ...]  # concepts that say it is this matter
    tied_within: int
    hints: tuple[str, ...]  # concepts that make a stretch worth listening to again
    concepts: Mapping[str, Concept]
    declares: tuple[Declares, ...]
    harmless: tuple[Spoken, ...]
    cancels: tuple[Cancels, ...]
    understood: Understood
    simplified: Mapping[str, str]  # of characters as a recogniser may write them


@lru_cache(maxsize=1)
def shipped_wording() -> Wording:
    """The wording as shipped.  Raises BadRules."""
    return parse_wording(files("config").joinpath("rules/notice.toml").read_bytes())


def parse_wording(data: bytes) -> Wording:
    """Read a wording from TOML bytes.  Raises BadRules."""
    try:
        raw = tomllib.loads(data.decode("utf-8"))
        concepts = {
            name: Concept(name, float(table["alike"]), _spoken(table["phrases"]))
            for name, table in raw["concept"].items()
        }
        declares = tuple(_declares(table) for table in raw["declares"])
        cancels = tuple(_cancels(table) for table in raw["cancels"])
        wording = Wording(
            float(raw["confirm"]),
            float(raw["doubt"]),
            tuple(raw["tied"]),
            tuple(raw["official"]),
            tuple(raw["here"]),
            int(raw["tied_within"]),
            tuple(raw["hints"]),
            concepts,
            declares,
            _spoken(raw["harmless"]["phrases"]),
            cancels,
            _understood(raw["understood"]),
            {pair[0]: pair[1] for pair in raw["simplified"].split()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRules(f"{_WHERE}: {error!r}") from error
    named = {name for d in declares for name in (*d.anchors, *d.need)}
    named |= {*wording.hints, *wording.tied, *wording.official, *wording.here}
    named |= wording.understood.behind_concepts | wording.understood.lead_concepts
    named |= {name for c in cancels for name in (c.unless_between, c.unless_around) if name is not None}
    if unknown := named - concepts.keys():
        raise BadRules(f"{_WHERE}: concept {sorted(unknown)} is not known; known are {sorted(concepts)}")
    return wording


def _spoken(texts: list[str]) -> tuple[Spoken, ...]:
    return tuple(Spoken(text, sound_of(text).syllables) for text in texts)


def _understood(table: dict[str, Any]) -> Understood:
    values = {
        **table,
        **{key: frozenset(table[key]) for key in _SETS},
        "leads": tuple(table["leads"]),
        **{key: _spoken(table[key]) for key in ("phrases", "behind", "opening", "examining")},
    }
    return Understood(**values)


def _declares(table: dict[str, Any]) -> Declares:
    values = {**table, "anchors": tuple(table["anchors"]), "need": tuple(table.get("need", ()))}
    return Declares(**values)


def _cancels(table: dict[str, Any]) -> Cancels:
    if table["effect"] not in ("no", "doubt"):
        raise ValueError(f"effect = {table['effect']!r}; allowed: no, doubt")
    values = {
        **table,
        "phrases": _spoken(table["phrases"]),
        "unless_after": _spoken(table.get("unless_after", [])),
    }
    return Cancels(**values)

"""Mandarin by sound: text to syllables, and how near two syllables are.

A recogniser writes homophones (全程录音录像 as 权程度一路向), and simplified or traditional characters at
random (known fault G05): so words are compared as syllables without tone, and those that people and
recognisers mix up cost little: zh/z, ch/c, sh/s, n/l, f/h, an/ang, en/eng, in/ing and the like.  Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pypinyin import Style, lazy_pinyin

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_OTHER = 1.0  # the cost of a syllable that has nothing in common
_INDEL = 0.8  # the cost of one that is missing or extra

# How much mixing up two initials or two finals costs; what is not listed costs _FAR.
_FAR = 0.75
_INITIAL_GROUPS: tuple[tuple[float, str], ...] = (
    (0.12, "zh z"),
    (0.12, "ch c"),
    (0.12, "sh s"),
    (0.15, "n l"),
    (0.2, "f h"),
    (0.35, "l d"),
    (0.35, "l r"),
    (0.35, "d t"),
    (0.35, "b p"),
    (0.35, "g k"),
    (0.4, "j q x"),
    (0.4, "zh ch sh"),
    (0.4, "z c s"),
    (0.35, "j zh z"),
    (0.35, "q ch c"),
    (0.35, "x sh s"),
    (0.4, "m n"),
    (0.45, "g h k"),
    (0.4, "r zh"),
    (0.5, "f s sh"),
)
_FINAL_GROUPS: tuple[tuple[float, str], ...] = (
    (0.12, "an ang"),
    (0.12, "en eng"),
    (0.12, "in ing"),
    (0.12, "ian iang"),
    (0.15, "uan uang"),
    (0.15, "uo o"),
    (0.25, "un ong"),
    (0.25, "en in"),
    (0.25, "eng ing"),
    (0.35, "i in"),
    (0.35, "i ie"),
    (0.35, "i v"),
    (0.35, "e uo"),
    (0.35, "u v"),
    (0.35, "u uo"),
    (0.35, "u ou"),
    (0.35, "ong eng"),
    (0.35, "ian in"),
    (0.35, "ian van"),
    (0.35, "uan van"),
    (0.35, "iang ang"),
    (0.35, "ao iao"),
    (0.4, "ie ian"),
    (0.4, "ai ei"),
    (0.4, "an en"),
    (0.4, "ang eng"),
    (0.4, "a ang"),
    (0.4, "iang iao"),
    (0.4, "in ian ing"),
)


def _table(groups: tuple[tuple[float, str], ...]) -> dict[frozenset[str], float]:
    table: dict[frozenset[str], float] = {}
    for cost, names in groups:
        parts = names.split()
        for i, a in enumerate(parts):
            for b in parts[i + 1 :]:
                key = frozenset((a, b))
                table[key] = min(cost, table.get(key, cost))
    return table


_INITIAL_COST = _table(_INITIAL_GROUPS)
_FINAL_COST = _table(_FINAL_GROUPS)


@dataclass(frozen=True)
class Sound:
    """One text as sounds: a syllable for each character that has one, and where clauses end."""

    syllables: tuple[str, ...]
    characters: tuple[str, ...]
    clause: tuple[int, ...]  # number of the clause each syllable is in
    offsets: tuple[int, ...]  # of each syllable in the text


def sound_of(text: str) -> Sound:
    """The syllables of a text: digits are read, letters are left out.

    Other signs, and spaces (a recogniser writes a pause so), end a clause.
    """
    syllables: list[str] = []
    characters: list[str] = []
    clauses: list[int] = []
    offsets: list[int] = []
    clause = 0
    readable = "".join(_DIGITS.get(c, c) for c in text)
    for offset, (character, syllable) in enumerate(zip(readable, _read(readable), strict=True)):
        if syllable:
            syllables.append(syllable)
            characters.append(text[offset])
            clauses.append(clause)
            offsets.append(offset)
        elif not character.isalnum():
            clause += 1
    return Sound(tuple(syllables), tuple(characters), tuple(clauses), tuple(offsets))


def _read(text: str) -> list[str]:
    """One toneless syllable for each character, empty where it has none; context decides who has several."""
    # `errors` gets a run of characters that have no reading; a list gives each its own (pypinyin's manual,
    # though its stub says otherwise).
    blank: Any = lambda run: ["" for _ in run]  # noqa: E731
    read = lazy_pinyin(text, style=Style.NORMAL, errors=blank, v_to_u=False)
    return [syllable if syllable.isascii() and syllable.isalpha() else "" for syllable in read]


@lru_cache(maxsize=2048)
def parts(syllable: str) -> tuple[str, str]:
    """Initial and final of a toneless syllable, with y- and w- and the ü after j, q, x, y undone."""
    if syllable.startswith("yu"):
        return "", "v" + syllable[2:]
    if syllable.startswith("y"):
        rest = syllable[1:]
        return "", rest if rest.startswith("i") else "i" + rest
    if syllable.startswith("w"):
        rest = syllable[1:]
        return "", rest if rest.startswith("u") else "u" + rest
    initial = next((i for i in _INITIALS if syllable.startswith(i)), "")
    final = syllable[len(initial) :]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    return initial, final


@lru_cache(maxsize=1 << 16)
def distance(a: str, b: str) -> float:
    """How far two syllables are: 0 the same, 1 nothing in common."""
    if a == b:
        return 0.0
    (ai, af), (bi, bf) = parts(a), parts(b)
    initial = 0.0 if ai == bi else _INITIAL_COST.get(frozenset((ai, bi)), _FAR)
    final = 0.0 if af == bf else _FINAL_COST.get(frozenset((af, bf)), _FAR)
    return min(_OTHER, initial + final)


@dataclass(frozen=True)
class Hit:
    """A phrase heard at syllables [start, end), and how alike it sounded."""

    start: int
    end: int
    alike: float


class Stream:
    """Syllables heard, prepared for looking up many phrases: most are ruled out without a comparison."""

    def __init__(self, heard: Sequence[str]) -> None:
        self._heard = tuple(heard)
        self._places: dict[str, list[int]] = {}
        for at, syllable in enumerate(self._heard):
            self._places.setdefault(syllable, []).append(at)
        self._rows: dict[str, tuple[float, ...]] = {}
        self._least: dict[str, float] = {}

    def find(self, phrase: Sequence[str], alike: float) -> list[Hit]:
        """Where a phrase occurs at least so alike; overlapping places, best only.

        A missing or an extra syllable costs 0.8.
        """
        if not phrase:
            return []
        limit = (1.0 - alike) * len(phrase) + 1e-9
        if limit < 0.05:  # as it is, or not at all
            return self._exact(phrase)
        if sum(min(_INDEL, self._nearest(wanted)) for wanted in phrase) > limit:
            return []
        return _best(self._windows(phrase, limit) if limit < _INDEL else self._edited(phrase, limit))

    def _row(self, wanted: str) -> tuple[float, ...]:
        """How far each syllable heard is from the one wanted."""
        row = self._rows.get(wanted)
        if row is None:
            row = self._rows[wanted] = tuple(distance(wanted, syllable) for syllable in self._heard)
        return row

    def _nearest(self, wanted: str) -> float:
        least = self._least.get(wanted)
        if least is None:
            least = min((distance(wanted, syllable) for syllable in self._places), default=1.0)
            self._least[wanted] = least
        return least

    def _exact(self, phrase: Sequence[str]) -> list[Hit]:
        wanted, size = tuple(phrase), len(phrase)
        starts = self._places.get(wanted[0], ())
        return [Hit(i, i + size, 1.0) for i in starts if self._heard[i : i + size] == wanted]

    def _windows(self, phrase: Sequence[str], limit: float) -> list[Hit]:
        """Too strict for a missing or an extra syllable: one place after another."""
        size = len(phrase)
        rows = [self._row(wanted) for wanted in phrase]
        hits: list[Hit] = []
        for start in range(len(self._heard) - size + 1):
            cost = 0.0
            for i, row in enumerate(rows, start):
                cost += row[i]
                if cost > limit:
                    break
            else:
                hits.append(Hit(start, start + size, 1.0 - cost / size))
        return hits

    def _edited(self, phrase: Sequence[str], limit: float) -> list[Hit]:
        """Edit distance over syllables (Sellers)."""
        size = len(phrase)
        rows = [self._row(wanted) for wanted in phrase]
        hits: list[Hit] = []
        costs, starts = [_INDEL * i for i in range(size + 1)], [0] * (size + 1)
        for j in range(len(self._heard)):
            above, above_start = costs[0], j
            costs[0], starts[0] = 0.0, j + 1
            for i, row in enumerate(rows, 1):
                cost, start = above + row[j], above_start
                above, above_start = costs[i], starts[i]
                if above + _INDEL < cost:
                    cost, start = above + _INDEL, above_start
                if costs[i - 1] + _INDEL < cost:
                    cost, start = costs[i - 1] + _INDEL, starts[i - 1]
                costs[i], starts[i] = cost, start
            if costs[size] <= limit and starts[size] <= j:
                hits.append(Hit(starts[size], j + 1, 1.0 - costs[size] / size))
        return hits


def find_phrase(phrase: Sequence[str], heard: Sequence[str], alike: float) -> list[Hit]:
    """Where one phrase occurs in a stream of syllables; for many phrases make one `Stream`."""
    return Stream(heard).find(phrase, alike)


def _best(hits: list[Hit]) -> list[Hit]:
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (-h.alike, h.end - h.start, h.start)):
        if all(hit.end <= other.start or hit.start >= other.end for other in chosen):
            chosen.append(hit)
    return sorted(chosen, key=lambda h: h.start)

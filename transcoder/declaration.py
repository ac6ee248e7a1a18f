"""Does a sentence declare that recording is on?  (article 15(1); "What a notice is" in rules.md)  Pure.

- A declaration is anchors in order (throughout + recording, now + recording, device + on, …) near enough.
- Its score is how alike the anchors sound, weighted by their length; some forms need to hear whose recording
  it is, else they are doubted.
- A question, a refusal, somebody else's recording, another time, a device that is off, goods: near a
  declaration in the same clause they cancel it.  A question whether it was *understood* is harmless.
- Words of one syllable sound like too many others: they are compared as written.
- Each declaration in a text is judged by itself; the best one left counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcoder.syllables import Hit, Sound, Stream, sound_of
from transcoder.wording import Cancels, Declares, Spoken, Wording, shipped_wording

_HARMLESS_ALIKE = 0.85
_PART_MARGIN = 0.1
_ALIKE_ENOUGH = 0.9  # phrases of three syllables and more that cancel may sound a little different


@dataclass(frozen=True)
class Declaration:
    """The best declaration in a text: `start` and `end` are characters of the text."""

    score: float
    start: int
    end: int
    words: str
    doubted: bool = False  # something near it makes a person listen
    cancelled: str | None = None  # why it is none


def judge(text: str, wording: Wording | None = None) -> Declaration | None:
    """The declaration in a text that is nearest to a notice; None when nothing is near."""
    wording = wording or shipped_wording()
    heard = _Heard(sound_of(text), wording)
    found = [heard.weigh(anchors, rule) for rule in wording.declares for anchors in heard.chains(rule)]
    return max(found, key=_rank, default=None)


def hints(text: str, wording: Wording | None = None) -> bool:
    """Whether a text has anything in it that a declaration is made of: worth listening to again."""
    wording = wording or shipped_wording()
    heard = _Heard(sound_of(text), wording)
    return any(heard.hits[name] for name in wording.hints)


def _rank(found: Declaration) -> tuple[bool, bool, float, int]:
    return found.cancelled is None, not found.doubted, round(found.score, 6), found.end - found.start


class _Heard:
    """One text's syllables with every concept found in them."""

    def __init__(self, sound: Sound, wording: Wording) -> None:
        self.sound = sound
        self._stream = Stream(sound.syllables)
        self.wording = wording
        self.hits = {
            name: _merge(hit for spoken in concept.phrases for hit in self._find(spoken, concept.alike))
            for name, concept in wording.concepts.items()
        }
        masked = (h for spoken in wording.harmless for h in self._find(spoken, _HARMLESS_ALIKE))
        self.harmless = {i for hit in masked for i in range(hit.start, hit.end)}
        self._cancels = {
            cancel.why: [
                hit
                for spoken in cancel.phrases
                for hit in self._find(spoken, _ALIKE_ENOUGH if len(spoken.syllables) > 2 else 1.0)
            ]
            for cancel in wording.cancels
        }

    def _find(self, spoken: Spoken, alike: float) -> list[Hit]:
        if len(spoken.syllables) == 1:
            found = (i for i, c in enumerate(self.sound.characters) if c == spoken.text)
            return [Hit(i, i + 1, 1.0) for i in found]
        return self._stream.find(spoken.syllables, alike)

    def chains(self, rule: Declares) -> Iterator[tuple[Hit, ...]]:
        """Every way the anchors of a rule stand in order, near enough."""
        chains: list[tuple[Hit, ...]] = [(hit,) for hit in self.hits[rule.anchors[0]]]
        for name in rule.anchors[1:]:
            chains = [
                (*chain, hit)
                for chain in chains
                for hit in self.hits[name]
                if 0 <= hit.start - chain[-1].end <= rule.gap
            ]
        yield from chains

    def weigh(self, anchors: Sequence[Hit], rule: Declares) -> Declaration:
        start, end = anchors[0].start, anchors[-1].end
        length = sum(hit.end - hit.start for hit in anchors)
        score = sum(hit.alike * (hit.end - hit.start) for hit in anchors) / length * rule.weight
        if rule.need and not self._has(rule.need, start - rule.around, end + rule.around, anchors):
            score *= rule.lacking
        effects = {
            cancel.effect: cancel.why for cancel in self.wording.cancels if self._cancelled(cancel, anchors)
        }
        offsets = self.sound.offsets
        return Declaration(
            score,
            offsets[start],
            offsets[end - 1] + 1,
            "".join(self.sound.characters[start:end]),
            "doubt" in effects,
            effects.get("no"),
        )

    def _has(self, names: Sequence[str], start: int, end: int, but: Sequence[Hit]) -> bool:
        hits = (hit for name in names for hit in self.hits[name])
        return any(hit.start >= start and hit.end <= end and hit not in but for hit in hits)

    def _cancelled(self, cancel: Cancels, anchors: Sequence[Hit]) -> bool:
        return any(self._reaches(cancel, hit, anchors) for hit in self._cancels[cancel.why])

    def _reaches(self, cancel: Cancels, hit: Hit, anchors: Sequence[Hit]) -> bool:
        start, end = anchors[0].start, anchors[-1].end
        if self.harmless.issuperset(range(hit.start, hit.end)) or self._excused(cancel, hit):
            return False
        if cancel.whole and any(anchor.start < hit.start < anchor.end for anchor in anchors):
            return False
        if hit.start < start:
            near = start - hit.end <= cancel.before
            edge = start
            between = (hit.end, start)
        elif hit.end > end:
            near = hit.start - end <= cancel.after
            edge = end - 1
            between = (end, hit.start)
        else:
            return cancel.inside and self._is_inside(hit, anchors)
        if not near or (cancel.ends_clause and not self._ends_clause(hit)):
            return False
        if not cancel.across and self.sound.clause[edge] != self.sound.clause[hit.start]:
            return False
        name = cancel.unless_between
        return name is None or not self._has((name,), *between, ())

    @staticmethod
    def _is_inside(hit: Hit, anchors: Sequence[Hit]) -> bool:
        """Between two anchors; a sound that an anchor itself makes cancels nothing."""
        return any(hit.end > a.end and hit.start < b.start for a, b in pairwise(anchors))

    def _excused(self, cancel: Cancels, hit: Hit) -> bool:
        for spoken in cancel.unless_after:
            size = len(spoken.syllables)
            at = hit.start - size
            if at >= 0 and self.sound.syllables[at : hit.start] == spoken.syllables:
                return True
        return False

    def _ends_clause(self, hit: Hit) -> bool:
        clause = self.sound.clause
        return hit.end == len(clause) or clause[hit.end] != clause[hit.end - 1]


def _merge(hits: Iterator[Hit]) -> list[Hit]:
    """Each place once; a hit inside a longer one that fits as well is part of it (记录仪 in 执法记录仪)."""
    best: dict[tuple[int, int], Hit] = {}
    for hit in hits:
        key = (hit.start, hit.end)
        if key not in best or hit.alike > best[key].alike:
            best[key] = hit
    alone = [hit for hit in best.values() if not any(_holds(other, hit) for other in best.values())]
    return sorted(alone, key=lambda h: (h.start, h.end))


def _holds(outer: Hit, inner: Hit) -> bool:
    wider = outer.end - outer.start > inner.end - inner.start
    inside = outer.start <= inner.start and inner.end <= outer.end
    return wider and inside and outer.alike >= inner.alike - _PART_MARGIN

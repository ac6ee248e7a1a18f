"""Does a sentence declare that recording is on?  (article 15(1); "What a notice is" in rules.md)  Pure.

- A declaration is anchors in order (throughout + recording, now + recording, device + on, …) near enough.
- Its score is how alike the anchors sound, weighted by their length; some forms need to hear whose recording
  it is, else they are doubted.
- A question, a refusal, somebody else's recording, another time, a device that is off, goods: near a
  declaration in the same clause they cancel it.  A question whether it was *understood* is harmless.
- Where the clause has words that are not understood, or somebody is asked (X不X), a person listens.
- Words of one syllable sound like too many others: they are compared as written.
- Each declaration in a text is judged by itself; the best one left counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcoder.syllables import Hit, Sound, Stream, sound_of
from transcoder.understood import Known, known_syllables, led_up_to, strangeness
from transcoder.wording import Cancels, Declares, Spoken, Wording, shipped_wording

_NOT = "不没沒"
_HARMLESS_ALIKE = 0.85
_PART_MARGIN = 0.1
_OFFICERS_DEVICE = 4  # syllables; a 记录仪 alone may be anybody's
_SHORT = 2  # syllables; such phrases must sound the same
_ALIKE_ENOUGH = 0.9  # phrases of three syllables and more that cancel may sound a little different


@dataclass(frozen=True)
class Declaration:
    """The best declaration in a text: `start` and `end` are characters of the text."""

    score: float
    start: int
    end: int
    words: str
    doubted: bool = False  # something near it makes a person listen
    strange: bool = False  # only because of words that are not understood, which may be misheard
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
        self._written = "".join(wording.simplified.get(c, c) for c in sound.characters)
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
                for hit in self._find(spoken, _alike(spoken.syllables), cancel.written)
            ]
            for cancel in wording.cancels
        }
        self._known: Known | None = None

    def _find(self, spoken: Spoken, alike: float, written: bool = False) -> list[Hit]:
        size = len(spoken.syllables)
        if size == 1 or written:
            return [Hit(i, i + size, 1.0) for i in _places(spoken.text, self._written)]
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
        turned = "doubt" in effects or self._asks(start, end)
        device = any(
            name == "device" and hit.end - hit.start >= _OFFICERS_DEVICE
            for name, hit in zip(rule.anchors, anchors, strict=True)
        )
        strange = self._strange(anchors, device)
        return Declaration(
            score,
            offsets[start],
            offsets[end - 1] + 1,
            "".join(self.sound.characters[start:end]),
            turned or strange,
            strange and not turned,
            effects.get("no"),
        )

    def _strange(self, anchors: Sequence[Hit], device: bool) -> bool:
        """Whether the clause has more in it than is understood."""
        understood = self.wording.understood
        if self._known is None:
            self._known = known_syllables(self.sound, understood, self.hits, self._say)
        found = strangeness(self.sound, self._known, anchors, understood)
        slack = understood.slack if self._near(self.wording.official, anchors) else 0.0
        if device and self._near(self.wording.here, anchors):
            slack = understood.device_slack
        alone = len(set(self.sound.clause)) == 1  # nothing else is said that it could be about
        tied = alone or self._near(self.wording.tied, anchors)
        if not led_up_to(self.sound, self._known, anchors[0].start, self.hits, understood):
            return True
        return found.between > 0 or found.around > slack or not tied

    def _near(self, names: Sequence[str], anchors: Sequence[Hit]) -> bool:
        within = self.wording.tied_within
        return self._has(names, anchors[0].start - within, anchors[-1].end + within, ())

    def _say(self, phrase: Sequence[str]) -> list[Hit]:
        return self._stream.find(phrase, _alike(phrase))

    def _asks(self, start: int, end: int) -> bool:
        """X不X and X没X in the clause: a question however it goes on."""
        characters, clause = self.sound.characters, self.sound.clause
        for at, character in enumerate(characters[1:-1], 1):
            again = character in _NOT and characters[at - 1] == characters[at + 1]
            if again and at not in self.harmless and clause[at] in (clause[start], clause[end - 1]):
                return True
        return False

    def _has(self, names: Sequence[str], start: int, end: int, but: Sequence[Hit]) -> bool:
        hits = (hit for name in names for hit in self.hits[name])
        return any(hit.start >= start and hit.end <= end and hit not in but for hit in hits)

    def _cancelled(self, cancel: Cancels, anchors: Sequence[Hit]) -> bool:
        name = cancel.unless_around
        start, end = anchors[0].start - cancel.around, anchors[-1].end + cancel.around
        if name is not None and self._has((name,), start, end, ()):
            return False
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
        if (
            cancel.starts_clause
            and hit.start > 0
            and self.sound.clause[hit.start - 1] == self.sound.clause[hit.start]
        ):
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
        return any(self._is_before(spoken, hit.start, cancel.written) for spoken in cancel.unless_after)

    def _is_before(self, spoken: Spoken, at: int, written: bool) -> bool:
        """By sound, or, of two syllables where so asked, as written (一句 is no 依据)."""
        size = len(spoken.syllables)
        if written and size > 1:
            return self._written.endswith(spoken.text, 0, at)
        return at >= size and self.sound.syllables[at - size : at] == spoken.syllables

    def _ends_clause(self, hit: Hit) -> bool:
        clause = self.sound.clause
        return hit.end == len(clause) or clause[hit.end] != clause[hit.end - 1]


def _places(words: str, text: str) -> Iterator[int]:
    at = text.find(words)
    while at >= 0:
        yield at
        at = text.find(words, at + 1)


def _alike(phrase: Sequence[str]) -> float:
    return _ALIKE_ENOUGH if len(phrase) > _SHORT else 1.0


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

"""Is the clause around a declaration understood?  ("What a notice is" in rules.md)  Pure.

A list of what makes a near miss (a shop's cameras, a wall's notice, a hypothesis) has no end; what stands in
the clause of a true notice is few words: who, of what matter, by what right, politely.  So a declaration
is sure only where its clause consists of such words.

- A syllable is known when it belongs to a phrase of the wording, or is one of its characters as written.
- A stretch of strange syllables counts its length, a single one half: the recogniser mishears single ones.
- Between the anchors nothing may be strange: 正在(调取)录像 records nothing.
- So must the clause right before be (somebody's words are announced there: 广播里喊, …), unless it has words
  of officers at work in it or begins as theirs do (请…, 为了…, 接到…).
- What is examined (对…进行检查, 到…检查) may be any name.
- Behind the declaration far fewer words may stand than before it, up to where the next sentence begins
  though nobody wrote a stop: a noun there makes the recording a thing (执法记录仪开启[情况]).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from transcoder.syllables import Hit, Sound
from transcoder.wording import Understood

_ALONE = 0.5


@dataclass(frozen=True)
class Strangeness:
    """How much is strange: in the clause, and between the anchors (syllables)."""

    around: float
    between: float


@dataclass(frozen=True)
class Known:
    """For each syllable: is it understood before a declaration, behind one; does a sentence begin there."""

    before: Sequence[bool]
    behind: Sequence[bool]
    opens: Sequence[bool]


Find = Callable[[Sequence[str]], Iterable[Hit]]


def known_syllables(
    sound: Sound, understood: Understood, concepts: Mapping[str, Sequence[Hit]], find: Find
) -> Known:
    """What is understood of a text; `concepts` are those of the wording found in it."""
    before = [character in understood.characters for character in sound.characters]
    behind = [character in understood.behind_characters for character in sound.characters]
    opens = [character in understood.opening_characters for character in sound.characters]
    for name, hits in concepts.items():
        _mark(before, hits)
        if name in understood.behind_concepts:
            _mark(behind, hits)
    for spoken in understood.phrases:
        _mark(before, find(spoken.syllables))
    for spoken in understood.behind:
        _mark(behind, find(spoken.syllables))
    for spoken in understood.opening:
        _mark(opens, (Hit(hit.start, hit.start + 1, 1.0) for hit in find(spoken.syllables)))
    for at in range(1, len(opens)):  # what follows 的 is what the recording or the device belongs to
        opens[at] = opens[at] and sound.characters[at - 1] not in understood.joining
    _mark(before, _objects(sound, understood, find))
    return Known(before, behind, opens)


def _mark(known: list[bool], hits: Iterable[Hit]) -> None:
    for hit in hits:
        known[hit.start : hit.end] = [True] * (hit.end - hit.start)


def _objects(sound: Sound, understood: Understood, find: Find) -> Iterator[Hit]:
    """What is examined: from 对 or 到 to the next word of examining in the same clause."""
    examined = sorted(hit.start for spoken in understood.examining for hit in find(spoken.syllables))
    for at, character in enumerate(sound.characters):
        if character in understood.toward:
            end = next((start for start in examined if start > at), None)
            near = end is not None and end - at <= understood.object_length
            if end is not None and near and sound.clause[at] == sound.clause[end]:
                yield Hit(at, end, 1.0)


def strangeness(sound: Sound, known: Known, anchors: Sequence[Hit], understood: Understood) -> Strangeness:
    """How strange the clause is that the anchors stand in, no farther than the wording looks."""
    start, end = anchors[0].start, anchors[-1].end
    clause = sound.clause
    low, high = start, end
    while low > 0 and start - low < understood.before and clause[low - 1] == clause[start]:
        low -= 1
    farthest = min(len(clause), end + understood.after)
    while high < farthest and clause[high] == clause[end - 1] and not known.opens[high]:
        high += 1
    anchored = {i for hit in anchors for i in range(hit.start, hit.end)}
    between = [not known.before[i] and i not in anchored for i in range(start, end)]
    around = [not one for one in known.before[low:start]] + between
    around += [not one for one in known.behind[end:high]]
    return Strangeness(_weight(around), float(sum(between)))


def led_up_to(
    sound: Sound, known: Known, start: int, concepts: Mapping[str, Sequence[Hit]], understood: Understood
) -> bool:
    """Whether the clause before the one with syllable `start` may stand before a declaration."""
    clause = sound.clause
    end = start
    while end > 0 and clause[end - 1] == clause[start]:
        end -= 1
    first = end
    while first > 0 and clause[first - 1] == clause[end - 1]:
        first -= 1
    if _weight([not one for one in known.before[first:end]]) <= understood.lead_slack:
        return True
    words = "".join(sound.characters[first:end])
    if words.startswith(understood.leads):
        return True
    hits = (hit for name in understood.lead_concepts for hit in concepts[name])
    return any(hit.start >= first and hit.end <= end for hit in hits)


def _weight(strange: Sequence[bool]) -> float:
    total, run = 0.0, 0
    for one in (*strange, False):
        if one:
            run += 1
            continue
        total += _ALONE if run == 1 else float(run)
        run = 0
    return total

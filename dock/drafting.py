"""A profile drafted from a sample tree: what names, folders and files show, and what they leave open.  Pure.

- Identity is never guessed: what stays the same in many names is a field `id1`, `id2` …, and a person says in
  `[identity]` whose it is.
- What is written is what the sample shows; what it does not show, or shows in two ways, is a doubt, said as a
  comment beside the part.
- A draft is valid as it stands.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from dock.card_tree import Tree
from dock.draft_columns import Name, forms_of, name_of, take_off_marks
from dock.draft_patterns import DraftedPattern, pattern_of
from dock.draft_surroundings import (
    MEDIA_KINDS,
    Encoding,
    encoding_of,
    kinds_of,
    mark_folders_of,
    markers_of,
    places_of,
    proxies_of,
    telling_texts,
)  # fmt: skip
from dock.draft_times import find_time
from dock.profile_files import Kinds
from dock.profiles import CameraProfile

_NO_MARK = re.compile(
    r"(?i)[-_ #]?(pre|prerec|tmp|temp|low|high|lq|hq|sub|main|copy|small|front|rear|end|start)"
)
_PATTERN_CHARACTERS = 500  # that a profile takes
_STEPS_A_WRAP = 20  # of a counter that begins anew, or of a photograph taken while a video ran
_SHORTEST_S, _LONGEST_S = 10.0, 7200.0
CounterUse = Literal["shared", "separate", "unknown"]


@dataclass(frozen=True)
class Draft:
    """What goes into the profile; `doubts` are by table, for people.

    `officer` and `serial` are ids that a person has called so, and empty until then.
    """

    patterns: tuple[DraftedPattern, ...]
    kinds: Kinds
    places: dict[str, list[str]]
    marks: list[str]
    mark_folders: list[str]
    markers: list[str]
    encoding: Encoding
    texts: list[str]
    split_s: float | None
    counter: CounterUse
    doubts: dict[str, list[str]] = field(default_factory=dict)
    officer: str = ""
    serial: str = ""


def draft(tree: Tree, generic: CameraProfile) -> Draft:
    """Return what `tree` shows; `generic` says what suffixes and rubbish are, as for any camera."""
    doubts: dict[str, list[str]] = defaultdict(list)
    kept = [
        file for file in tree.files if generic.kind_of(file.path) and not generic.is_housekeeping(file.path)
    ]
    proxies = proxies_of(kept, tree, generic)
    kinds = kinds_of(tree, generic, proxies, doubts["kinds"])
    media = {s for part in (kinds.video, kinds.audio, kinds.photo) for s in part}
    names = [name for name in map(name_of, kept) if name.suffix not in proxies]
    named, marks = take_off_marks([name for name in names if name.suffix in media])
    others = [end for end in marks if _NO_MARK.fullmatch(end)]
    marks = [end for end in marks if end not in others]
    for end in marks:
        bearing = sum(1 for name in named if name.end == end)
        doubts["marks"].append(f"{end} ends {bearing} of {len(named)} names: taken for *important*")
    # Tracks and the like beside the footage bear times, too; no camera is recognised by their names.
    beside = [name for name in names if name.suffix not in media]
    patterns = _patterns(named, own=True) + [p for p in _patterns(beside, own=False) if p.timed]
    patterns = [_with_ends(pattern, others) for pattern in patterns]
    mark_folders = mark_folders_of(named, doubts["marks"])
    return Draft(
        patterns=tuple(_once(patterns)),
        kinds=kinds,
        places=places_of(named, beside, kinds),
        marks=marks,
        mark_folders=mark_folders,
        markers=markers_of(tree, mark_folders),
        encoding=encoding_of(tree, doubts["identity"]),
        texts=telling_texts(tree, doubts["identity"]),
        split_s=_split(patterns, set(kinds.video), doubts["continuity"]),
        counter=_counter(patterns, kinds, doubts["continuity"]),
        doubts=doubts,
    )


def _patterns(names: Sequence[Name], *, own: bool) -> list[DraftedPattern]:
    """Return a pattern for each shape of names, the most frequent first."""
    found: list[DraftedPattern] = []
    for form in forms_of(names):
        if find_time(form) is not None:
            found.append(pattern_of(form, own=own))
            continue
        for deeper in forms_of(form.names, path=True):
            # The folders are part of the name only where they say the day.
            if find_time(deeper) is not None:
                found.append(pattern_of(deeper, own=own))
            elif own:
                found += [pattern_of(flat, own=own) for flat in forms_of(deeper.names)]
    return _merged(found)


def _with_ends(pattern: DraftedPattern, ends: Sequence[str]) -> DraftedPattern:
    """Ends that some names bear, and that mark nothing."""
    here = sorted({name.end for name in pattern.form.names} & set(ends))
    if not here:
        return pattern
    text = f"{pattern.text}(?:{'|'.join(map(re.escape, here))})?"
    doubt = (
        f"{', '.join(here)} at the end: by its name no mark, perhaps a piece from before the button or a copy"
    )
    return replace(pattern, text=text, doubts=(*pattern.doubts, doubt))


def _merged(found: Sequence[DraftedPattern]) -> list[DraftedPattern]:
    """Names of one shape that lay at several depths are drafted together."""
    by_shape: dict[tuple[bool, tuple[str, ...]], list[DraftedPattern]] = defaultdict(list)
    for one in found:
        by_shape[one.form.path, one.shape].append(one)
    merged: list[DraftedPattern] = []
    for (path, _), same in by_shape.items():
        if len(same) == 1 or path:
            merged += same
        else:
            names = [name for one in same for name in one.form.names]
            merged += [pattern_of(form, own=same[0].of_footage) for form in forms_of(names)]
    return merged


def _once(patterns: Sequence[DraftedPattern]) -> list[DraftedPattern]:
    """Those that say something, each once."""
    saying = [one for one in patterns if "(?P<" in one.text and len(one.text) <= _PATTERN_CHARACTERS]
    return list({one.text: one for one in saying}.values())


def _split(patterns: Sequence[DraftedPattern], video: set[str], doubts: list[str]) -> float | None:
    """The distance at which videos with consecutive numbers mostly begin."""
    apart: Counter[float] = Counter()
    for pattern in patterns:
        views: dict[str, list[tuple[datetime, int | None]]] = defaultdict(list)
        for row in pattern.rows:
            if row.start is not None and row.name.suffix in video:
                views[row.view].append((row.start, row.number))
        for takes in views.values():
            for (start, number), (later, following) in pairwise(sorted(takes, key=lambda take: take[0])):
                if number is None or following is None or following - number == 1:
                    apart[(later - start).total_seconds()] += 1
    usual = [(count, -seconds) for seconds, count in apart.items() if _SHORTEST_S <= seconds <= _LONGEST_S]
    if not usual:
        doubts.append("split_s: after how long it begins a new file cannot be seen here")
        return None
    count, minus = max(usual)
    doubts.append(f"split_s: {count} of {sum(apart.values())} videos begin {-minus:g} s after the one before")
    return -minus if count > 1 else None


def _counter(patterns: Sequence[DraftedPattern], kinds: Kinds, doubts: list[str]) -> CounterUse:
    """Whether all kinds of footage count together: then no number is used twice, and numbers go with time."""
    counted: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for pattern in patterns:
        for row in pattern.rows:
            kind = next((kind for kind in MEDIA_KINDS if row.name.suffix in getattr(kinds, kind)), None)
            at = row.start or row.name.modified_at
            if kind is not None and row.number is not None and at is not None:
                counted[kind].append((at, row.number))
    if len(counted) < 2:
        doubts.append("counter: one kind of footage only is numbered here, so it cannot be seen")
        return "unknown"
    used = [{number for _, number in numbers} for numbers in counted.values()]
    apart = sum(len(numbers) for numbers in used) == len(set().union(*used))
    in_order = [number for _, number in sorted(pair for pairs in counted.values() for pair in pairs)]
    down = sum(1 for before, after in pairwise(in_order) if after < before)
    shared = apart and down <= len(in_order) // _STEPS_A_WRAP
    doubts.append(f"counter: by {', '.join(f'{len(n)} {kind}' for kind, n in sorted(counted.items()))} files")
    return "shared" if shared else "separate"

"""A draft as the TOML file that a technician goes on with.  Pure.

What the draft is unsure of stands as a comment beside its part.  Whose an id is, a person says: `officer` and
`serial` are empty until then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from dock.card_tree import Tree
from dock.draft_patterns import DraftedPattern
from dock.drafting import Draft
from dock.profile_files import GENERIC
from dock.profile_reading import profile_of_text
from dock.profiles import CameraProfile, NameFacts, Profiles, Signs, profile_of

_TOO_LONG = 255
_EXAMPLES, _TREE = 24, 12
_OTHER_TIMES = (
    r"(?<![0-9])(?P<time>(?:19|20)\d{2}[-_.]?\d{2}[-_.]?\d{2}[-_. T]?\d{2}[-_.]?\d{2}[-_.]?\d{2})(?![0-9])"
)


def profile_name(text: str) -> str:
    """Return what a profile may be called, from what a folder is called."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return (name if name[:1].isalpha() else f"camera-{name}").strip("-_")[:32]


def draft_text(name: str, tree: Tree, found: Draft, shipped: Profiles) -> str:
    """Return the profile as text, valid as it stands; its examples are names of the tree as it reads them."""
    body = "\n".join(_tables(tree, found))
    profile = _read(name, _head(name, tree, []) + body)
    fits = Profiles((profile, *shipped.profiles)).fits([], tree.names)
    notes = []
    others = [fit for fit in fits if fit.strength and fit.profile.name not in (name, GENERIC)]
    recognised = fits[0].strength > 0 and fits[0].profile.name == name
    if others:
        notes.append(
            f"{others[0].profile.name} reads this tree, too ({others[0].why}). Among equals an office's"
            " own goes first, and so this one takes those cameras: if they are others, say a marker here."
        )
    if not recognised:
        notes.append("Nothing here tells this camera by itself: say a marker, a label or USB ids in [match].")
    return _head(name, tree, notes) + body + "\n" + "\n".join(_examples(tree, profile, recognised)) + "\n"


def _read(name: str, text: str) -> CameraProfile:
    placeholder = f'\n[[examples]]\nname = "{name}.mp4"\n'
    return profile_of(profile_of_text(text + placeholder, "(draft)"))


def _head(name: str, tree: Tree, notes: Sequence[str]) -> str:
    lines = [
        f"# Drafted by `bodydock profile new` from {len(tree.files)} files. Comments say what is not sure;",
        "# docs/profiles.md says what each table means. Then: bodydock profile test THIS-FILE",
        *(f"# {note}" for note in notes),
        f"name = {_text(name)}",
        f"title = {_text(name)}",
        'basis = "drafted from a tree of files; not tried on the device"',
        f'sources = ["a tree of {len(tree.files)} files"]',
        "tried_on_device = false",
        "# time_zone = \"Asia/Shanghai\"  # of the camera's clock; left out: the dock's",
        "# pre_record_s = 30.0  # what a recording has from before the button; left out: not known",
        "",
    ]
    return "\n".join(lines) + "\n"


def _tables(tree: Tree, found: Draft) -> Iterable[str]:
    own = all(pattern.own for pattern in found.patterns if pattern.of_footage)
    yield "[match]"
    yield '# usb = ["1234:5678"]  # as lsusb shows it, if it is this family\'s alone'
    if tree.label:
        yield f"# labels = [{_text(tree.label)}]  # the volume label of this one"
    if own and found.markers:
        yield "# Recognised by its names. Files and folders that may tell it better:"
    if found.markers:
        yield f"{'# ' if own else ''}markers = {_list(found.markers)}"
    yield from _table("kinds", _kinds(found), found.doubts)
    yield from _table(
        "places", {kind: _list(folders) for kind, folders in found.places.items()}, found.doubts
    )
    yield from _identity(found)
    yield from _table(
        "marks", {"stem_ends": _list(found.marks), "folders": _list(found.mark_folders)}, found.doubts
    )
    yield from _table("housekeeping", {"names": _list(["*.tmp", "*.lrv", "*.thm"])}, {})
    continuity = {"counter": _text(found.counter)}
    if found.split_s:
        continuity["split_s"] = f"[{found.split_s:g}]"
    yield from _table("continuity", continuity, found.doubts)
    for pattern in found.patterns:
        yield from _names(pattern)
    yield from ("[[names]] # files of another form still tell their time", f"pattern = '{_OTHER_TIMES}'")
    yield "whole = false"
    yield ""


def _kinds(found: Draft) -> dict[str, str]:
    return {key: _list(value) for key, value in found.kinds.model_dump().items() if value}


def _identity(found: Draft) -> Iterable[str]:
    said = {"officer": _text(found.officer), "serial": _text(found.serial)}
    values = {**said, "encoding": _text(found.encoding)}
    if found.texts:
        values["files"] = _list(found.texts)
    doubts = list(found.doubts.get("identity", []))
    for pattern in found.patterns:
        for name, seen in pattern.ids.items():
            if name in (found.officer, found.serial):
                continue
            usual = "the camera's number, or the officer's" if len(seen) == 1 else "perhaps the officer's"
            shown = ", ".join(seen[:4]) + (" …" if len(seen) > 4 else "")
            doubts.append(f"{name} is {shown} ({len(seen)} in {len(pattern.rows)} names): {usual}?")
    if not (found.officer and found.serial):
        doubts.append('Whose an id is, is never guessed: officer = "id…", serial = "id…" once you know')
    yield from _table("identity", values, {"identity": doubts})


def _table(name: str, values: Mapping[str, str], doubts: Mapping[str, Sequence[str]]) -> Iterable[str]:
    yield ""
    yield f"[{name}]"
    yield from (f"# {_line(doubt)}" for doubt in doubts.get(name, ()))
    yield from (f"{key} = {value}" for key, value in values.items())
    if name == "continuity":
        yield ""


def _names(pattern: DraftedPattern) -> Iterable[str]:
    yield f"[[names]] # {len(pattern.rows)} of the sample"
    yield from (f"# {_line(doubt)}" for doubt in pattern.doubts)
    yield f"pattern = {_pattern(pattern.text)}"
    if pattern.form.path:
        yield "path = true"
    if not pattern.own:
        yield "own = false"
    if pattern.time_format and pattern.time_format != "%Y%m%d%H%M%S":
        yield f"time_format = {_text(pattern.time_format)}"
    yield ""


def _examples(tree: Tree, profile: CameraProfile, recognised: bool) -> Iterable[str]:
    """One of each sort, as the draft reads it: a person looks whether that is so."""
    sorts: dict[tuple[object, ...], str] = {}
    for path in tree.names:
        facts = profile.facts(path)
        suffix = path.rpartition("/")[2].rpartition(".")[2].lower()
        of_footage = (facts.marked, facts.view, facts.named_at is None, facts.sequence is None)
        if len(path) <= _TOO_LONG:
            sorts.setdefault((profile.kind_of(path), suffix, of_footage), path)
    chosen = list(sorts.values())[:_EXAMPLES]
    for path in chosen:
        yield from _example(path, profile.kind_of(path) or "left_out", profile.facts(path))
    footage = [path for path in tree.names if profile.kind_of(path) in ("video", "audio", "photo")]
    shown = list(dict.fromkeys([*footage[: _TREE // 2], *chosen]))[:_TREE]
    if recognised and _is_recognised(profile, shown):
        yield "[[trees]]"
        yield f"names = {_list(shown)}"


def _is_recognised(profile: CameraProfile, names: Sequence[str]) -> bool:
    return profile.fit(None, Signs(tuple(names))).strength > 0


def _example(path: str, kind: str, facts: NameFacts) -> Iterable[str]:
    yield "[[examples]]"
    yield f"name = {_text(path)}"
    if kind != "video":
        yield f"kind = {_text(kind)}"
    if facts.named_at is not None:
        yield f"named_at = {facts.named_at.isoformat()}"
    if facts.sequence is not None:
        yield f"sequence = {facts.sequence}"
    for key in ("serial", "officer", "view"):
        if (value := getattr(facts, key)) is not None:
            yield f"{key} = {_text(value)}"
    if facts.marked:
        yield "marked = true"
    yield ""


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _pattern(value: str) -> str:
    plain = "'" not in value and value.isprintable()
    return f"'{value}'" if plain else _text(value)


def _line(value: str) -> str:
    """A comment is one line, whatever a card calls its files."""
    return "".join(c if c.isprintable() else " " for c in value)

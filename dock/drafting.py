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

from dock.card_tree import Tree, TreeFile
from dock.draft_columns import Name, forms_of, name_of, take_off_marks
from dock.draft_patterns import DraftedPattern, pattern_of
from dock.draft_times import find_time
from dock.profile_files import Kinds
from dock.profiles import CameraProfile

_MARK_FOLDER = re.compile(
    r"(?i)event|emr|emerg|lock|protect|^import|^imp$|sos|urgent|mark|^ro$|重要|加锁|锁定|紧急|标记"
)
_NO_MARK = re.compile(
    r"(?i)[-_ #]?(pre|prerec|tmp|temp|low|high|lq|hq|sub|main|copy|small|front|rear|end|start)"
)
_LOG_FOLDER = re.compile(r"(?i)^logs?$|日志")
_NOTE_FOLDER = re.compile(r"(?i)^(text|notes?|txt)$|文本")
_TELLING = re.compile(r"(?i)officer|police|user|name|badge|dev|serial|id\b|姓名|编号|警号|单位|设备")
_ORDINARY = frozenset({"dcim", "video", "photo", "audio", "picture", "pic", "movie", "record", "log", "logs"})
_PROXY_LEAST, _PROXY_SHARE = 0.01, 0.5
_FOLDERS = 8
_PATTERN_CHARACTERS = 500  # that a profile takes
_STEPS_A_WRAP = 20  # of a counter that begins anew, or of a photograph taken while a video ran
_SHORTEST_S, _LONGEST_S = 10.0, 7200.0
_KINDS = ("video", "audio", "photo")
Encoding = Literal["auto", "utf-8", "gbk"]
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
    proxies = _proxies(kept, tree, generic)
    kinds = _kinds(tree, generic, proxies, doubts["kinds"])
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
    mark_folders = _mark_folders(named, doubts["marks"])
    return Draft(
        patterns=tuple(_once(patterns)),
        kinds=kinds,
        places=_places(named, beside, kinds),
        marks=marks,
        mark_folders=mark_folders,
        markers=_markers(tree, mark_folders),
        encoding=_encoding(tree, doubts["identity"]),
        texts=_telling(tree, doubts["identity"]),
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


def _proxies(files: Sequence[TreeFile], tree: Tree, generic: CameraProfile) -> set[str]:
    """Suffixes whose files each lie beside a video of the same name, of a hundredth to half its size."""
    videos: dict[str, int] = {}
    beside: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for file in files:
        stem, _, suffix = file.path.rpartition(".")
        if generic.media_kind_of(file.path) == "video":
            videos[stem.lower()] = max(videos.get(stem.lower(), 0), file.size_bytes)
        elif generic.media_kind_of(file.path) is None and re.fullmatch(r"[A-Za-z0-9]{2,8}", suffix):
            beside[suffix.lower()].append((stem.lower(), file.size_bytes))
    return {
        suffix for suffix, found in beside.items()
        if tree.looks.get(suffix, "video") != "audio"
        and all(
            _PROXY_LEAST * videos.get(stem, 0) <= size <= _PROXY_SHARE * videos.get(stem, 0)
            for stem, size in found
        )
        and any(stem in videos for stem, _ in found)
    }  # fmt: skip


def _kinds(tree: Tree, generic: CameraProfile, proxies: set[str], doubts: list[str]) -> Kinds:
    base = generic.file.kinds
    more: dict[str, list[str]] = {"video": [], "audio": [], "photo": []}
    known = {*base.video, *base.audio, *base.photo, *base.left_out, *proxies}
    for suffix, kind in sorted(tree.looks.items()):
        if suffix not in known and kind in more and re.fullmatch(r"[a-z0-9_~-]{1,12}", suffix):
            more[kind].append(suffix)
            doubts.append(f".{suffix} begins like {kind}")
    for suffix in sorted(proxies):
        doubts.append(f".{suffix} lies beside videos and is small: taken for a preview, and left out")
    known.update(*more.values())
    kept = {name_of(file).suffix for file in tree.files if generic.kind_of(file.path)}
    if left := sorted(kept - known - {""}):
        doubts.append(f"kept as attachments: {', '.join('.' + suffix for suffix in left[:20])}")
    return base.model_copy(
        update={
            **{kind: [*getattr(base, kind), *suffixes] for kind, suffixes in more.items()},
            "left_out": [*base.left_out, *sorted(proxies - set(base.left_out))],
        }
    )


def _places(named: Sequence[Name], beside: Sequence[Name], kinds: Kinds) -> dict[str, list[str]]:
    """Folders that hold one kind only, and folders whose names say logs or notes."""
    by_folder: dict[str, set[str]] = defaultdict(set)
    for name in named:
        kind = next(kind for kind in _KINDS if name.suffix in getattr(kinds, kind))
        for folder in _word_folders(name.folder):
            if not _MARK_FOLDER.search(folder):
                by_folder[folder].add(kind)
    found: dict[str, list[str]] = defaultdict(list)
    for folder, its_kinds in sorted(by_folder.items()):
        if len(its_kinds) == 1 and len(found[kind := its_kinds.copy().pop()]) < _FOLDERS:
            found[kind].append(folder)
    for folder in sorted({folder for name in beside for folder in _word_folders(name.folder)}):
        if _LOG_FOLDER.search(folder):
            found["logs"].append(folder)
        elif _NOTE_FOLDER.search(folder):
            found["notes"].append(folder)
    return {kind: folders for kind, folders in found.items() if folders}


def _word_folders(folder: str) -> list[str]:
    """The folders of a path that are words: not days, numbers or serials."""
    return [part for part in folder.split("/") if len(part) > 1 and not any(c.isdigit() for c in part)]


def _mark_folders(names: Sequence[Name], doubts: list[str]) -> list[str]:
    """Folders beside others with names of the same form, called as cameras call what is important."""
    counted = Counter(part for name in names for part in name.folder.split("/") if part)
    found = [
        part for part, count in sorted(counted.items())
        if _MARK_FOLDER.search(part) and count < len(names)
    ]  # fmt: skip
    of_all = f"of {len(names)}"
    doubts += [f"folder {part}: by its name what is important ({counted[part]} {of_all})" for part in found]
    return found


def _markers(tree: Tree, mark_folders: Sequence[str]) -> list[str]:
    """Files at the root, and folders, that other cameras hardly have."""
    found: list[str] = []
    for file in tree.files:
        folder, _, last = file.path.rpartition("/")
        parts = folder.split("/")
        if not folder and not re.search(r"(?i)autorun|thumbs|desktop|\.exe$|^\.|\d{4,}", last):
            found.append(last)
        elif parts[0].lower() == "dcim" and len(parts) > 1 and re.fullmatch(r"\d{3}\w{5}", parts[1]):
            found.append(f"{parts[0]}/[0-9][0-9][0-9]{parts[1][3:]}")
        elif len(parts) > 1 and not any(c.isdigit() for c in folder) and not folder.startswith((".", "$")):
            found.append(folder)
    rare = [one for one in dict.fromkeys(found) if one.lower() not in _ORDINARY]
    return [one for one in rare if one.rpartition("/")[2] not in mark_folders][:_FOLDERS]


def _encoding(tree: Tree, doubts: list[str]) -> Encoding:
    raws = [file.raw for file in tree.files if not file.raw.isascii()]
    raws += [text for text in tree.texts.values() if not text.isascii()]
    if not raws:
        doubts.append("encoding: nothing on this tree is other than ASCII, so it cannot be seen")
        return "utf-8"
    if all(_decodes(raw, "utf-8") for raw in raws):
        return "utf-8"
    if any(not _decodes(raw, "utf-8") and _decodes(raw, "gbk") for raw in raws):
        return "gbk"
    doubts.append("encoding: some texts are neither UTF-8 nor GBK")
    return "auto"


def _decodes(raw: bytes, encoding: str) -> bool:
    """Whether it is text in `encoding`; a beginning may end within a character."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start > 0 and error.start >= len(raw) - 3
    return True


def _telling(tree: Tree, doubts: list[str]) -> list[str]:
    """Texts that seem to say who wears the camera: people read them, nothing is taken from them."""
    found = []
    for path, raw in sorted(tree.texts.items()):
        text = raw.decode("utf-8" if _decodes(raw, "utf-8") else "gbk", "replace")
        lines = [line.strip() for line in text.splitlines() if _TELLING.search(line)]
        if lines and not _LOG_FOLDER.search(path.split("/")[0]):
            found.append(path)
            doubts += [f"{path} says: {line[:80]}" for line in lines[:4]]
    return found


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
            kind = next((kind for kind in _KINDS if row.name.suffix in getattr(kinds, kind)), None)
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

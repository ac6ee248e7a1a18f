"""What a sample tree shows besides names: kinds of files, folders, previews, marks, texts.  Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from dock.card_tree import Tree, TreeFile
from dock.draft_columns import Name, name_of
from dock.profile_files import Kinds
from dock.profiles import CameraProfile

_MARK_FOLDER = re.compile(
    r"(?i)event|emr|emerg|lock|protect|^import|^imp$|sos|urgent|mark|^ro$|重要|加锁|锁定|紧急|标记"
)
_LOG_FOLDER = re.compile(r"(?i)^logs?$|日志")
_NOTE_FOLDER = re.compile(r"(?i)^(text|notes?|txt)$|文本")
_TELLING = re.compile(r"(?i)officer|police|user|name|badge|dev|serial|id\b|姓名|编号|警号|单位|设备")
_ORDINARY = frozenset({"dcim", "video", "photo", "audio", "picture", "pic", "movie", "record", "log", "logs"})
_PROXY_LEAST, _PROXY_SHARE = 0.01, 0.5
_FOLDERS = 8
MEDIA_KINDS = ("video", "audio", "photo")
Encoding = Literal["auto", "utf-8", "gbk"]


def proxies_of(files: Sequence[TreeFile], tree: Tree, generic: CameraProfile) -> set[str]:
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


def kinds_of(tree: Tree, generic: CameraProfile, proxies: set[str], doubts: list[str]) -> Kinds:
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


def places_of(named: Sequence[Name], beside: Sequence[Name], kinds: Kinds) -> dict[str, list[str]]:
    """Folders that hold one kind only, and folders whose names say logs or notes."""
    by_folder: dict[str, set[str]] = defaultdict(set)
    for name in named:
        kind = next(kind for kind in MEDIA_KINDS if name.suffix in getattr(kinds, kind))
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


def mark_folders_of(names: Sequence[Name], doubts: list[str]) -> list[str]:
    """Folders beside others with names of the same form, called as cameras call what is important."""
    counted = Counter(part for name in names for part in name.folder.split("/") if part)
    found = [
        part for part, count in sorted(counted.items())
        if _MARK_FOLDER.search(part) and count < len(names)
    ]  # fmt: skip
    of_all = f"of {len(names)}"
    doubts += [f"folder {part}: by its name what is important ({counted[part]} {of_all})" for part in found]
    return found


def markers_of(tree: Tree, mark_folders: Sequence[str]) -> list[str]:
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


def encoding_of(tree: Tree, doubts: list[str]) -> Encoding:
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


def telling_texts(tree: Tree, doubts: list[str]) -> list[str]:
    """Texts that seem to say who wears the camera: people read them, nothing is taken from them."""
    found = []
    for path, raw in sorted(tree.texts.items()):
        text = raw.decode("utf-8" if _decodes(raw, "utf-8") else "gbk", "replace")
        lines = [line.strip() for line in text.splitlines() if _TELLING.search(line)]
        if lines and not _LOG_FOLDER.search(path.split("/")[0]):
            found.append(path)
            doubts += [f"{path} says: {line[:80]}" for line in lines[:4]]
    return found

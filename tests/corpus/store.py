"""Where the corpus is kept, and making what is missing.

- The place: $BODYDOCK_CORPUS, else ~/.cache/bodydock-corpus.  One folder an item, `{id}.{key}`, where the key
  is a hash of the recipe and of the code that makes media: what is there is right, and is not made again.
- A folder appears whole (renamed into place).  Checkouts share the place: what nobody asked for within
  `FORGOTTEN_S` goes, not what another one has just made.
- Labels are written anew each time, `labels/{id}.json`: they follow the lists, not the media.
"""

import ast
import hashlib
import json
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from tests.corpus.items import FileItem, Item, ShiftItem
from tests.corpus.labels import Label
from tests.corpus.recipes import AnyRecipe, Photo, Real, Recipe
from tests.corpus.sounds import SpeechMissing, Spoken, speech_path

HERE = Path(__file__).parent
FORGOTTEN_S = 24 * 3600.0
# Modules that decide the bytes of every recipe, of those with surgery, and of those that change the file.
EVERY = ("cameras", "digits", "lens", "program_stream", "recipes", "scenes", "sounds", "streams", "takes")
SURGERY = ("surgery",)
ON_FILE = ("boxes", "damage")


class MakingFailed(Exception):
    """Items whose recipes do not work: a bug in the lists."""


@dataclass(frozen=True)
class Made:
    """An item on disk; `skipped` says why it is not."""

    item: Item
    label: Label
    folder: Path
    skipped: str | None = None


def corpus_root() -> Path:
    named = os.environ.get("BODYDOCK_CORPUS")
    return Path(named) if named else Path.home() / ".cache/bodydock-corpus"


@lru_cache(maxsize=4)
def code_key(modules: tuple[str, ...]) -> str:
    """A hash of everything but the recipe that decides a byte."""
    digest = hashlib.sha256(f"{av.__version__} {av.ffmpeg_version_info} {np.__version__}".encode())
    for name in modules:  # parsed: how it is laid out decides nothing
        digest.update(ast.dump(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()


def _modules(recipe: AnyRecipe) -> tuple[str, ...]:
    if isinstance(recipe, Recipe):
        cut = bool(recipe.surgery or recipe.appended)
        return EVERY + SURGERY * cut + ON_FILE * bool(recipe.on_file)
    return EVERY + ON_FILE


def item_key(item: Item) -> str:
    keys = [code_key(_modules(recipe)) for _, recipe, _ in _recipes(item)]
    what = item.files if isinstance(item, ShiftItem) else (item.name, item.recipe, item.mtime)
    return hashlib.sha256(f"{keys} {what!r}".encode()).hexdigest()[:12]


def folder_of(root: Path, item: Item) -> Path:
    return root / f"{item.id}.{item_key(item)}"


def _recipes(item: Item) -> list[tuple[str, AnyRecipe, float]]:
    if isinstance(item, ShiftItem):
        return [(name, recipe, mtime.timestamp()) for name, recipe, mtime in item.files]
    return [(item.name, item.recipe, item.mtime.timestamp())]


def _spoken(item: Item) -> Iterator[Spoken]:
    for _, recipe, _ in _recipes(item):
        if isinstance(recipe, Recipe):
            for take in (recipe.take, *([recipe.other] if recipe.other else []), *recipe.appended):
                yield from take.sound.speech


def missing_speech(item: Item) -> str | None:
    """Why the item cannot be made here, or None."""
    for spoken in _spoken(item):
        try:
            speech_path(spoken.name)
        except SpeechMissing as missing:
            return str(missing)
    return None


def make_item(item: Item, root: Path) -> None:
    """Make the item's folder unless it is there."""
    folder = folder_of(root, item)
    if folder.is_dir():
        return
    unfinished = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
    try:
        for name, recipe, mtime in _recipes(item):
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            recipe.make(path)
            os.utime(path, (mtime, mtime))
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _try_item(item: Item, root: Path) -> str | None:
    """Make it; what went wrong, in a word (errors of PyAV do not travel between processes)."""
    try:
        make_item(item, root)
    except Exception as error:  # noqa: BLE001 - every item has its turn; the caller raises
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"  {item.id}: {error!r} ({Path(place.filename).name}:{place.lineno})"
    return None


def label_of(item: Item, root: Path) -> Label:
    folder = folder_of(root, item).name
    if isinstance(item, ShiftItem):
        suffixes = sorted({Path(name).suffix[1:].lower() for name, _, _ in item.files})
        return Label(
            item.id,
            "shift",
            folder,
            "tests/corpus",
            f"{len(item.files)} files",
            item.profile,
            "+".join(suffixes),
            (),
            None,
            item.clean,
            item.expected,
            item.allowed,
            item.place_known,
            item.note,
            item.short,
        )
    codecs: tuple[str, ...] = ()
    seconds, profile = None, "generic"
    if isinstance(item.recipe, Recipe):
        camera = item.recipe.take.camera
        codecs = tuple(c for c in (camera.video.codec if camera.video else None, camera.audio) if c)
        seconds, profile = item.recipe.take.seconds, camera.profile
    elif isinstance(item.recipe, Photo):
        codecs, profile = ("mjpeg",), "gat947"
    generator = f"tests.corpus.recipes.{type(item.recipe).__name__}"
    return Label(
        item.id,
        "file",
        f"{folder}/{item.name}",
        generator,
        repr(item.recipe),
        profile,
        Path(item.name).suffix[1:].lower(),
        codecs,
        seconds,
        item.clean,
        item.expected,
        item.allowed,
        item.place_known,
        item.note,
        item.short,
    )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One maker at a time in one place."""
    with (root / ".lock").open("w") as file:
        flock(file, LOCK_EX)
        yield


def make(items: Sequence[Item], root: Path, *, workers: int = 2) -> list[Made]:
    """Make what is missing, write all labels; returns the items in order."""
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        skipped = {item.id: missing_speech(item) for item in items}
        todo = [item for item in items if skipped[item.id] is None and not folder_of(root, item).is_dir()]
        if len(todo) > 1 and workers > 1:
            with ProcessPoolExecutor(workers) as pool:
                failures = list(pool.map(_try_item, todo, [root] * len(todo)))
        else:
            failures = [_try_item(item, root) for item in todo]
        failed = [failure for failure in failures if failure is not None]
        if failed:
            raise MakingFailed(f"{len(failed)} items could not be made:\n" + "\n".join(failed))
        _forget_old(root, {folder_of(root, item) for item in items})
        made = [Made(item, label_of(item, root), folder_of(root, item), skipped[item.id]) for item in items]
        _write_labels(root, made)
    return made


def _forget_old(root: Path, wanted: set[Path]) -> None:
    """Mark the wanted folders as used; remove those not used for long, and what a broken-off run left."""
    now = time.time()
    for folder in wanted:
        if folder.is_dir():
            os.utime(folder)
    for folder in [*root.glob("[a-z]*.????????????"), *root.glob(".making-*")]:
        if folder not in wanted and now - folder.stat().st_mtime > FORGOTTEN_S:
            shutil.rmtree(folder, ignore_errors=True)


def _write_labels(root: Path, made: Sequence[Made]) -> None:
    folder = root / "labels"
    folder.mkdir(exist_ok=True)
    for one in made:
        text = json.dumps(one.label.document(), ensure_ascii=False, indent=1)
        (folder / f"{one.item.id}.json").write_text(text + "\n", encoding="utf-8")


def size_bytes(made: Sequence[Made]) -> int:
    return sum(
        p.stat().st_size for one in made if one.skipped is None for p in one.folder.rglob("*") if p.is_file()
    )


def is_real_data_there(item: Item) -> bool:
    return (
        not (isinstance(item, FileItem) and isinstance(item.recipe, Real))
        or (HERE.parents[1] / item.recipe.source).is_file()
    )


def timed_make(items: Sequence[Item], root: Path, workers: int) -> tuple[list[Made], float]:
    begun = time.monotonic()
    return make(items, root, workers=workers), time.monotonic() - begun

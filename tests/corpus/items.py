"""Items of the corpus (one file, or one shift), and short words for writing lists of them.

- An id decides the seed and the hour of the recording, so that no two items meet in time.
- Everybody says a notice at 1.5 s unless the item is about that; other speech follows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from tests.corpus.cameras import CAMERAS, Camera
from tests.corpus.labels import Allow, Expect
from tests.corpus.recipes import AnyRecipe, Photo, Recipe, Step
from tests.corpus.scenes import Scene
from tests.corpus.sounds import Sound, Spoken
from tests.corpus.takes import Take

FIRST_HOUR = datetime(2025, 8, 1, tzinfo=UTC)
HOURS = 10_000
CAMERA_ZONE = timedelta(hours=8)
NOTICES = ("notice-02", "notice-08")
TALK = ("other-02", "other-03")
NOTICE_AT_S = 1.5
MOVED = {"clean-created-zero", "clean-note-amr", "uncertain-far-away"}  # would meet another: 3 h later


@dataclass(frozen=True)
class FileItem:
    """One file; `name` and `mtime` are the card's."""

    id: str
    recipe: AnyRecipe
    name: str
    mtime: datetime
    expected: tuple[Expect, ...] = ()
    allowed: tuple[Allow, ...] = ()
    note: str = ""
    short: bool = False
    place_known: str = "unknown"

    @property
    def clean(self) -> bool:
        return not self.expected


@dataclass(frozen=True)
class ShiftItem:
    """A folder as docked: (name with folders, recipe, mtime) of every file."""

    id: str
    files: tuple[tuple[str, AnyRecipe, datetime], ...]
    expected: tuple[Expect, ...] = ()
    allowed: tuple[Allow, ...] = ()
    note: str = ""
    short: bool = False
    place_known: str = "unknown"
    profile: str = "gat947"

    @property
    def clean(self) -> bool:
        return not self.expected


Item = FileItem | ShiftItem


def seed_of(item_id: str) -> int:
    return crc32(item_id.encode()) % 9973 + 1


def hour_of(item_id: str) -> datetime:
    """When the item begins: an hour and a few minutes of its own."""
    number = crc32(item_id.encode())
    number += 3 * (item_id in MOVED)
    return FIRST_HOUR + timedelta(hours=number % HOURS, minutes=number // HOURS % 12 * 5, seconds=number % 47)


def sound_of(
    item_id: str,
    kind: str = "street",
    *,
    notice: str | None = "",
    notice_at_s: float = NOTICE_AT_S,
    talk: bool = True,
    seconds: float = 20.0,
    **more: Any,
) -> Sound:
    """A place's sound with a notice (by default one of those in the repository) and some talk."""
    seed = seed_of(item_id)
    speech = []
    if notice is not None:
        speech.append(Spoken(notice or NOTICES[seed % 2], notice_at_s))
    if talk:
        after = notice_at_s + 8.5 if notice is not None else 2.0
        speech += [Spoken(TALK[n % 2], after + 11 * n) for n in range(int((seconds - after) // 11) + 1)]
    return Sound(kind, seed, speech=tuple(speech), **more)


def take_of(
    item_id: str,
    camera: str | Camera = "plain",
    seconds: float = 20.0,
    scene: str = "walk",
    place: str = "street",
    **more: Any,
) -> Take:
    """A take with a notice; `noise`, `floor_db`, `notice`, `notice_at_s`, `talk` go to scene and sound."""
    seed = seed_of(item_id)
    hearing = {key: more.pop(key) for key in ("notice", "notice_at_s", "talk", "floor_db") if key in more}
    look = Scene(scene, seed, more.pop("noise", 2.5))
    more.setdefault("sound", sound_of(item_id, place, seconds=seconds, **hearing))
    more.setdefault("started_at", hour_of(item_id))
    chosen = CAMERAS[camera] if isinstance(camera, str) else camera
    return Take(chosen, seconds, scene=look, **more)


def name_of(camera: Camera, started_at: datetime, sequence: int = 1) -> str:
    """The camera's own name for a file that begins at `started_at`."""
    local = started_at + CAMERA_ZONE
    if camera.profile == "gat947":
        return f"8888888_J0H42A_{local:%Y%m%d%H%M%S}_{sequence:04}.{camera.suffix}"
    if camera.profile == "h22":
        return f"{local:%Y_%m%d_%H%M%S}_{sequence:03}.{camera.suffix.upper()}"
    return f"{local:%Y%m%d_%H%M%S}.{camera.suffix}"


def steps(*named: tuple[Any, ...]) -> tuple[Step, ...]:
    """("cut", 10, 20) becomes Step("cut", (10, 20))."""
    return tuple(Step(str(one[0]), tuple(one[1:])) for one in named)


def file_item(item_id: str, made: Take | Recipe, *expected: Expect, **more: Any) -> FileItem:
    """An item whose name and mtime are what its camera would give."""
    recipe = made if isinstance(made, Recipe) else Recipe(made)
    take = recipe.take
    more.setdefault("name", name_of(take.camera, take.started_at))
    more.setdefault("mtime", take.ended_at)
    return FileItem(item_id, recipe, expected=expected, **more)


def photo_item(item_id: str, photo: Photo, *expected: Expect, **more: Any) -> FileItem:
    local = photo.taken_at + CAMERA_ZONE
    more.setdefault("name", f"8888888_J0H42A_{local:%Y%m%d%H%M%S}_0001.jpg")
    more.setdefault("mtime", photo.taken_at)
    return FileItem(item_id, photo, expected=expected, **more)

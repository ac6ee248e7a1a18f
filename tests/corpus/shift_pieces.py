"""How shifts are put together: files that continue each other on the wall clock, as one camera writes them.

- A `Piece` is one file; pieces of a run continue each other in scene and sound, another place has another
  scene.  Names, the header's times and mtimes are the camera's; the lists bend them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.corpus.cameras import CAMERAS, Camera
from tests.corpus.items import hour_of, name_of, seed_of, sound_of
from tests.corpus.recipes import AnyRecipe, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.sounds import Sound
from tests.corpus.streams import Words
from tests.corpus.takes import Take, words_of

SMALL = CAMERAS["plain"].but(name="small", fps=15, width=320, height=240)
Files = tuple[tuple[str, AnyRecipe, datetime], ...]
SCENES = ("walk", "stand", "storeroom", "interview", "corridor", "document")


@dataclass(frozen=True)
class Piece:
    """`after_s`: seconds between the end of the piece before and this one's start; `place` is the scene'."""

    after_s: float = 0.0
    seconds: float = 12.0
    notice: bool = False
    place: int = 0
    sequence: int | None = None
    coordinates: str = ""


def run(count: int, seconds: float = 12.0, place: int = 0, after_s: float = 0.0) -> list[Piece]:
    """`count` files that join, a notice in the first."""
    first = Piece(after_s, seconds, True, place)
    return [first] + [Piece(0.0, seconds, False, place)] * (count - 1)


@dataclass(frozen=True)
class Filmed:
    """A piece as made: what it is to be called, and its take."""

    take: Take
    sequence: int
    coordinates: str = ""

    @property
    def name(self) -> str:
        return name_of(self.take.camera, self.take.started_at, self.sequence)


def film(
    item_id: str, pieces: Sequence[Piece], camera: Camera = SMALL, started_at: datetime | None = None
) -> list[Filmed]:
    """The pieces, one after another on the wall clock."""
    at = started_at or hour_of(item_id)
    out: list[Filmed] = []
    elapsed = 0.0
    for number, piece in enumerate(pieces):
        elapsed += piece.after_s
        seed = seed_of(f"{item_id}/{piece.place}")
        speech = sound_of(
            item_id,
            notice="" if piece.notice else None,
            seconds=piece.seconds,
            talk=piece.seconds > 10 or not piece.notice,
        ).speech
        sound = Sound("street", seed, speech=speech)
        scene = Scene(SCENES[(seed + piece.place) % len(SCENES)], seed)
        take = Take(
            camera, piece.seconds, at + timedelta(seconds=elapsed), scene, sound, offset_s=elapsed % 5000
        )
        out.append(Filmed(take, piece.sequence or number + 1, piece.coordinates))
        elapsed += piece.seconds
    return out


def card(filmed: Sequence[Filmed], folder: str = "DCIM/100MEDIA") -> Files:
    """What is on the card when nobody interferes."""
    files = []
    for one in filmed:
        words = words_of(one.take)
        if one.coordinates:
            words = Words(words.created_at, (("location", one.coordinates),), False)
        files.append((f"{folder}/{one.name}", Recipe(one.take, words=words), one.take.ended_at))
    return tuple(files)


def changed(
    files: Files,
    index: int,
    recipe: AnyRecipe | None = None,
    *,
    name: str | None = None,
    mtime: datetime | None = None,
) -> Files:
    """The card with one file's content, name or mtime changed."""
    old = files[index]
    return (*files[:index], (name or old[0], recipe or old[1], mtime or old[2]), *files[index + 1 :])


def swap_bytes(files: Files, a: int, b: int) -> Files:
    """Two files change their contents under their names and mtimes."""
    changed = list(files)
    changed[a] = (files[a][0], files[b][1], files[a][2])
    changed[b] = (files[b][0], files[a][1], files[b][2])
    return tuple(changed)


def name_at(files: Files, index: int) -> str:
    return files[index][0].rsplit("/", 1)[1]

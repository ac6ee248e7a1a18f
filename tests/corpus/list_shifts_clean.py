"""Clean shifts: what a camera brings on ordinary days, places given as one label or as coordinates."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.corpus.cameras import CAMERAS
from tests.corpus.items import CAMERA_ZONE, ShiftItem, sound_of
from tests.corpus.labels import Allow
from tests.corpus.recipes import Photo, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.shift_pieces import SMALL, Files, Piece, card, film, run
from tests.corpus.takes import Take

# What rules.md and default-rules.toml let be said of a break between runs, and no more.
BREAK = (Allow("continuity.gap_between_files", "a break between two runs is said", "info"),)


def items() -> list[ShiftItem]:
    items = []

    def add(i: str, files: Files, **more: Any) -> None:
        items.append(ShiftItem(i, files, **more))

    i = "shift-clean-one-run"
    add(i, card(film(i, run(4))), short=True)
    i = "shift-clean-single"
    add(i, card(film(i, run(1, 20.0))))
    i = "shift-clean-thirty-runs"
    pieces: list[Piece] = []
    for number in range(30):
        pieces += run(1, 10.0, number, 0.0 if number == 0 else 300.0 + 97 * (number % 9))
    add(
        i,
        card(film(i, pieces)),
        allowed=BREAK,
        note="switched on thirty times at undeclared places, minutes apart",
        short=False,
    )
    i = "shift-clean-small-overlap"
    pieces = run(4)
    add(
        i,
        card(film(i, [pieces[0], *(replace(p, after_s=-1.0) for p in pieces[1:])])),
        note="every file begins with the last second of the one before",
    )
    i = "shift-clean-joint-1s"
    add(
        i,
        card(film(i, [pieces[0], *(replace(p, after_s=0.8) for p in pieces[1:])])),
        note="the card takes most of a second to change files",
    )
    i = "shift-clean-two-places"
    add(
        i,
        card(film(i, [*run(2), *run(2, place=1, after_s=90.0)])),
        place_known="different",
        allowed=BREAK,
        short=True,
    )
    i = "shift-clean-coordinates-apart"
    mov = SMALL.but(name="small-mov", suffix="mov", format="mov", audio="pcm_alaw", audio_rate_hz=8000)
    here, there = "+41.1702+122.0511/", "+41.2391+122.1330/"
    two = [*run(2), *run(2, place=1, after_s=80.0)]
    add(
        i,
        card(film(i, [replace(p, coordinates=here if n < 2 else there) for n, p in enumerate(two)], mov)),
        allowed=BREAK,
        note="nine kilometres between the runs, in the files",
    )
    i = "shift-clean-notes-and-photos"
    pieces = [*run(2), *run(2, place=1, after_s=400.0)]
    numbered = [replace(p, sequence=n) for p, n in zip(pieces, (1, 3, 5, 6), strict=True)]
    films = film(i, numbered)  # one counter for films, photographs and notes
    note = CAMERAS["wav"]
    quiet = Take(
        note,
        10.0,
        films[1].take.ended_at + timedelta(seconds=60),
        sound=sound_of(i, "room", notice=None, seconds=10.0),
    )
    photo_at = films[0].take.started_at + timedelta(seconds=5)
    local = photo_at + CAMERA_ZONE
    extra: Files = (
        (
            f"DCIM/100MEDIA/8888888_J0H42A_{local:%Y%m%d%H%M%S}_0002.jpg",
            Photo(Scene("document", 5), photo_at),
            photo_at,
        ),
        (
            f"DCIM/100MEDIA/8888888_J0H42A_{quiet.started_at + CAMERA_ZONE:%Y%m%d%H%M%S}_0004.wav",
            Recipe(quiet),
            quiet.ended_at,
        ),
    )
    add(i, card(films) + extra, allowed=BREAK)
    i = "shift-clean-twice-in-a-day"
    add(i, card(film(i, [*run(3), *run(2, place=1, after_s=6 * 3600.0)])), allowed=BREAK)
    i = "shift-clean-sequence-wraps"
    add(
        i,
        card(film(i, [replace(p, sequence=n) for p, n in zip(run(4), (9998, 9999, 1, 2), strict=True)])),
        note="the counter goes back to 0001 after 9999",
    )
    i = "shift-clean-e12"
    files = tuple(
        (f"DCIM/100ANDRO/J0H42A_8888888_{name.split('_')[-2]}_{name.split('_')[-1]}", recipe, mtime)
        for name, recipe, mtime in card(film(i, run(3)))
    )
    add(i, files, profile="e12")
    i = "shift-clean-avi-names-only"
    avi = replace(CAMERAS["avi-mpeg4"], name="small-avi", fps=15)
    add(i, card(film(i, run(3), avi)), profile="generic")
    i = "shift-clean-fragmented"
    add(
        i,
        card(
            film(
                i,
                run(3),
                SMALL.but(
                    name="small-fragmented",
                    muxing=(("movflags", "frag_keyframe+empty_moov+default_base_moof"),),
                ),
            )
        ),
    )
    i = "shift-clean-ts"
    add(i, card(film(i, run(3), replace(CAMERAS["ts"], name="small-ts", fps=15))))
    return items

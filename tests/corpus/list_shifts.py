"""Shifts that are not whole, or were made to look so: gaps, numbers, clocks, foreign files, notices."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.corpus.cameras import CAMERAS
from tests.corpus.items import CAMERA_ZONE, ShiftItem, hour_of, name_of, steps
from tests.corpus.labels import Allow, Expect
from tests.corpus.recipes import Bytes, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.shift_pieces import SMALL, Files, card, changed, film, name_at, run, swap_bytes
from tests.corpus.sounds import Sound
from tests.corpus.streams import Words

UNLIKE = (
    Allow("origin.inserted", "what follows is another scene"),
    Allow("sound.cut", "the sound of the joint does not fit"),
)
HOLE = (*UNLIKE, Allow("continuity.selection", "the shift's span is not covered"))
NEW_RUN = Allow("notice.absent", "a run of its own owes a notice")


def gaps() -> list[ShiftItem]:
    items = []
    for i, gap_s, known, severity, short in (
        ("shift-gap-40s-same", 40.0, "same", "violation", True),
        ("shift-gap-40s-unknown", 40.0, "unknown", "review", False),
        ("shift-gap-40s-different", 40.0, "different", "info", False),
        ("shift-gap-5s-same", 5.0, "same", "violation", False),
        ("shift-gap-5s-unknown", 5.0, "unknown", "review", False),
        ("shift-gap-100s-unknown", 100.0, "unknown", "review", False),
        ("shift-gap-10m-unknown", 600.0, "unknown", "info", False),
        ("shift-gap-10m-same", 600.0, "same", "violation", False),
    ):
        place = 1 if known == "different" else 0
        files = card(film(i, [*run(2), *run(2, place=place, after_s=gap_s)]))
        expect = Expect(
            "continuity.gap_between_files", -gap_s, 0.0, 2.5, severity, "fast", recording=name_at(files, 2)
        )
        items.append(ShiftItem(i, files, (expect,), HOLE, place_known=known, short=short))
    i = "shift-gap-coordinates-same"
    mov = SMALL.but(name="small-mov", suffix="mov", format="mov", audio="pcm_alaw", audio_rate_hz=8000)
    two = [*run(2), *run(2, after_s=60.0)]
    spots = ("+41.1702+122.0511/", "+41.1702+122.0511/", "+41.1703+122.0512/", "+41.1703+122.0512/")
    files = card(film(i, [replace(p, coordinates=c) for p, c in zip(two, spots, strict=True)], mov))
    items.append(
        ShiftItem(
            i,
            files,
            (
                Expect(
                    "continuity.gap_between_files",
                    -60.0,
                    0.0,
                    2.5,
                    "violation",
                    "fast",
                    recording=name_at(files, 2),
                ),
            ),
            HOLE,
            note="fifteen metres apart, in the files",
        )
    )
    i = "shift-gap-middle-file-gone"
    files = card(film(i, run(5)))
    files = files[:2] + files[3:]
    gone = (
        Expect(
            "continuity.gap_between_files", -12.0, 0.0, 2.5, "review", "fast", recording=name_at(files, 2)
        ),
        Expect("continuity.sequence", depth="fast"),
    )
    silent = Expect("notice.absent", severity="violation")
    items.append(
        ShiftItem(
            i,
            files,
            (*gone, silent),
            HOLE,
            short=True,
            note="a file deleted: the rest is a run without a notice",
        )
    )
    for i, overlap_s in (("shift-overlap-5s", 5.0), ("shift-overlap-9s", 9.0)):
        pieces = run(3)
        files = card(film(i, [pieces[0], replace(pieces[1], after_s=-overlap_s), pieces[2]]))
        items.append(
            ShiftItem(
                i,
                files,
                (Expect("continuity.overlap", depth="fast", severity="review"),),
                (*UNLIKE, NEW_RUN, Allow("picture.repeated", "the same seconds are in both files")),
            )
        )
    return items


def sequences() -> list[ShiftItem]:
    items = []
    for i, numbers, note in (
        ("shift-sequence-missing", (1, 2, 4, 5), "the times join: only the number says that one is missing"),
        ("shift-sequence-missing-two", (7, 10, 11), ""),
        ("shift-sequence-reused", (1, 2, 2, 3), ""),
        ("shift-sequence-backwards", (3, 2, 1), "numbers run against the times"),
    ):
        pieces = [replace(p, sequence=n) for p, n in zip(run(len(numbers)), numbers, strict=True)]
        items.append(
            ShiftItem(
                i,
                card(film(i, pieces)),
                (
                    Expect(
                        "continuity.sequence",
                        depth="fast",
                        instead=("continuity.clock",) if "backwards" in i else (),
                    ),
                ),
                (
                    Allow("continuity.selection", "a file is missing"),
                    Allow("continuity.clock", "numbers and times disagree"),
                    *([NEW_RUN] if "backwards" in i else []),
                ),
                short=i == "shift-sequence-missing",
                note=note,
            )
        )
    i = "shift-gopro-chapter-missing"
    pieces = run(3, 12.0)
    filmed = film(i, pieces)
    names = ("GX010001.MP4", "GX020001.MP4", "GX030001.MP4")
    chapters: Files = tuple(
        (f"DCIM/100GOPRO/{name}", Recipe(f.take), f.take.ended_at)
        for name, f in zip(names, filmed, strict=True)
    )
    items.append(
        ShiftItem(
            "shift-clean-gopro-chapters", chapters, note="chapters of one take, then nothing", profile="gopro"
        )
    )
    items.append(
        ShiftItem(
            i,
            (chapters[0], chapters[2]),
            (
                Expect("continuity.sequence", depth="fast"),
                Expect("continuity.gap_between_files", -12.0, 0.0, 2.5, "review", "fast"),
            ),
            (*HOLE, NEW_RUN),
            profile="gopro",
        )
    )
    return items


def clocks() -> list[ShiftItem]:
    items = []
    for i, by in (
        ("shift-clock-set-ahead", timedelta(hours=1, minutes=3)),
        ("shift-clock-set-back", -timedelta(hours=2, minutes=11)),
        ("shift-clock-set-a-day", timedelta(days=-1)),
    ):
        filmed = film(i, run(5))
        moved = [
            f if n < 2 else replace(f, take=f.take.but(started_at=f.take.started_at + by))
            for n, f in enumerate(filmed)
        ]
        allowed = (
            *HOLE,
            NEW_RUN,
            Allow("continuity.gap_between_files", "the set clock looks like a gap"),
            Allow("continuity.sequence", "numbers and times disagree"),
            Allow("continuity.overlap", "the set clock looks like an overlap"),
        )
        items.append(
            ShiftItem(
                i,
                card(moved),
                (Expect("continuity.clock", depth="standard"),),
                allowed,
                short=i == "shift-clock-set-back",
                note="the clock was set between the second and the third file; picture and sound go on",
            )
        )
    i = "shift-clock-factory"
    filmed = film(i, run(4))
    factory = datetime(2015, 1, 1, 0, 0, 5, tzinfo=UTC) - CAMERA_ZONE
    second = filmed[2].take.started_at
    reset = [
        f if n < 2 else replace(f, take=f.take.but(started_at=factory + (f.take.started_at - second)))
        for n, f in enumerate(filmed)
    ]
    reset_may = (
        NEW_RUN,
        *HOLE,
        Allow("continuity.gap_between_files", "eleven years apart"),
        Allow("continuity.sequence", "numbers and times disagree"),
    )
    items.append(
        ShiftItem(
            i,
            card(reset),
            (Expect("continuity.clock", depth="fast"),),
            reset_may,
            note="flat battery in mid-shift",
        )
    )
    i = "shift-clock-factory-all"
    filmed = film(i, run(3), started_at=factory)
    items.append(ShiftItem(i, card(filmed), (Expect("continuity.clock", depth="fast"),)))
    i = "shift-mtime-rewritten"
    files = card(film(i, run(4)))
    files = changed(files, 2, mtime=files[2][2] + timedelta(hours=3, minutes=20))
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("continuity.clock", severity="info", depth="fast"),),
            note="one file was written hours after the others",
        )
    )
    i = "shift-created-rewritten"
    files = card(film(i, run(4)))
    recipe = files[1][1]
    assert isinstance(recipe, Recipe)
    files = changed(
        files,
        1,
        replace(
            recipe, on_file=steps(("set_created", recipe.take.started_at - timedelta(hours=26, minutes=5)))
        ),
    )
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("continuity.clock", depth="fast"),),
            (
                NEW_RUN,
                *HOLE,
                Allow("continuity.gap_between_files", "by the rewritten time"),
                Allow("continuity.overlap", "by the rewritten time"),
            ),
        )
    )
    i = "shift-files-swapped"
    swapped = swap_bytes(card(film(i, run(5))), 1, 3)
    items.append(
        ShiftItem(
            i,
            swapped,
            (Expect("continuity.clock", depth="fast", instead=("continuity.sequence",)),),
            (*UNLIKE, NEW_RUN, Allow("continuity.sequence", "numbers and times disagree")),
            short=True,
            note="the second and the fourth file changed names",
        )
    )
    i = "shift-older-than-neighbours"
    filmed = film(i, run(4))
    old = replace(
        filmed[2],
        take=filmed[2].take.but(
            started_at=filmed[2].take.started_at - timedelta(days=12), scene=Scene("walk", 777), offset_s=90.0
        ),
    )
    files = card([*filmed[:2], old, filmed[3]])
    bent = f"DCIM/100MEDIA/{filmed[2].name}"
    files = changed(files, 2, name=bent, mtime=filmed[2].take.ended_at)
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("continuity.clock", depth="fast", recording=filmed[2].name),),
            (
                *HOLE,
                NEW_RUN,
                Allow("continuity.gap_between_files", "by the older time"),
                Allow("continuity.sequence", "by the older time"),
            ),
            note="an old recording renamed into the gap",
        )
    )
    i = "shift-drifts"
    slow: Files = tuple(
        (
            f"DCIM/100MEDIA/{name_of(f.take.camera, at, f.sequence)}",
            Recipe(f.take.but(started_at=at)),
            at + timedelta(seconds=14.4),
        )
        for n, f in enumerate(film(i, run(4)))
        for at in [hour_of(i) + timedelta(seconds=14.4 * n)]
    )
    items.append(
        ShiftItem(
            i,
            slow,
            (Expect("continuity.clock", severity="info", depth="fast"),),
            note="12 s of media take 14.4 s of the wall clock, all alike: a slow clock, no loss (fault c04)",
        )
    )
    return items


def others() -> list[ShiftItem]:
    items = []
    i = "shift-notice-second-file"
    pieces = run(4)
    late = [replace(pieces[0], notice=False, seconds=40.0), replace(pieces[1], notice=True), *pieces[2:]]
    items.append(
        ShiftItem(
            i,
            card(film(i, late)),
            (Expect("notice.late"),),
            note="said 41.5 s into the run, in its second file",
        )
    )
    i = "shift-notice-missing-second-run"
    files = card(film(i, [*run(2), *[replace(p, notice=False) for p in run(2, place=1, after_s=700.0)]]))
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("notice.absent", severity="violation"),),
            (Allow("continuity.gap_between_files", "a break between two runs is said", "info"),),
            short=True,
        )
    )
    i = "shift-notice-nowhere"
    items.append(
        ShiftItem(
            i,
            card(film(i, [replace(p, notice=False) for p in run(3)])),
            (Expect("notice.absent", severity="violation"),),
        )
    )
    i = "shift-empty-file"
    filmed = film(i, run(4))
    files = card(filmed)
    files = changed(files, 3, Bytes(0))
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("file.unreadable", depth="fast", recording=name_at(files, 3)),),
            (
                Allow("notice.absent", "what cannot be read"),
                Allow("notice.no_audio", "what cannot be read"),
                Allow("notice.unverified", "what cannot be read"),
                Allow("continuity.selection", "it is missing"),
                Allow("continuity.truncated", "nothing was written"),
            ),
        )
    )
    i = "shift-last-cut-off"
    first = SMALL.but(name="small-first", muxing=(("movflags", "faststart"),))
    files = card(film(i, run(3), first))
    recipe = files[2][1]
    assert isinstance(recipe, Recipe)
    files = changed(files, 2, replace(recipe, on_file=steps(("keep_share", 0.6))))
    items.append(
        ShiftItem(
            i,
            files,
            (
                Expect(
                    "continuity.truncated",
                    depth="fast",
                    recording=name_at(files, 2),
                    instead=("file.partial",),
                ),
            ),
            (
                Allow("file.partial", "what is lost can be said as bytes"),
                Allow("continuity.stream_end", "the file was cut off"),
                Allow("continuity.clock", "shorter than the times say"),
            ),
        )
    )
    i = "shift-same-file-twice"
    filmed = film(i, run(4))
    files = card(filmed)
    files = changed(files, 2, files[1][1])
    again = Expect("picture.repeated", instead=("continuity.clock",), recording=name_at(files, 2))
    items.append(
        ShiftItem(
            i,
            files,
            (again,),
            (
                *HOLE,
                NEW_RUN,
                Allow("continuity.clock", "its header says another time"),
                Allow("continuity.overlap", "its header says another time"),
                Allow("continuity.gap_between_files", "its header says another time"),
            ),
            note="the second file copied over the third",
        )
    )
    i = "shift-foreign-file"
    filmed = film(i, run(4))
    other_camera = CAMERAS["b-frames"].but(width=480, height=360)
    foreign = replace(
        filmed[2],
        take=filmed[2].take.but(
            camera=other_camera, scene=Scene("storeroom", 5005), sound=Sound("machine", 5005), offset_s=700.0
        ),
    )
    expect = Expect(
        "origin.inserted", depth="standard", instead=("origin.parameters",), recording=foreign.name
    )
    items.append(
        ShiftItem(
            i,
            card([*filmed[:2], foreign, filmed[3]]),
            (expect,),
            (Allow("origin.parameters", "another camera's parameters"), *UNLIKE),
            note="a file of another camera under this one's name",
        )
    )
    i = "shift-edited-file"
    filmed = film(i, run(4))
    files = card(filmed)
    take = filmed[1].take
    files = changed(
        files,
        1,
        Recipe(take, words=Words(take.started_at, (), True), on_file=steps(("sign_as", "HandBrake 1.7"))),
    )
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("origin.software", depth="fast", recording=name_at(files, 1)),),
            (Allow("origin.inserted", "another muxer"), Allow("origin.parameters", "another muxer")),
        )
    )
    i = "shift-staged-afterwards"
    filmed = film(i, [*run(2), *run(1, place=1, after_s=900.0)])
    fill = filmed[2]
    start = filmed[1].take.ended_at
    pretended = replace(fill, take=fill.take.but(started_at=start))
    files = card([*filmed[:2], pretended])
    files = changed(files, 2, mtime=fill.take.ended_at + timedelta(hours=5))
    items.append(
        ShiftItem(
            i,
            files,
            (Expect("continuity.clock", severity="info", depth="fast", recording=name_at(files, 2)),),
            (*HOLE,),
            note="filmed hours later to fill in, name and header made to fit",
        )
    )
    return items


def items() -> list[ShiftItem]:
    return gaps() + sequences() + clocks() + others()

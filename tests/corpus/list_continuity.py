"""Recordings whose time is broken: gaps, stamps, truncation, ends apart, clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.corpus.items import FileItem, file_item, hour_of, name_of, steps, take_of
from tests.corpus.labels import Allow, Expect
from tests.corpus.lens import Effect
from tests.corpus.recipes import Recipe

PLACELESS = "a stop and a start: where picture and sound go on, something else is heard and seen"
AFTER_A_STOP = (Allow("sound.cut", PLACELESS), Allow("origin.inserted", PLACELESS))
NO_STAMPS = (
    Allow("continuity.stream_end", "PCM in MOV has no stamps: its gap closes, and the sound ends earlier"),
)
SHORT_DATA = (
    Allow("file.partial", "what is lost can be said as bytes too"),
    Allow("continuity.stream_end", "picture and sound are stored apart: cutting the file leaves them unlike"),
)


def gaps() -> list[FileItem]:
    plan = [
        ("plain", ((10.0, 0.6),), 24.0),
        ("plain", ((10.0, 1.0),), 24.0),
        ("plain", ((15.0, 3.0),), 30.0),
        ("plain", ((20.0, 10.0),), 45.0),
        ("mkv", ((12.0, 0.6),), 24.0),
        ("mkv", ((12.0, 3.0),), 30.0),
        ("ts", ((12.0, 1.0),), 24.0),
        ("ts", ((14.0, 10.0),), 40.0),
        ("ps", ((12.0, 3.0),), 30.0),
        ("fragmented", ((12.0, 1.0),), 24.0),
        ("fragmented", ((12.0, 3.0),), 30.0),
        ("mov-alaw", ((12.0, 3.0),), 30.0),
        ("b-frames", ((12.0, 1.0),), 24.0),
        ("hevc", ((12.0, 3.0),), 30.0),
        ("3gp", ((12.0, 3.0),), 30.0),
        ("first", ((9.0, 0.6), (16.0, 3.0)), 30.0),
        ("ts-hevc", ((12.0, 3.0),), 30.0),
        ("slow", ((12.0, 3.0),), 30.0),
    ]
    items = []
    for camera, pauses, seconds in plan:
        i = "gap-" + camera + "".join(f"-{length:g}s" for _, length in pauses)
        expected = [
            Expect(
                "continuity.gap_in_file",
                at,
                at + length,
                0.5,
                "violation" if length > 2 else "review",
                "fast",
            )
            for at, length in pauses
        ]
        short = i in {"gap-plain-3s", "gap-ts-1s"}
        allowed = (*AFTER_A_STOP, *(NO_STAMPS if camera.startswith("mov") else ()))
        items.append(
            file_item(i, take_of(i, camera, seconds, pauses=pauses), *expected, allowed=allowed, short=short)
        )
    for camera, step, at, length in (
        ("plain", "without_pictures", 12.0, 3.0),
        ("ts", "without_pictures", 12.0, 3.0),
        ("mkv", "without_pictures", 12.0, 1.0),
        ("plain", "without_sound", 12.0, 3.0),
        ("mkv", "without_sound", 12.0, 5.0),
    ):
        i = f"gap-{step}-{camera}-{length:g}s"
        args = (step, at, at + length)
        chain = steps(args)
        if step == "without_sound":
            chain = (type(chain[0])(step, (at, at + length), (("close", False),)),)
        expect = Expect(
            "continuity.gap_in_file", at, at + length, 0.5, "violation" if length > 2 else "review", "fast"
        )
        items.append(
            file_item(i, Recipe(take_of(i, camera, 30.0), surgery=chain), expect, allowed=AFTER_A_STOP)
        )
    i = "gap-variable-rate-3s"
    made = take_of(i, "plain", 30.0, rhythm="phone", pauses=((14.0, 3.0),))
    items.append(
        file_item(
            i,
            made,
            Expect("continuity.gap_in_file", 14.0, 17.0, 0.5, "violation", "fast"),
            allowed=AFTER_A_STOP,
        )
    )
    return items


def stamps() -> list[FileItem]:
    items = []
    for camera, by in (("ts", 5.0), ("ps", 5.0), ("ts", 15.0)):
        i = f"stamps-back-{camera}-{by:g}s"
        made = take_of(i, camera, 20.0)
        again = made.but(seconds=15.0, offset_s=20.0 - by)
        expect = Expect("continuity.timestamps", 20.0 - by - 1, 21.0, 2.0, "review", "fast")
        more = (
            *AFTER_A_STOP,
            Allow("picture.repeated", "the second part shows the first one's end again"),
            Allow("continuity.gap_in_file", "the stamps begin anew"),
            Allow("origin.parameters", "the stream begins anew"),
        )
        items.append(
            file_item(
                i,
                Recipe(made, appended=(again,), appended_at_s=(20.0 - by,)),
                expect,
                allowed=more,
                short=camera == "ps",
            )
        )
    for camera, at, count in (
        ("plain", 8.0, 6),
        ("plain", 12.0, 25),
        ("mkv", 8.0, 10),
        ("mov-alaw", 8.0, 40),
    ):
        i = f"stamps-repeated-{camera}-{count}"
        made = take_of(i, camera, 20.0)
        expect = Expect("continuity.timestamps", at, at + count / 25, 1.5, "review", "fast")
        gap = (Allow("continuity.gap_in_file", "after the repeated stamps the time jumps on"),)
        if camera == "mkv":
            recipe = Recipe(made, surgery=steps(("repeated_stamps", at, count)))
        else:  # the muxer refuses; a camera's own table can say it
            recipe = Recipe(made, on_file=steps(("repeat_stamps", round(at * 25), count)))
        items.append(file_item(i, recipe, expect, allowed=gap))
    for camera, gone, spread in (
        ("plain", 2.0, 4.0),
        ("plain", 5.0, 10.0),
        ("mkv", 3.0, 6.0),
        ("ts", 2.0, 8.0),
    ):
        i = f"stamps-smoothed-{camera}-{gone:g}s"
        made = take_of(i, camera, 40.0)
        expect = Expect(
            "continuity.timestamps",
            20.0 - spread,
            20.0 + gone + spread,
            3.0,
            "review",
            "deep",
            ("origin.inserted",),
        )
        slow = (Allow("continuity.stream_end", "none is made, but the last stretch is slower"),)
        items.append(
            file_item(
                i,
                Recipe(made, surgery=steps(("smoothed_cut", 20.0, 20.0 + gone, spread))),
                expect,
                allowed=slow,
            )
        )
    for camera, gone in (("plain", 3.0), ("avi-mjpeg", 5.0)):
        i = f"stamps-pictures-skipped-{camera}"
        made = take_of(i, camera, 30.0, effects=(Effect("skip", 15.0, 15.0 + gone),))
        expect = Expect("continuity.timestamps", 15.0, 15.0, 2.0, "review", "deep", ("origin.inserted",))
        items.append(
            file_item(
                i, made, expect, note="pictures left out before encoding, the stamps even; the sound is whole"
            )
        )
    return items


def truncated() -> list[FileItem]:
    plan = [
        ("first", ("keep_share", 0.5), "fast"),
        ("first", ("keep_share", 0.93), "fast"),
        ("fragmented", ("keep_share", 0.7), "fast"),
        ("avi-mjpeg", ("keep_share", 0.6), "fast"),
        ("avi-h264", ("keep_share", 0.8), "fast"),
        ("mkv", ("keep_share", 0.7), "fast"),
        ("ts", ("keep_share", 0.7), "standard"),
        ("ps", ("keep_share", 0.66), "standard"),
        ("wav", ("keep_share", 0.5), "fast"),
        ("wav-alaw", ("keep_share", 0.9), "fast"),
    ]
    items = []
    for camera, step, depth in plan:
        i = f"truncated-{camera}-{step[1]}"
        made = take_of(i, camera, 20.0)
        expect = Expect("continuity.truncated", depth=depth, instead=("file.partial",))
        short = i == "truncated-first-0.5"
        items.append(file_item(i, Recipe(made, on_file=steps(step)), expect, allowed=SHORT_DATA, short=short))
    return items + zeroed() + damaged_key_frames()


def zeroed() -> list[FileItem]:
    items = []
    plan: tuple[tuple[str, tuple[Any, ...], str], ...] = (
        ("first", ("zero_share", 0.5, 1.0), "standard"),
        ("plain", ("zero_time", 12.0, 13.0), "standard"),
        ("plain", ("zero_time", 8.0, 13.0), "standard"),
        ("mov-pcm", ("zero_time", 10.0, 12.0), "standard"),
        ("avi-mjpeg", ("zero_time", 10.0, 12.0), "standard"),
        ("ts", ("zero_time", 10.0, 12.0), "standard"),
        ("mkv", ("zero_time", 10.0, 11.0), "standard"),
        ("plain", ("zero_time", 10.0, 11.0, 5), "standard"),
        ("hevc", ("zero_time", 10.0, 11.0, 6), "standard"),
    )
    for camera, step, depth in plan:
        i = "damaged-" + camera + "-" + "-".join(str(part) for part in step)
        start = 10.0 if step[0] == "zero_share" else float(step[1])
        end = 20.0 if step[0] == "zero_share" else float(step[2])
        expect = Expect(
            "file.partial",
            start,
            end,
            3.0,
            "review",
            depth,
            ("continuity.truncated",) if step[0] == "zero_share" else (),
        )
        items.append(
            file_item(
                i,
                Recipe(take_of(i, camera, 20.0), on_file=steps(step)),
                expect,
                allowed=DAMAGE,
                short=i == "damaged-plain-zero_time-12.0-13.0",
            )
        )
    return items


def damaged_key_frames() -> list[FileItem]:
    items = []
    for camera, start, end in (
        ("plain", 8.0, 12.0),
        ("first", 4.0, 5.5),
        ("b-frames", 6.0, 14.0),
        ("mov-mjpeg", 8.0, 9.0),
        ("ts-hevc", 8.0, 12.0),
    ):
        i = f"damaged-key-frames-{camera}"
        expect = Expect("file.partial", start, end, 3.0, "review", "standard")
        items.append(
            file_item(
                i,
                Recipe(take_of(i, camera, 20.0), on_file=steps(("damage_key_frames", start, end))),
                expect,
                allowed=DAMAGE,
            )
        )
    for camera, share in (("raw-h264", 0.7),):
        i = f"truncated-{camera}-{share}"
        no_sound = Expect("notice.no_audio", depth="fast")
        expect = Expect("continuity.truncated", depth="deep", instead=("file.partial",))
        items.append(
            file_item(
                i,
                Recipe(take_of(i, camera, 20.0), on_file=steps(("keep_share", share))),
                expect,
                no_sound,
                allowed=SHORT_DATA,
            )
        )
    return items


DAMAGE = (
    Allow("continuity.gap_in_file", "where data is lost the demuxer may find no packets"),
    Allow("continuity.timestamps", "stamps within the lost data are lost as well"),
    Allow("continuity.truncated", "damage may end what can be read"),
    Allow("continuity.stream_end", "damage may end one stream earlier"),
    Allow("picture.frozen", "a decoder repeats what it has"),
    Allow("picture.black", "a decoder shows nothing"),
    Allow("picture.covered", "a decoder shows grey"),
    Allow("picture.repeated", "a decoder repeats what it has"),
    Allow("sound.silent", "zeroed sound is silent"),
    Allow("sound.cut", "the sound breaks off"),
    Allow("sound.clipped", "noise read as sound"),
    Allow("origin.parameters", "noise read as parameters"),
    Allow("origin.reencoded", "pictures broken by damage"),
    Allow("origin.inserted", "pictures broken by damage"),
    Allow("notice.late", "words lost with the damage"),
    Allow("notice.uncertain", "words lost with the damage"),
)


def stream_ends() -> list[FileItem]:
    items = []
    for camera, changes, at in (
        ("plain", {"sound_ends_s": 18.0}, 18.0),
        ("plain", {"sound_ends_s": 15.0}, 15.0),
        ("plain", {"picture_ends_s": 17.0}, 17.0),
        ("mkv", {"sound_ends_s": 17.0}, 17.0),
        ("ts", {"picture_ends_s": 16.0}, 16.0),
        ("avi-mjpeg", {"sound_ends_s": 14.0}, 14.0),
        ("ps", {"sound_ends_s": 17.0}, 17.0),
        ("mov-pcm", {"picture_ends_s": 18.5}, 18.5),
    ):
        i = "ends-apart-" + camera + "-" + "-".join(f"{k.split('_')[0]}-{v:g}" for k, v in changes.items())
        expect = Expect("continuity.stream_end", at, 20.0, 1.0, "review", "fast")
        items.append(
            file_item(
                i, take_of(i, camera, 20.0).but(**changes), expect, short=i == "ends-apart-plain-sound-15"
            )
        )
    return items


def clocks() -> list[FileItem]:
    items = []

    def clock(
        i: str,
        severity: str,
        depth: str = "fast",
        camera: str = "plain",
        *,
        note: str = "",
        named_by: timedelta = timedelta(),
        mtime_by: timedelta = timedelta(),
        created: datetime | None = None,
    ) -> None:
        made = take_of(i, camera, 20.0)
        named, mtime = made.started_at + named_by, made.ended_at + mtime_by
        recipe = Recipe(made, on_file=steps(("set_created", created)) if created else ())
        expect = Expect("continuity.clock", severity=severity, depth=depth)
        items.append(file_item(i, recipe, expect, name=name_of(made.camera, named), mtime=mtime, note=note))

    clock("clock-name-a-day-off", "review", named_by=timedelta(days=1))
    clock("clock-name-3h17-off", "review", named_by=timedelta(hours=3, minutes=17))
    for i, by in (
        ("clock-created-2-days-later", timedelta(days=2)),
        ("clock-created-41-minutes-earlier", -timedelta(minutes=41)),
    ):
        clock(i, "review", created=hour_of(i) + by, note="the creation time was rewritten")
    clock(
        "clock-mtime-3-days-earlier",
        "info",
        mtime_by=-timedelta(days=3),
        note="last changed before it was recorded",
    )
    clock("clock-mtime-5-hours-earlier", "info", "fast", "mkv", mtime_by=-timedelta(hours=5, minutes=7))
    i = "clock-local-time-as-utc"
    clock(i, "info", created=hour_of(i) + timedelta(hours=8), note="the camera stamps local time as UTC")
    i = "clock-1904-plus-5"
    made = take_of(i, "plain", 20.0)
    items.append(
        file_item(
            i,
            Recipe(made, on_file=steps(("set_created_raw", 5))),
            Expect("continuity.clock", severity="review", depth="fast"),
        )
    )
    for year, month in ((1970, 1), (2015, 1), (1980, 1)):
        i = f"clock-factory-{year}"
        made = take_of(
            i,
            "plain",
            20.0,
            started_at=datetime(year, month, 1, 0, 0, 12, tzinfo=UTC)
            - (timedelta(hours=8) if year != 1970 else timedelta()),
        )
        items.append(
            file_item(
                i,
                made,
                Expect("continuity.clock", severity="review", depth="fast"),
                note="flat battery: the clock fell back",
            )
        )
    return items


def items() -> list[FileItem]:
    return gaps() + stamps() + truncated() + stream_ends() + clocks()

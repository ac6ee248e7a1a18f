"""Recordings that somebody has edited, and files that cannot be read or are bombs."""

from dataclasses import replace
from datetime import timedelta

from tests.corpus.cameras import CAMERAS, Encoder
from tests.corpus.items import (
    FileItem,
    file_item,
    seed_of,
    steps,
    take_of,
)
from tests.corpus.labels import Allow, Expect
from tests.corpus.recipes import Again, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.sounds import Sound
from tests.corpus.streams import Words
from tests.corpus.takes import Foreign

SPLICE = (
    Allow("sound.cut", "the sound is spliced there too"),
    Allow("continuity.timestamps", "time was taken out and closed up"),
    Allow("origin.inserted", "what follows the joint does not belong to what precedes it"),
    Allow("origin.clock_text", "where the camera burns in a clock"),
    Allow("continuity.clock", "an edit changes how long the file is against its name and mtime"),
)
OTHER_SETTINGS = (
    Allow("origin.parameters", "the pasted part was encoded with other settings"),
    Allow("origin.reencoded", "the pasted part was encoded with other settings"),
)
# What a library alone writes (Lavf, x264) may be the camera's own: without a profile that says what the
# camera bears it is said, and judged by nobody (transcoder/software.py).
BY_LIBRARY = Expect("origin.software", severity="info", depth="fast")
SAVED_AGAIN = (Allow("origin.parameters", "an editor writes other parameters than the camera"),)


def software() -> list[FileItem]:
    """Names of programs where FFmpeg would write its own (`sign_as`), and in QuickTime's user data."""
    items = []
    for i, camera, step in (
        ("software-lavf-mp4", "plain", None),
        ("software-lavf-mkv", "mkv", None),
        ("software-lavf-avi", "avi-mjpeg", None),
        ("software-handbrake", "plain", ("sign_as", "HandBrake 1.7")),
        ("software-handbrake-mkv", "mkv", ("sign_as", "HandBrake 1.7")),
        ("software-virtualdub", "avi-h264", ("sign_as", "VirtualDub2")),
        ("software-audacity", "wav", ("sign_as", "Audacity 3.4")),
        ("software-imovie", "first", ("sign_as", "iMovie 10.4")),
        ("software-premiere", "mov-pcm", ("add_user_data", b"\xa9swr", "Adobe Premiere Pro 24.1 (Windows)")),
        ("software-vegas", "plain", ("add_user_data", b"\xa9swr", "MAGIX VEGAS Pro 21.0")),
        ("software-capcut", "b-frames", ("add_user_data", b"\xa9cmt", "JianYing 5.9.0 (CapCut) export")),
    ):
        made = take_of(i, camera, 20.0)
        created = made.started_at if made.camera.says_time else None
        by_editor = step is None or step[0] == "sign_as"
        on_file = () if step is None else steps(step)
        recipe = Recipe(made, words=Words(created, (), by_editor), on_file=on_file)
        short = i == "software-lavf-mp4"
        expect = BY_LIBRARY if step is None else Expect("origin.software", depth="fast")
        items.append(file_item(i, recipe, expect, short=short))
    for i, camera in (
        ("software-x264-signature", "plain"),
        ("software-x264-signature-ts", "ts"),
        ("software-x264-signature-mkv", "mkv"),
    ):
        items.append(
            file_item(
                i,
                take_of(i, camera, 20.0, signed=True),
                replace(BY_LIBRARY, depth="standard"),
                note="no tag: only the encoder's own words within the stream",
            )
        )
    return items


def cuts() -> list[FileItem]:
    items = []
    for camera, start, end, scene, marked, clock in (
        ("plain", 15.0, 25.0, "walk", False, False),
        ("plain", 12.0, 14.0, "stand", False, False),
        ("ts", 12.0, 22.0, "walk", False, False),
        ("mkv", 12.0, 32.0, "stand", True, False),
        ("avi-mjpeg", 12.0, 22.0, "walk", True, False),
        ("plain", 15.0, 45.0, "interview", True, True),
        ("mov-alaw", 12.0, 22.0, "storeroom", False, False),
        ("ps", 12.0, 22.0, "walk", False, False),
        ("hevc", 12.0, 22.0, "stand", False, True),
    ):
        i = f"cut-{camera}-{scene}-{end - start:g}s"
        made = take_of(i, camera, end + 15, scene, clock=clock)
        created = made.started_at if made.camera.says_time else None
        words = Words(created, (), True) if marked else None
        expected = [
            Expect(
                "sound.cut",
                start,
                start,
                1.5,
                depth="deep",
                instead=("origin.inserted", "continuity.timestamps"),
            )
        ]
        if marked:
            expected.append(BY_LIBRARY)
        if clock:
            expected.append(Expect("origin.clock_text", start, start, 2.0, depth="deep"))
        items.append(
            file_item(
                i,
                Recipe(made, surgery=steps(("cut", start, end)), words=words),
                *expected,
                allowed=SPLICE,
                short=i == "cut-plain-walk-10s",
                mtime=made.ended_at - timedelta(seconds=end - start),
            )
        )
    for camera, quality, gop, signed in (
        ("plain", 21, 250, False),
        ("plain", 28, 48, True),
        ("mov-pcm", 23, 60, False),
        ("ts", 25, 25, False),
    ):
        i = f"cut-again-{camera}-{quality}-{gop}"
        made = take_of(i, camera, 40.0)
        recipe = Recipe(
            made, surgery=steps(("cut", 15.0, 25.0)), again=Again(Encoder(quality=quality, gop=gop), signed)
        )
        expected = [
            Expect("origin.reencoded", depth="deep"),
            Expect(
                "sound.cut",
                15.0,
                15.0,
                1.5,
                depth="deep",
                instead=("origin.inserted", "continuity.timestamps"),
            ),
        ]
        if signed:
            expected.append(replace(BY_LIBRARY, depth="standard"))
        items.append(
            file_item(
                i,
                recipe,
                *expected,
                allowed=(*SPLICE, *SAVED_AGAIN),
                mtime=made.ended_at - timedelta(seconds=10),
            )
        )
    for camera, first, second in (
        ("plain", 20, 24),
        ("avi-mpeg4", 0, 0),
        ("avi-mjpeg", 0, 0),
        ("mov-mjpeg", 0, 0),
        ("hevc", 0, 30),
        ("constant", 0, 22),
    ):
        i = f"encoded-again-{camera}"
        again = Encoder(quality=second or 24, gop=40)
        if camera in {"avi-mpeg4", "avi-mjpeg", "mov-mjpeg", "hevc"}:
            base = CAMERAS[camera].video
            assert base is not None
            again = replace(base, quality=(base.quality + 3), gop=base.gop if base.gop == 1 else 40)
        made = take_of(i, camera, 25.0, video_bits=Encoder(quality=first) if first else None)
        items.append(
            file_item(
                i,
                Recipe(made, again=Again(again)),
                Expect("origin.reencoded", depth="deep"),
                allowed=SAVED_AGAIN,
                note="the whole file encoded a second time, nothing else",
            )
        )
    return items


def inserted() -> list[FileItem]:
    items = []
    for camera, at, seconds, scene, with_sound, other in (
        ("plain", 15.0, 10.0, "storeroom", True, None),
        ("plain", 12.0, 4.0, "walk", True, None),
        ("ts", 12.0, 8.0, "stand", True, None),
        ("mkv", 12.0, 8.0, "corridor", True, None),
        ("avi-mjpeg", 12.0, 8.0, "stand", True, None),
        ("plain", 12.0, 8.0, "stand", False, None),
        ("mov-alaw", 12.0, 6.0, "dusk", False, None),
        ("plain", 12.0, 8.0, "stand", True, Encoder(quality=20, b_frames=2, gop=50)),
        ("ts", 12.0, 8.0, "stand", True, Encoder(quality=20, gop=30, options=(("x264-params", "cabac=0"),))),
        ("mkv", 14.0, 10.0, "walk", False, Encoder(quality=30, b_frames=3, gop=100)),
    ):
        i = (
            f"inserted-{camera}-{scene}-{seconds:g}s"
            + ("" if with_sound else "-mute")
            + ("-other" if other else "")
        )
        seed = seed_of(i) + 1000
        foreign = Foreign(
            at,
            at + seconds,
            Scene(scene, seed, 3.5),
            300.0,
            Sound("room", seed) if with_sound else None,
            other,
        )
        made = take_of(i, camera, 36.0, foreign=(foreign,))
        depth = "standard" if other else "deep"
        instead = ("sound.cut",) + (("origin.parameters",) if other else ())
        expect = Expect("origin.inserted", at, at + seconds, 2.0, depth=depth, instead=instead)
        items.append(
            file_item(
                i,
                made,
                expect,
                allowed=(*SPLICE, *(OTHER_SETTINGS if other else ())),
                short=i == "inserted-plain-stand-8s-other",
            )
        )
    for camera, at, seconds in (("plain", 15.0, 10.0), ("ts", 15.0, 6.0)):
        i = f"inserted-copied-{camera}-{seconds:g}s"
        made = take_of(i, camera, 30.0)
        other_take = take_of(
            i + "-other", camera, seconds + 2, "storeroom", "room", notice=None, started_at=made.started_at
        )
        recipe = Recipe(made, surgery=steps(("insert", at, seconds)), other=other_take)
        expect = Expect("origin.inserted", at, at + seconds, 2.0, depth="deep", instead=("sound.cut",))
        items.append(
            file_item(
                i,
                recipe,
                expect,
                allowed=SPLICE,
                note="another recording of the same camera pasted in by stream copy",
            )
        )
    return items


def parameters() -> list[FileItem]:
    items = []
    for camera, at, encoder in (
        ("plain", 12.0, Encoder(quality=24, b_frames=2, gop=50)),
        ("mkv", 12.0, Encoder(quality=24, options=(("x264-params", "cabac=0"),))),
        ("ts", 12.0, Encoder(quality=24, options=(("x264-params", "8x8dct=0:ref=1"),))),
    ):
        i = f"parameters-settings-{camera}"
        made = take_of(i, camera, 24.0)
        changed = Foreign(at, 24.0, made.scene, at, None, encoder)
        expect = Expect("origin.parameters", at, 24.0, 24.0)
        items.append(
            file_item(
                i,
                made.but(foreign=(changed,)),
                expect,
                allowed=(
                    Allow("origin.inserted", "the second half comes from another encoder"),
                    Allow("origin.reencoded", "another encoder"),
                ),
                short=camera == "ts",
            )
        )
    for camera, width, height in (
        ("ts", 640, 360),
        ("ps", 640, 480),
        ("ts-hevc", 480, 360),
        ("raw-h264", 640, 360),
    ):
        i = f"parameters-size-{camera}"
        made = take_of(i, camera, 15.0)
        larger = made.but(camera=made.camera.but(width=width, height=height), offset_s=15.0, seconds=10.0)
        expected = [Expect("origin.parameters", 15.0, 25.0, 2.0)]
        if camera == "raw-h264":  # nothing says the time in there
            expected = [Expect("origin.parameters")]
            expected.append(Expect("notice.no_audio", depth="fast"))
        else:
            expected.append(Expect("continuity.timestamps", 14.0, 16.0, 2.0, depth="fast"))
        more = (
            Allow("origin.inserted", "the second part is not the first one's"),
            Allow("sound.cut", "the stream begins anew"),
            Allow("picture.repeated", "the stamps begin anew"),
        )
        items.append(file_item(i, Recipe(made, appended=(larger,)), *expected, allowed=more))
    return items


def edit_lists() -> list[FileItem]:
    items = []
    for i, camera, keep, hidden, notice_at_s in (
        ("edit-list-start-5s", "plain", [(5.0, 30.0)], 5.0, 7.0),
        ("edit-list-start-1s", "plain", [(1.0, 30.0)], 1.0, 3.0),
        ("edit-list-middle-5s", "plain", [(0.0, 12.0), (17.0, 30.0)], 5.0, 1.5),
        ("edit-list-end-4s", "b-frames", [(0.0, 26.0)], 4.0, 1.5),
        ("edit-list-middle-mov", "mov-alaw", [(0.0, 14.0), (24.0, 30.0)], 10.0, 1.5),
    ):
        made = take_of(i, camera, 30.0, notice_at_s=notice_at_s, talk=False)
        more = (
            Allow("sound.cut", "what is shown is not whole"),
            Allow("continuity.gap_in_file", "what is shown has a hole"),
            Allow("continuity.stream_end", "the media end elsewhere than what is shown"),
            Allow("continuity.clock", "what is shown is shorter than name and mtime say"),
        )
        items.append(
            file_item(
                i,
                Recipe(made, on_file=steps(("with_edits", keep))),
                Expect("origin.edit_list", depth="fast", severity="review"),
                allowed=more,
                short=i == "edit-list-start-5s",
                note=f"{hidden:g} s of media hidden",
            )
        )
    return items


def clock_texts() -> list[FileItem]:
    items = []
    for camera, jumps, scene in (
        ("plain", ((15.0, 300.0),), "walk"),
        ("plain", ((15.0, -60.0),), "stand"),
        ("first", ((12.0, 20.0),), "walk"),
        ("avi-mjpeg", ((18.0, 3600.0),), "storeroom"),
        ("ts", ((10.0, 10.0), (20.0, -10.0)), "stand"),
        ("hevc", ((15.0, 120.0),), "interview"),
    ):
        i = f"clock-text-{camera}-" + "-".join(f"{by:g}" for _, by in jumps)
        expected = [Expect("origin.clock_text", at, at, 2.0, depth="deep") for at, _ in jumps]
        items.append(file_item(i, take_of(i, camera, 30.0, scene, clock=True, clock_jumps=jumps), *expected))
    return items


def items() -> list[FileItem]:
    return software() + cuts() + inserted() + parameters() + edit_lists() + clock_texts()

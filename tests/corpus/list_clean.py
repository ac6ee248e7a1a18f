"""Clean recordings: whatever is found on these beyond information is false."""

from datetime import timedelta

from tests.corpus.cameras import CAMERAS, Encoder
from tests.corpus.items import FileItem, file_item, hour_of, photo_item, seed_of, sound_of, steps, take_of
from tests.corpus.labels import Allow
from tests.corpus.lens import Effect
from tests.corpus.recipes import Photo, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.sounds import SoundEffect, Spoken

SHORT = {
    "clean-camera-plain",
    "clean-camera-avi-mjpeg",
    "clean-camera-ts",
    "clean-camera-ps",
    "clean-camera-mkv",
    "clean-camera-b-frames",
    "clean-note-wav",
    "clean-scene-table",
    "clean-scene-night",
}
SOUND_AND_PICTURE = [c for c in CAMERAS.values() if c.video is not None and c.audio is not None]
NOTES = [c for c in CAMERAS.values() if c.video is None]
LOUD = Allow("sound.clipped", "the music is as loud as the microphone takes; its limiter rounds the tops")


def _short(item_id: str) -> bool:
    return item_id in SHORT


def cameras() -> list[FileItem]:
    items = []
    for camera in SOUND_AND_PICTURE:
        item_id = f"clean-camera-{camera.name}"
        seconds = 12.0 if camera.width > 1000 else 20.0
        items.append(file_item(item_id, take_of(item_id, camera, seconds), short=_short(item_id)))
    return items


def notes() -> list[FileItem]:
    return [
        file_item(i, take_of(i, camera, 20.0, place="room", notice=None), short=_short(i))
        for camera in NOTES
        for i in [f"clean-note-{camera.name}"]
    ]


def photos() -> list[FileItem]:
    kinds = [
        ("walk", 640, 480, True),
        ("document", 1280, 960, True),
        ("night", 640, 480, True),
        ("infrared", 640, 480, True),
        ("storeroom", 1920, 1080, True),
        ("interview", 640, 480, False),
    ]
    return [
        photo_item(i, Photo(Scene(kind, seed_of(i)), hour_of(i), width, height, exif))
        for kind, width, height, exif in kinds
        for i in [f"clean-photo-{kind}"]
    ]


def scenes() -> list[FileItem]:
    plan = [
        ("stand", "plain", 2.5, "street"),
        ("table", "plain", 2.5, "room"),
        ("night", "plain", 2.5, "street"),
        ("dusk", "ntsc", 3.0, "street"),
        ("pan", "plain", 2.5, "wind"),
        ("police", "first", 3.5, "street"),
        ("concert", "plain", 3.0, "crowd"),
        ("car", "ntsc", 2.5, "machine"),
        ("corridor", "plain", 2.5, "room"),
        ("infrared", "plain", 4.0, "room"),
        ("sun", "b-frames", 2.5, "street"),
        ("wall", "plain", 2.5, "room"),
        ("fog", "plain", 2.5, "wind"),
        ("document", "plain", 2.0, "room"),
        ("storeroom", "mov-mjpeg", 2.5, "room"),
        ("interview", "hevc", 2.5, "room"),
    ]
    items = []
    for kind, camera, noise, place in plan:
        i = f"clean-scene-{kind}"
        items.append(file_item(i, take_of(i, camera, 40.0, kind, place, noise=noise), short=_short(i)))
    more = [
        ("clean-scene-table-avi", "avi-mjpeg", "table", 2.0),
        ("clean-scene-table-hevc", "hevc", "table", 2.5),
        ("clean-scene-table-cbr", "constant", "table", 2.5),
        ("clean-scene-table-fine", "plain", "table", 1.2),
        ("clean-scene-table-long-gop", "long-gop", "table", 3.0),
        ("clean-scene-table-ts", "ts", "table", 3.0),
        ("clean-scene-night-loud-sensor", "plain", "night", 6.0),
        ("clean-scene-night-avi", "avi-mpeg4", "night", 3.0),
        ("clean-scene-night-hevc", "hevc", "night", 3.0),
        ("clean-scene-night-faint", "plain", "night", 1.5),
    ]
    for i, camera, kind, noise in more:
        items.append(file_item(i, take_of(i, camera, 30.0, kind, "room", noise=noise)))
    for kind in ("night", "table"):
        i = f"clean-scene-hd-{kind}"
        items.append(file_item(i, take_of(i, "hd", 12.0, kind, "room", noise=3.0)))
    frugal = Encoder(quality=33, gop=50)
    i = "clean-scene-table-frugal"
    note = "a frugal encoder skips what stands still: only its key frames still show the sensor's noise"
    items.append(
        file_item(i, take_of(i, "plain", 30.0, "table", "room", noise=2.0, video_bits=frugal), note=note)
    )
    return items


def sounds() -> list[FileItem]:
    items = [
        file_item(i, take_of(i, camera, 30.0, "stand", place, floor_db=floor), allowed=allowed)
        for i, camera, place, floor, allowed in (
            ("clean-sound-quiet", "plain", "quiet", -66.0, ()),
            ("clean-sound-very-quiet", "mov-pcm", "quiet", -78.0, ()),
            ("clean-sound-quiet-alaw", "mov-alaw", "quiet", -66.0, ()),
            ("clean-sound-quiet-mp2", "ts-mp2", "quiet", -66.0, ()),
            ("clean-sound-wind", "plain", "wind", -58.0, ()),
            ("clean-sound-machine", "plain", "machine", -58.0, ()),
            ("clean-sound-crowd", "ntsc", "crowd", -58.0, ()),
        )
    ]
    i = "clean-sound-concert"
    made = take_of(i, "plain", 30.0, "concert", "music", talk=False)
    items.append(file_item(i, made, allowed=(LOUD,)))
    for silent_s, notice_at_s in ((10.0, 12.0), (30.0, 35.0), (15.0, 40.0)):
        i = f"clean-sound-pre-record-{silent_s:.0f}-{notice_at_s:.0f}"
        made = take_of(
            i, "plain", 60.0, notice_at_s=notice_at_s, sound_effects=(SoundEffect("silence", 0.0, silent_s),)
        )
        items.append(
            file_item(i, made, note="silent before the button; the notice is in time from the button")
        )
    i = "clean-sound-ends-little-apart"
    items.append(file_item(i, take_of(i, "plain", 20.0, sound_ends_s=19.4)))
    return items


def timing() -> list[FileItem]:
    items = [
        file_item(i, take_of(i, camera, 30.0, rhythm=rhythm))
        for rhythm, camera in (
            ("jitter", "plain"),
            ("slows", "plain"),
            ("phone", "plain"),
            ("phone", "mkv"),
            ("slows", "ts"),
            ("jitter", "hevc"),
        )
        for i in [f"clean-rate-{rhythm}-{camera}"]
    ]
    for degrees in (90, 180, 270):
        i = f"clean-rotated-{degrees}"
        items.append(file_item(i, Recipe(take_of(i, "plain", 20.0), on_file=steps(("rotate", degrees)))))
    i = "clean-sound-starts-late"
    items.append(file_item(i, Recipe(take_of(i, "plain", 20.0), surgery=steps(("delayed", "audio", 0.12)))))
    i = "clean-created-zero"
    items.append(
        file_item(
            i,
            Recipe(take_of(i, "plain", 20.0), on_file=steps(("set_created_raw", 0))),
            note="a camera without a clock in its header",
        )
    )
    i = "clean-created-unix"
    made = take_of(i, "plain", 20.0)
    unix = int(made.started_at.timestamp())
    said = (
        Allow(
            "continuity.clock",
            "the header counts from 1970 where the format counts from 1904: may be said",
            "info",
        ),
    )
    items.append(file_item(i, Recipe(made, on_file=steps(("set_created_raw", unix))), allowed=said))
    i = "clean-created-at-end"
    made = take_of(i, "plain", 20.0)
    items.append(
        file_item(
            i,
            Recipe(made, on_file=steps(("set_created", made.ended_at))),
            note="many cameras write the creation time on closing",
        )
    )
    i = "clean-mtime-2s"
    made = take_of(i, "plain", 20.0)
    items.append(file_item(i, made, mtime=made.ended_at + timedelta(seconds=1.7), note="FAT keeps 2 s steps"))
    return items


def clocks() -> list[FileItem]:
    return [
        file_item(i, take_of(i, camera, seconds, scene, clock=True))
        for camera, scene, seconds in (
            ("plain", "walk", 40.0),
            ("first", "stand", 30.0),
            ("avi-mjpeg", "table", 30.0),
            ("ts", "night", 30.0),
            ("hd", "interview", 10.0),
        )
        for i in [f"clean-clock-{camera}-{scene}"]
    ]


def moments() -> list[FileItem]:
    """Things that happen to the picture in ordinary work, shorter than any threshold."""
    plan = [
        ("clean-moment-lens-passed", (Effect("hand", 8.0, 9.5),)),
        ("clean-moment-dark-passage", (Effect("card", 9.0, 10.5),)),
        ("clean-moment-hunting-focus", (Effect("blur", 7.0, 19.0, 1.5),)),
        ("clean-moment-hiccup", (Effect("freeze", 9.0, 9.6),)),
    ]
    return [file_item(i, take_of(i, "plain", 30.0, effects=effects)) for i, effects in plan]


def spoken() -> list[FileItem]:
    """Notices of every wording at hand, in several conditions."""
    plan = [
        ("notice-01", "plain", "street", 0.35),
        ("notice-03", "mov-alaw", "room", 0.3),
        ("notice-04", "plain", "room", 0.3),
        ("notice-05", "ts", "street", 0.35),
        ("notice-06", "avi-mjpeg", "room", 0.3),
        ("notice-07", "plain", "crowd", 0.4),
        ("notice-09", "3gp", "room", 0.4),
        ("notice-10", "mkv", "room", 0.3),
        ("notice-11", "ps", "street", 0.35),
        ("notice-12", "hevc", "room", 0.3),
    ]
    items = []
    for name, camera, place, level in plan:
        i = f"clean-spoken-{name}"
        sound = sound_of(i, place, seconds=20.0, notice=None, talk=False)
        sound = type(sound)(sound.kind, sound.seed, sound.floor_db, (Spoken(name, 2.0, level),))
        items.append(file_item(i, take_of(i, camera, 20.0, "stand", sound=sound)))
    return items


def items() -> list[FileItem]:
    return cameras() + notes() + photos() + scenes() + sounds() + timing() + clocks() + moments() + spoken()

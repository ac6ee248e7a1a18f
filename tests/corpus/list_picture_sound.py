"""Recordings whose picture or sound fails, or was made to fail."""

from dataclasses import replace

from tests.corpus.cameras import Encoder
from tests.corpus.items import FileItem, file_item, steps, take_of
from tests.corpus.labels import Allow, Expect
from tests.corpus.lens import Effect
from tests.corpus.recipes import Again, Recipe
from tests.corpus.sounds import SoundEffect

DARK_IS_STILL = (
    Allow("picture.frozen", "digital black does not change either"),
    Allow("picture.covered", "black is what a covered lens shows"),
)
FLAT_IS_SOFT = (Allow("picture.blurred", "a covered lens shows nothing sharp"),)
SAME_AGAIN = (Allow("picture.repeated", "a frozen picture repeats itself"),)


def black() -> list[FileItem]:
    items = []
    for camera, start, end, scene in (
        ("plain", 10.0, 13.5, "walk"),
        ("plain", 10.0, 15.0, "stand"),
        ("plain", 8.0, 28.0, "walk"),
        ("hevc", 10.0, 16.0, "walk"),
        ("avi-mjpeg", 10.0, 15.0, "walk"),
        ("ts", 12.0, 18.0, "police"),
        ("constant", 10.0, 15.0, "walk"),
        ("avi-mpeg4", 20.0, 30.0, "walk"),
        ("long-gop", 11.0, 17.0, "walk"),
        ("mkv-hevc", 0.0, 6.0, "stand"),
        ("plain", 10.0, 16.0, "night"),
    ):
        i = f"black-{camera}-{scene}-{start:g}-{end:g}"
        made = take_of(i, camera, 30.0, scene, effects=(Effect("black", start, end),))
        items.append(
            file_item(
                i,
                made,
                Expect("picture.black", start, end, 1.5),
                allowed=DARK_IS_STILL,
                short=i == "black-plain-stand-10-15",
            )
        )
    for camera, start, end, strength in (
        ("plain", 10.0, 30.0, 1.0),
        ("plain", 10.0, 16.0, 0.0),
        ("ts", 12.0, 18.0, 1.0),
        ("avi-mjpeg", 10.0, 30.0, 1.0),
        ("hevc", 10.0, 30.0, 1.0),
        ("b-frames", 15.0, 35.0, 2.0),
    ):
        i = f"card-on-lens-{camera}-{end - start:g}s-{strength:g}"
        made = take_of(i, camera, 40.0, "stand", effects=(Effect("card", start, end, strength),))
        expect = Expect("picture.covered", start, end, 1.5, instead=("picture.black",))
        items.append(
            file_item(
                i,
                made,
                expect,
                allowed=(Allow("picture.frozen", "nothing but the sensor's noise"), *FLAT_IS_SOFT),
                short=i == "card-on-lens-plain-20s-1",
            )
        )
    return items


def covered() -> list[FileItem]:
    items = []
    for camera, start, end, strength, scene in (
        ("plain", 10.0, 14.0, 1, "walk"),
        ("plain", 10.0, 20.0, 2, "stand"),
        ("plain", 10.0, 20.0, 3, "walk"),
        ("ts", 8.0, 28.0, 2, "walk"),
        ("hevc", 12.0, 18.0, 2, "interview"),
        ("avi-mjpeg", 10.0, 15.0, 1, "storeroom"),
        ("b-frames", 15.0, 35.0, 3, "stand"),
        ("mov-mjpeg", 5.0, 9.0, 2, "walk"),
        ("long-gop", 12.0, 20.0, 1, "walk"),
        ("constant", 10.0, 20.0, 2, "walk"),
        ("plain", 0.0, 8.0, 1, "stand"),
        ("fragmented", 30.0, 40.0, 2, "document"),
    ):
        i = f"covered-{camera}-{scene}-{start:g}-{end:g}-{strength}"
        made = take_of(i, camera, 40.0, scene, effects=(Effect("hand", start, end, strength),))
        expect = Expect(
            "picture.covered", start, end, 1.5, instead=("picture.black",) if strength == 1 else ()
        )
        items.append(
            file_item(i, made, expect, allowed=FLAT_IS_SOFT, short=i == "covered-plain-stand-10-20-2")
        )
    i = "covered-hd"
    made = take_of(i, "hd", 14.0, "stand", effects=(Effect("hand", 6.0, 11.0, 2),))
    items.append(file_item(i, made, Expect("picture.covered", 6.0, 11.0, 2.1), allowed=FLAT_IS_SOFT))
    return items


def frozen() -> list[FileItem]:
    items = []
    for camera, start, end, scene, noise in (
        ("plain", 10.0, 14.0, "walk", 2.5),
        ("plain", 10.0, 15.0, "stand", 2.5),
        ("plain", 8.0, 28.0, "walk", 2.5),
        ("constant", 10.0, 15.0, "stand", 2.5),
        ("constant", 10.0, 30.0, "walk", 2.5),
        ("avi-mjpeg", 10.0, 15.0, "walk", 2.5),
        ("hevc", 10.0, 15.0, "interview", 2.5),
        ("ts", 12.0, 17.0, "walk", 4.0),
        ("long-gop", 10.0, 30.0, "stand", 2.5),
        ("avi-mpeg4", 10.0, 15.0, "storeroom", 2.5),
        ("b-frames", 10.0, 15.0, "police", 3.0),
        ("mkv", 22.0, 30.0, "walk", 2.5),
        ("ps", 10.0, 20.0, "stand", 2.5),
        ("plain", 10.0, 20.0, "table", 3.0),
        ("plain", 10.0, 20.0, "night", 4.0),
    ):
        i = f"frozen-{camera}-{scene}-{start:g}-{end:g}"
        made = take_of(i, camera, 30.0, scene, noise=noise, effects=(Effect("freeze", start, end),))
        items.append(
            file_item(
                i,
                made,
                Expect("picture.frozen", start, end, 1.5),
                allowed=SAME_AGAIN,
                short=i == "frozen-plain-stand-10-15",
            )
        )
    i = "frozen-clock-goes-on"
    made = take_of(i, "plain", 30.0, "stand", effects=(Effect("freeze", 10.0, 20.0),), clock=True)
    items.append(
        file_item(
            i,
            made,
            Expect("picture.frozen", 10.0, 20.0, 1.5),
            allowed=SAME_AGAIN,
            note="the sensor hangs, the burnt-in clock goes on",
        )
    )
    i = "frozen-hd"
    made = take_of(i, "hd", 14.0, "stand", effects=(Effect("freeze", 5.0, 10.0),))
    items.append(file_item(i, made, Expect("picture.frozen", 5.0, 10.0, 2.1), allowed=SAME_AGAIN))
    return items


def blurred() -> list[FileItem]:
    items = []
    for camera, start, end, strength, scene in (
        ("plain", 15.0, 55.0, 1.5, "walk"),
        ("plain", 10.0, 50.0, 3.0, "stand"),
        ("hevc", 12.0, 52.0, 2.0, "storeroom"),
        ("avi-mjpeg", 0.0, 36.0, 2.0, "walk"),
        ("ts", 15.0, 60.0, 2.0, "document"),
        ("b-frames", 15.0, 55.0, 1.2, "interview"),
    ):
        i = f"blurred-{camera}-{scene}-{strength:g}"
        made = take_of(i, camera, 60.0, scene, effects=(Effect("blur", start, end, strength),))
        items.append(
            file_item(i, made, Expect("picture.blurred", start, end, 3.0), short=i == "blurred-plain-stand-3")
        )
    return items


def repeated() -> list[FileItem]:
    items = []
    for camera, start, length, at, seconds in (
        ("plain", 10.0, 5.0, 40.0, 60.0),
        ("plain", 10.0, 3.0, 25.0, 40.0),
        ("plain", 12.0, 15.0, 35.0, 60.0),
        ("mkv", 10.0, 10.0, 30.0, 50.0),
        ("ts", 10.0, 5.0, 20.0, 40.0),
        ("avi-mjpeg", 10.0, 6.0, 24.0, 40.0),
        ("hevc", 10.0, 8.0, 30.0, 50.0),
    ):
        i = f"repeated-{camera}-{length:g}s"
        made = take_of(i, camera, seconds, "stand")
        expect = Expect("picture.repeated", at, at + length, 2.0)
        spliced = (
            Allow("sound.cut", "the sound was pasted with the picture"),
            Allow("origin.inserted", "it is pasted in"),
            Allow("continuity.timestamps", "the time shown is not the time it was"),
        )
        items.append(
            file_item(
                i,
                Recipe(made, surgery=steps(("loop", start, start + length, at))),
                expect,
                allowed=spliced,
                short=i == "repeated-plain-5s",
            )
        )
        if camera in {"plain", "mkv"} and length >= 5:
            j = f"repeated-again-{camera}-{length:g}s"
            recipe = Recipe(
                take_of(j, camera, seconds, "stand"),
                surgery=steps(("loop", start, start + length, at)),
                again=Again(Encoder(quality=25, gop=48)),
            )
            expect = replace(expect, depth="deep")
            items.append(
                file_item(
                    j,
                    recipe,
                    expect,
                    Expect("origin.reencoded", depth="deep"),
                    allowed=spliced,
                    note="looped, then encoded again with another rhythm of key frames",
                )
            )
    return items


def silent() -> list[FileItem]:
    items = []
    for camera, kind, start, end in (
        ("plain", "silence", 12.0, 16.0),
        ("plain", "silence", 15.0, 30.0),
        ("mov-alaw", "silence", 12.0, 18.0),
        ("mov-pcm", "silence", 12.0, 16.0),
        ("ts-mp2", "silence", 12.0, 17.0),
        ("avi-adpcm", "silence", 12.0, 22.0),
        ("3gp", "silence", 12.0, 20.0),
        ("avi-h264", "silence", 12.0, 16.0),
        ("mkv", "silence", 20.0, 30.0),
        ("plain", "dead", 15.0, 30.0),
        ("mov-pcm", "dead", 15.0, 30.0),
        ("wav", "silence", 10.0, 16.0),
        ("wav-alaw", "silence", 10.0, 16.0),
        ("ps", "silence", 12.0, 22.0),
        ("fragmented", "silence", 12.0, 18.0),
        ("mp3", "silence", 10.0, 20.0),
    ):
        i = f"silent-{camera}-{kind}-{start:g}-{end:g}"
        made = take_of(i, camera, 30.0, sound_effects=(SoundEffect(kind, start, end),))
        allowed = (Allow("sound.cut", "the sound goes off and on hard"),)
        items.append(
            file_item(
                i,
                made,
                Expect("sound.silent", start, end, 1.5),
                allowed=allowed,
                short=i in {"silent-plain-silence-15-30", "silent-mov-alaw-silence-12-18"},
            )
        )
    for camera, kind in (("plain", "silence"), ("mov-pcm", "dead"), ("ts", "silence")):
        i = f"silent-whole-{camera}"
        made = take_of(i, camera, 20.0, sound_effects=(SoundEffect(kind, 0.0, 20.0),))
        unheard = Expect("notice.no_speech", instead=("notice.no_audio", "notice.uncertain"))
        items.append(file_item(i, made, Expect("sound.silent", 0.0, 20.0, 1.5), unheard))
    return items


def clipped() -> list[FileItem]:
    items = []
    for camera, strength, start, end in (
        ("plain", 12.0, 0.0, 30.0),
        ("plain", 40.0, 8.0, 22.0),
        ("mov-pcm", 25.0, 0.0, 30.0),
        ("mov-alaw", 40.0, 0.0, 30.0),
        ("avi-adpcm", 60.0, 0.0, 30.0),
        ("wav", 30.0, 0.0, 30.0),
    ):
        i = f"clipped-{camera}-{strength:g}"
        made = take_of(
            i, camera, 30.0, place="crowd", sound_effects=(SoundEffect("clip", start, end, strength),)
        )
        unsure = (
            (Allow("notice.uncertain", "the words are distorted"), Allow("sound.cut", "the gain jumps"))
            if start == 0
            else (Allow("sound.cut", "the gain jumps"),)
        )
        items.append(
            file_item(
                i,
                made,
                Expect("sound.clipped", severity="info"),
                allowed=unsure,
                short=i == "clipped-mov-pcm-25",
            )
        )
    return items


def sound_cuts() -> list[FileItem]:
    items = []
    for camera, at, gone, place in (
        ("plain", 14.0, 4.0, "street"),
        ("mov-pcm", 14.3, 2.134, "room"),
        ("mov-alaw", 15.0, 6.0, "crowd"),
        ("wav", 14.0, 3.017, "room"),
        ("ts-mp2", 14.0, 5.0, "machine"),
        ("mkv", 14.7, 8.0, "street"),
    ):
        i = f"sound-cut-{camera}-{gone:g}s"
        made = take_of(i, camera, 30.0, place=place, sound_effects=(SoundEffect("removed", at, 30.0, gone),))
        items.append(
            file_item(
                i,
                made,
                Expect("sound.cut", at, at, 1.0, depth="deep"),
                note="seconds taken out of the sound, the picture left whole",
            )
        )
    for camera, start, end in (("plain", 12.0, 22.0), ("mov-pcm", 12.0, 20.0), ("ts", 10.0, 30.0)):
        i = f"sound-replaced-{camera}"
        made = take_of(
            i, camera, 30.0, place="street", sound_effects=(SoundEffect("other_place", start, end, 77.0),)
        )
        items.append(
            file_item(
                i,
                made,
                Expect("sound.cut", start, end, 1.0, depth="deep", instead=("origin.inserted",)),
                note="the sound of another place under the same picture",
            )
        )
    for camera in ("plain", "mkv"):
        i = f"sound-copied-in-{camera}"
        made = take_of(i, camera, 30.0, place="street")
        other = take_of(i + "-other", camera, 30.0, place="room", started_at=made.started_at)
        recipe = Recipe(made, surgery=steps(("with_sound_of", 10.0, 20.0)), other=other)
        items.append(
            file_item(
                i, recipe, Expect("sound.cut", 10.0, 20.0, 1.0, depth="deep", instead=("origin.inserted",))
            )
        )
    i = "sound-closed-up-plain-5s"
    chain = steps(("without_sound", 12.0, 17.0))
    chain = (type(chain[0])("without_sound", (12.0, 17.0), (("close", True),)),)
    made = take_of(i, "plain", 30.0)
    items.append(
        file_item(
            i,
            Recipe(made, surgery=chain),
            # That so much is missing is told by the lengths; where it was taken out nothing tells.
            Expect("sound.cut", depth="deep", instead=("continuity.stream_end",)),
            Expect("continuity.stream_end", 25.0, 30.0, 1.0, depth="fast"),
        )
    )
    return items


def items() -> list[FileItem]:
    return black() + covered() + frozen() + blurred() + repeated() + silent() + clipped() + sound_cuts()

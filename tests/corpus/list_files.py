"""Files that cannot be read or are bombs, and recordings with several things wrong at once."""

from datetime import timedelta

from tests.corpus.cameras import Encoder
from tests.corpus.items import (
    FileItem,
    file_item,
    hour_of,
    photo_item,
    seed_of,
    sound_of,
    steps,
    take_of,
)
from tests.corpus.labels import Allow, Expect
from tests.corpus.lens import Effect
from tests.corpus.list_origin import BY_LIBRARY, SAVED_AGAIN, SPLICE
from tests.corpus.recipes import Again, Bytes, Photo, Recipe
from tests.corpus.scenes import Scene
from tests.corpus.sounds import Sound, SoundEffect
from tests.corpus.streams import Words
from tests.corpus.takes import Foreign, Take


def files() -> list[FileItem]:
    """Files that are broken, lie, or are no media."""
    items = []
    unread = (
        Allow("continuity.truncated", "what is missing is the end"),
        Allow("file.partial", "parts can be salvaged"),
    )
    for camera in ("plain", "mov-alaw", "3gp"):
        i = f"unreadable-no-index-{camera}"
        items.append(
            file_item(
                i,
                Recipe(take_of(i, camera, 20.0), on_file=steps(("without_index",))),
                Expect("file.unreadable", depth="fast", instead=("continuity.truncated", "file.partial")),
                allowed=(*unread, *UNHEARD),
                short=camera == "plain",
            )
        )
    for i, recipe, suffix in (
        ("unreadable-noise", Bytes(200_000, 5), "mp4"),
        ("unreadable-text", Bytes(text="这不是视频。not a video\n" * 50), "mp4"),
        ("unreadable-noise-avi", Bytes(50_000, 6), "avi"),
        ("unreadable-noise-jpeg", Bytes(20_000, 7), "jpg"),
    ):
        start = hour_of(i)
        name = f"8888888_J0H42A_{start + timedelta(hours=8):%Y%m%d%H%M%S}_0001.{suffix}"
        items.append(
            FileItem(
                i,
                recipe,
                name,
                start + timedelta(seconds=20),
                (Expect("file.unreadable", depth="standard" if suffix == "jpg" else "fast"),),
                UNHEARD,
            )
        )
    for i, step in (
        ("photo-cut", ("keep_share", 0.5)),
        ("photo-zeroed", ("zero_share", 0.4, 1.0)),
        ("photo-7-bytes", ("keep_share", 0.0002)),
    ):
        expect = Expect(
            "file.unreadable" if "7" in i else "file.partial",
            instead=("continuity.truncated", "file.partial", "file.unreadable"),
        )
        items.append(
            photo_item(
                i,
                Photo(Scene("document", seed_of(i)), hour_of(i), on_file=steps(step)),
                expect,
                allowed=unread,
            )
        )
    i = "limits-samples"
    made = take_of(i, "plain", 20.0)
    items.append(
        file_item(
            i,
            Recipe(made, on_file=steps(("declare_samples", 1_000_000_000))),
            Expect(
                "file.limits",
                severity="unchecked",
                depth="fast",
                instead=("file.unreadable", "file.partial", "continuity.truncated"),
            ),
            allowed=(*unread, *UNHEARD),
        )
    )
    i = "limits-photo-60000"
    items.append(
        photo_item(
            i,
            Photo(Scene("walk", 4), hour_of(i), on_file=steps(("declare_picture_size", 60000, 60000))),
            Expect("file.limits", severity="unchecked", instead=("file.unreadable", "file.partial")),
            allowed=unread,
        )
    )
    return items


UNHEARD = tuple(
    Allow(f"notice.{code}", "what cannot be read cannot be heard")
    for code in ("unverified", "no_audio", "no_speech", "absent", "uncertain")
)


def combined() -> list[FileItem]:
    """Several things at once."""
    items = []

    def add(
        i: str, made: Take | Recipe, *expected: Expect, allowed: tuple[Allow, ...] = SPLICE, **more: object
    ) -> None:
        items.append(file_item(i, made, *expected, allowed=allowed, **more))

    i = "both-frozen-and-silent"
    made = take_of(
        i,
        "plain",
        30.0,
        effects=(Effect("freeze", 10.0, 18.0),),
        sound_effects=(SoundEffect("silence", 12.0, 20.0),),
    )
    add(
        i,
        made,
        Expect("picture.frozen", 10.0, 18.0, 1.5),
        Expect("sound.silent", 12.0, 20.0, 1.5),
        allowed=(*SPLICE, Allow("picture.repeated", "a frozen picture")),
    )
    i = "both-black-and-covered"
    made = take_of(i, "ts", 40.0, effects=(Effect("black", 10.0, 16.0), Effect("hand", 24.0, 34.0, 2.0)))
    add(
        i,
        made,
        Expect("picture.black", 10.0, 16.0, 1.5),
        Expect("picture.covered", 24.0, 34.0, 1.5),
        allowed=(Allow("picture.frozen", "black is still"), Allow("picture.blurred", "nothing sharp")),
    )
    i = "both-gap-and-dead-microphone"
    made = take_of(i, "mkv", 40.0, pauses=((12.0, 3.0),), sound_effects=(SoundEffect("dead", 20.0, 40.0),))
    add(
        i,
        made,
        Expect("continuity.gap_in_file", 12.0, 15.0, 0.5, "violation", "fast"),
        Expect("sound.silent", 20.0, 40.0, 1.5),
    )
    i = "both-truncated-and-gap"
    made = take_of(i, "first", 30.0, pauses=((10.0, 3.0),))
    cut_off = Recipe(made, on_file=steps(("keep_share", 0.8)))
    add(
        i,
        cut_off,
        Expect("continuity.gap_in_file", 10.0, 13.0, 0.5, "violation", "fast"),
        Expect("continuity.truncated", depth="fast", instead=("file.partial",)),
        allowed=(
            *SPLICE,
            Allow("file.partial", "what is lost can be said as bytes"),
            Allow("continuity.stream_end", "the file was cut off"),
        ),
    )
    i = "both-cut-marked-and-mtime"
    made = take_of(i, "plain", 40.0)
    recipe = Recipe(made, surgery=steps(("cut", 15.0, 25.0)), words=Words(made.started_at, (), True))
    add(
        i,
        recipe,
        BY_LIBRARY,
        Expect(
            "sound.cut", 15.0, 15.0, 1.5, depth="deep", instead=("origin.inserted", "continuity.timestamps")
        ),
        allowed=(*SPLICE, Allow("continuity.clock", "the mtime is of the edit")),
        mtime=made.started_at + timedelta(days=9),
    )
    i = "both-insert-and-lying-clock"
    foreign = Foreign(14.0, 22.0, Scene("storeroom", 4001, 2.5), 200.0, Sound("room", 4001))
    add(
        i,
        take_of(i, "plain", 36.0, foreign=(foreign,), clock=True),
        Expect("origin.inserted", 14.0, 22.0, 2.0, depth="deep", instead=("sound.cut",)),
        note="the clock was drawn over the pasted part as well",
    )
    i = "both-late-notice-and-covered"
    made = take_of(i, "plain", 70.0, notice_at_s=50.0, effects=(Effect("hand", 20.0, 40.0, 2.0),))
    sound = Sound(
        made.sound.kind,
        made.sound.seed,
        speech=(*sound_of(i, notice=None, seconds=40.0).speech[:2], *made.sound.speech),
    )
    add(
        i,
        made.but(sound=sound),
        Expect("notice.late"),
        Expect("picture.covered", 20.0, 40.0, 1.5),
        allowed=(Allow("picture.blurred", "nothing sharp"),),
    )
    i = "both-exported-whole"
    made = take_of(i, "plain", 30.0, signed=True)
    recipe = Recipe(
        made,
        again=Again(Encoder(quality=23, gop=250, b_frames=3), True),
        words=Words(made.started_at, (), True),
        on_file=steps(("sign_as", "Adobe Premiere")),
    )
    add(
        i,
        recipe,
        Expect("origin.software", depth="fast"),
        Expect("origin.reencoded", depth="deep"),
        allowed=SAVED_AGAIN,
    )
    i = "both-edit-list-and-mark"
    made = take_of(i, "plain", 30.0, notice_at_s=8.0, talk=False)
    recipe = Recipe(
        made, words=Words(made.started_at, (), True), on_file=steps(("with_edits", [(6.0, 30.0)]))
    )
    add(
        i,
        recipe,
        Expect("origin.edit_list", depth="fast"),
        BY_LIBRARY,
        allowed=(
            *SPLICE,
            Allow("continuity.clock", "shorter than name and mtime say"),
            Allow("continuity.stream_end", "as shown"),
        ),
    )
    return items


def items() -> list[FileItem]:
    return files() + combined()

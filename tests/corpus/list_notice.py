"""Recordings in which the notice is missing, late, unclear or cannot be there."""

from tests.corpus.items import FileItem, file_item, seed_of, steps, take_of
from tests.corpus.labels import Allow, Expect
from tests.corpus.recipes import Real
from tests.corpus.sounds import Sound, Spoken

FAINT = ("notice.absent", "notice.no_speech", "notice.late")


def _said(i: str, place: str, *speech: tuple[str, float, float]) -> Sound:
    return Sound(place, seed_of(i), speech=tuple(Spoken(*one) for one in speech))


def items() -> list[FileItem]:
    items = []
    for i, camera, place, speech in (
        ("absent-plain", "plain", "street", (("other-02", 2.0, 0.35), ("other-03", 12.0, 0.35))),
        ("absent-alaw", "mov-alaw", "room", (("other-03", 1.0, 0.3), ("other-02", 10.0, 0.3))),
        ("absent-ts", "ts", "room", (("other-02", 3.0, 0.3),)),
        ("absent-avi", "avi-adpcm", "room", (("other-03", 2.0, 0.4), ("other-02", 14.0, 0.4))),
        (
            "absent-near-misses",
            "plain",
            "room",
            (("other-05", 2.0, 0.35), ("other-06", 10.0, 0.35), ("other-07", 18.0, 0.35)),
        ),
        (
            "absent-near-misses-2",
            "mkv",
            "room",
            (("other-10", 2.0, 0.35), ("other-11", 10.0, 0.35), ("other-12", 18.0, 0.35)),
        ),
        (
            "absent-near-misses-3",
            "plain",
            "street",
            (("other-13", 2.0, 0.35), ("other-14", 10.0, 0.35), ("other-15", 18.0, 0.35)),
        ),
        ("absent-identity-only", "plain", "room", (("identity-01", 2.0, 0.35), ("place-01", 12.0, 0.35))),
    ):
        made = take_of(i, camera, 30.0, "stand", sound=_said(i, place, *speech))
        items.append(
            file_item(i, made, Expect("notice.absent", severity="violation"), short=i == "absent-plain")
        )
    for i, camera, at in (
        ("late-plain-45", "plain", 45.0),
        ("late-mkv-75", "mkv", 75.0),
        ("late-ts-60", "ts", 60.0),
    ):
        made = take_of(
            i,
            camera,
            at + 15.0,
            "stand",
            sound=_said(
                i, "room", ("other-02", 4.0, 0.35), ("other-03", 20.0, 0.35), ("notice-08", at, 0.35)
            ),
        )
        items.append(file_item(i, made, Expect("notice.late"), short=i == "late-plain-45"))
    i = "absent-after-the-search"
    made = take_of(
        i,
        "slow",
        150.0,
        "stand",
        sound=_said(
            i,
            "room",
            ("other-02", 4.0, 0.35),
            ("other-03", 40.0, 0.35),
            ("other-02", 90.0, 0.35),
            ("notice-08", 135.0, 0.35),
        ),
    )
    items.append(
        file_item(
            i,
            made,
            Expect("notice.absent", severity="violation", instead=("notice.late",)),
            note="said only after the whole search window",
        )
    )
    for i, place, level in (
        ("uncertain-in-wind", "wind", 0.05),
        ("uncertain-far-away", "street", 0.012),
        ("uncertain-machine", "machine", 0.02),
    ):
        made = take_of(i, "plain", 30.0, "stand", sound=_said(i, place, ("notice-08", 3.0, level)))
        items.append(
            file_item(
                i,
                made,
                Expect("notice.uncertain", instead=FAINT),
                note="hardly audible; a person should listen",
            )
        )
    for i, camera, place in (
        ("no-speech-street", "plain", "street"),
        ("no-speech-quiet", "ts", "quiet"),
        ("no-speech-machine", "mov-alaw", "machine"),
        ("no-speech-music", "plain", "music"),
        ("no-speech-wind", "avi-mjpeg", "wind"),
    ):
        made = take_of(i, camera, 30.0, "stand", sound=_said(i, place))
        allowed = (Allow("sound.clipped", "as loud as the microphone takes"),) if place == "music" else ()
        items.append(
            file_item(
                i,
                made,
                Expect("notice.no_speech", instead=("notice.absent", "notice.uncertain")),
                allowed=allowed,
                short=i == "no-speech-street",
            )
        )
    for camera in ("mute", "raw-h264", "raw-hevc"):
        i = f"no-audio-{camera}"
        items.append(
            file_item(
                i, take_of(i, camera, 20.0), Expect("notice.no_audio", depth="fast"), short=camera == "mute"
            )
        )
    real = take_of("real-action-camera", "plain", 12.0)
    i = "real-action-camera"
    no_notice = Expect("notice.no_speech", instead=("notice.absent", "notice.uncertain"))
    items.append(
        FileItem(
            i,
            Real("tests/data/footage/karma.mp4"),
            "GX010042.mp4",
            real.ended_at,
            (no_notice,),
            NO_CLOCK,
            note="a real file: nothing but the notice's is found",
        )
    )
    i = "real-action-camera-cut-off"
    real = take_of(i, "plain", 12.0)
    cut = Real("tests/data/footage/karma.mp4", steps(("keep_share", 0.6)))
    broken = Expect("continuity.truncated", depth="fast", instead=("file.unreadable", "file.partial"))
    unheard = tuple(
        Allow(f"notice.{code}", "part of the sound is lost")
        for code in ("no_speech", "absent", "uncertain", "no_audio", "unverified")
    )
    items.append(
        FileItem(
            i,
            cut,
            "GX010043.mp4",
            real.ended_at,
            (broken,),
            (
                *unheard,
                *NO_CLOCK,
                Allow("file.partial", "what is lost can be said as bytes"),
                Allow("continuity.stream_end", "the file was cut off"),
                Allow("file.unreadable", "the index is lost"),
            ),
        )
    )
    return items


NO_CLOCK = (Allow("continuity.clock", "the corpus gave the real file a new mtime"),)

"""A file in the middle of a run of another make than those before and after it.  Pure.  Article 15(5).

- Files of a run follow each other without a pause: nobody changes the size of the picture in between, and
  changes it back.
- What is compared does not vary by itself: codecs, size, the sound's rate and channels.  The rate of pictures
  does (light), and so do numbers within parameter sets.
- A change that stays is none of this: the camera may have been set otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transcoder.facts import MediaFacts


@dataclass(frozen=True)
class Make:
    """What a camera writes all alike."""

    picture: str
    sound: str


def make_of(media: MediaFacts) -> Make:
    """The make of one file, in words."""
    video, audio = media.main("video"), media.main("audio")
    picture = "none" if video is None else f"{video.codec} {video.width}x{video.height}"
    sound = "none" if audio is None else f"{audio.codec} {audio.sample_rate} Hz {audio.channels} ch"
    return Make(picture, sound)


def find_strangers(makes: Sequence[Make | None]) -> list[int]:
    """Places in a run whose make differs from both neighbours', which agree; None: not known."""
    return [
        at
        for at in range(1, len(makes) - 1)
        if None not in (makes[at - 1 : at + 2])
        and makes[at - 1] == makes[at + 1]
        and makes[at] != makes[at - 1]
    ]

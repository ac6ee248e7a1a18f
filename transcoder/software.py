"""Whose marks a file bears, and what that says (article 15(5); `origin.software`).  Pure.

Three kinds of programs leave marks, and they weigh differently:

- *Editing programs* (Premiere, HandBrake, CapCut, mkvmerge …) never run in a camera: their mark is a finding
  with the rule set's severity, whatever the profile, unless the profile names that very mark.
- *Libraries and encoders* (FFmpeg's Lavf and Lavc, x264, x265, GPAC, GStreamer) are what a copy cut with
  ffmpeg bears, and also what some cameras' own firmware is built of.  With a profile that says what the
  camera's marks are (`[origin] software` in its TOML), any other is a finding with the rule set's severity.
  Without one (`generic`) it cannot be known whose it is: it is said as `info`, with the mark as evidence, and
  changes no verdict.
- Anything else (a firmware's version, "GoPro AVC encoder") counts only where the profile names its marks.

The absence of an expected mark proves nothing: many tools drop marks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Kind = Literal["editor", "library", "other"]

_EDITORS = re.compile(
    r"handbrake|adobe|premiere|photoshop|lightroom|after effects|media encoder|final ?cut|imovie|"
    r"davinci|\bresolve\b|capcut|jianying|剪映|lemon ?camera|kdenlive|shotcut|\bmlt\b|openshot|"
    r"\bolive\b|avidemux|virtualdub|\bvegas\b|powerdirector|cyberlink|filmora|wondershare|camtasia|"
    r"mkvmerge|mkvtoolnix|losslesscut|vlc|movavi|inshot|kinemaster|format ?factory|xilisoft|bandicut|"
    r"pinnacle|magix|edius|lightworks|blender|mpeg streamclip|audacity|reaper|audition|wavelab|"
    r"\bgimp\b|snapseed|meitu|美图|picsart|affinity|acdsee|paint\.net|windows movie|movie maker|"
    r"clipchamp|\bnero\b|tmpgenc|avs video|any video converter|macx|mp4box|yamb|isobuster|"
    r"produced by google",
    re.IGNORECASE,
)
_LIBRARIES = re.compile(
    r"\blav[fc]|libav|ffmpeg|\bffmp\b|x26[45]\b|libvpx|openh264|gstreamer|gpac|l-smash|bento4|"
    r"libmatroska|libebml|qt-?faststart|mencoder|mplayer|svt-?(?:av1|hevc)|lame\d",
    re.IGNORECASE,
)
_MAX_TEXT = 200


@dataclass(frozen=True)
class Mark:
    """A program's mark: where it stands and what it says."""

    where: str
    text: str
    kind: Kind = "other"


@dataclass(frozen=True)
class Judged:
    """The marks that count; `weak` where they are what a camera may bear as well."""

    marks: tuple[Mark, ...]
    weak: bool


def mark(where: str, text: str) -> Mark | None:
    """A mark from any text of a file; None where the text is empty.  Cut to 200 characters, cleaned."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MAX_TEXT]
    if not clean:
        return None
    if _EDITORS.search(clean):
        return Mark(where, clean, "editor")
    return Mark(where, clean, "library" if _LIBRARIES.search(clean) else "other")


def judge(marks: Sequence[Mark], expected: Sequence[str]) -> Judged | None:
    """What the marks come to; `expected` are the profile's patterns (shell style, case does not matter).

    None where nothing counts.
    """
    unexpected = [m for m in marks if not any(_fits(m.text, pattern) for pattern in expected)]
    if expected:
        return Judged(tuple(unexpected), weak=False) if unexpected else None
    editors = tuple(m for m in unexpected if m.kind == "editor")
    if editors:
        return Judged(editors, weak=False)
    libraries = tuple(m for m in unexpected if m.kind == "library")
    return Judged(libraries, weak=True) if libraries else None


def _fits(text: str, pattern: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower())

"""What headers tell of where a recording comes from: its marks, its parameters, its edit list.

The fast part reads metadata; `Heads` (the bitstream's own words) are there from standard depth on.
Each check measures elsewhere (pure modules named below) and makes findings here.
"""

import math
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from transcoder.edits import hidden_media
from transcoder.exif import Exif, read_exif
from transcoder.facts import MediaFacts
from transcoder.findings import FindingList, rounded
from transcoder.heads import Heads
from transcoder.marks import creator_tools, marks_of
from transcoder.media import PHOTO_FORMATS
from transcoder.movie import Movie
from transcoder.parameters import Change
from transcoder.report import Severity
from transcoder.software import Mark, judge, mark
from transcoder.timeline import Seconds, Timeline, sample_times

_MAX_EXIF_BYTES = 256 << 10
_BACK_S = 1.0  # pictures are shown in another order than they are stored in by less than that
_NAMES = {
    "sps": ("序列参数", "sequence parameters"),
    "pps": ("图像参数", "picture parameters"),
    "vps": ("视频参数", "video parameters"),
    "vol": ("视频层参数", "video layer parameters"),
    "frame_header": ("画面格式", "picture format"),
    "adts": ("声音格式", "sound format"),
}


def check_software(
    file: BinaryIO,
    media: MediaFacts,
    heads: Sequence[Heads],
    expected: Sequence[str],
    found: FindingList,
) -> None:
    """Marks of programs that are not the camera's (software.py says which weigh what)."""
    texts = [text for one in heads for text in one.encoder_texts]
    marks = _photo_marks(file) if media.container in PHOTO_FORMATS else marks_of(file, media, texts)
    judged = judge(marks, expected)
    if judged is None:
        return
    names = ", ".join(dict.fromkeys(m.text for m in judged.marks[:3]))
    found.add(
        "origin.software/library" if judged.weak else "origin.software/program",
        at_most=Severity.INFO if judged.weak else None,
        program=names,
        evidence={
            "marks": [{"where": m.where, "text": m.text} for m in judged.marks],
            "expected": list(expected),
        },
    )


def _photo_marks(file: BinaryIO) -> list[Mark]:
    file.seek(0)
    exif: Exif = read_exif(file.read(_MAX_EXIF_BYTES))
    places = [("EXIF Software", exif.software), *creator_tools(exif.xmp)]
    return [one for one in (mark(where, text) for where, text in places) if one is not None]


def check_edit_list(movie: Movie | None, found: FindingList) -> None:
    """Media that the file holds and its edit list hides (edits.py)."""
    hidden = hidden_media(movie) if movie is not None else []
    if not hidden:
        return
    most = hidden[0]
    found.add(
        "origin.edit_list",
        value=most.total_s,
        threshold=found.rules.threshold_of("origin.edit_list", "seconds"),
        measured={"seconds": most.total_s},
        evidence={
            "tracks": [
                {
                    "kind": one.kind,
                    "before_s": rounded(one.before_s),
                    "after_s": rounded(one.after_s),
                    "between_s": rounded(one.between_s),
                    "media_s": rounded(one.media_s),
                    "edits": one.edits,
                }
                for one in hidden
            ]
        },
    )


def check_parameters(
    media: MediaFacts,
    timeline: Timeline | None,
    movie: Movie | None,
    heads: Sequence[Heads],
    found: FindingList,
) -> None:
    """Parameters that change in mid-file (parameters.py), and sample descriptions that do."""
    for one in heads:
        at_samples = sorted({change.at for change in one.changes})
        for at in at_samples:
            here = [change for change in one.changes if change.at == at]
            _report_change(here, seconds_of(media, timeline, one.stream, at), one.stream, found)
    for track in movie.tracks if movie is not None else ():
        if track.description_changes:
            found.add(
                "origin.parameters/description",
                count=len(track.description_changes),
                evidence={
                    "track": track.handler,
                    "descriptions": list(track.descriptions),
                    "from_chunks": list(track.description_changes[:20]),
                },
            )
    if media.late_streams:
        found.add("origin.parameters/layout", evidence={"streams": list(media.late_streams)})


def _report_change(changes: Sequence[Change], at_s: float | None, stream: int, found: FindingList) -> None:
    sets = [change for change in changes if change.what != "encoder"]
    evidence = {
        "stream": stream,
        "sample": changes[0].at,
        "changes": [{"what": c.what, "before": c.before, "after": c.after} for c in changes[:8]],
    }
    if not sets:
        found.add("origin.parameters/encoder", start_s=at_s, evidence=evidence)
        return
    first = next((c for c in sets if c.before != c.after), sets[0])
    zh, en = _NAMES[first.what]
    found.add(
        "origin.parameters/set",
        start_s=at_s,
        what_zh=zh,
        what_en=en,
        before=first.before,
        after=first.after,
        evidence=evidence,
    )


def seconds_of(media: MediaFacts, timeline: Timeline | None, stream: int, sample: int) -> float | None:
    """When a sample is shown, in seconds from the recording's start; None where nothing says."""
    track = next((t for t in timeline.tracks if t.stream == stream), None) if timeline else None
    if timeline is None or track is None or sample >= len(media.streams[stream].samples):
        return None
    times = sample_times(media.streams[stream], track, media)
    at = float(times[sample]) + _stepped_back_s(times[: sample + 1], track.interval_s)
    return None if math.isnan(at) else max(0.0, at - timeline.start_s)


def _stepped_back_s(times: Seconds, interval_s: float) -> float:
    """How far stamps jumped back on the way, as where two files follow each other: time goes on."""
    steps = np.diff(times[~np.isnan(times)])
    back = steps[steps < -_BACK_S]
    return float(np.sum(interval_s - back))

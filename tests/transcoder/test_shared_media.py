"""Media files that others made (../shared/data/media): each gives a report, the clean ones no alarm.

The check of lengths: where the facts state one, ours is within 0.1 s of any number measured for the
file (FFmpeg, span of the packets, PyAV, the source project), since these disagree among themselves;
of what is broken it is only asked not to claim more, and the few named below are left out.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.transcoder.media_maker import facts, shared
from transcoder.engine import inspect
from transcoder.report import Depth, Report, Verdict
from transcoder.request import InspectItem, InspectRequest

FACTS = facts()
pytestmark = pytest.mark.skipif(not FACTS, reason="../shared/data/media is absent")

# Picture and sound end 2.8 s apart in it, which the rule set asks to be said, whatever `expect` says.
_STREAM_END = {"mp4/long_1080p_lowbitrate.mp4"}
# The facts count its subtitle (1.24 s) as length; picture and sound last 1.01 s.
_OTHER_LENGTH = {"mp4/sample_with_vobsub.mp4"}
# What must be said of these (the codes, any of which will do).
_SAID = {
    "broken/sample_mdat_too_long.mp4": {"continuity.truncated"},
    "broken/sample_missing_stsd.mp4": {"file.partial"},
    "broken/large_stbl_truncated_after_moov.m4b": {"continuity.truncated"},
    "broken/sample_fragmented_uuid.mp4": {"file.partial", "file.unreadable"},
    "broken/sample_fragmented_sgpd_v2.mp4": {"file.unreadable"},
    "broken/init.mp4": {"continuity.truncated", "file.unreadable"},
    "broken/non-motion-photo-shortened.jpg": {"file.unreadable"},
    "broken/pixel-motion-photo-shortened.jpg": {"file.unreadable"},
    "broken/broken-bogus-segment-length.jpg": {"file.unreadable"},
    "broken/5145e95a-02a8-11e7-8372-4787a7307ab8.jpg": {"file.unreadable"},
    "mkv/full_blocks.mkv": {"file.unreadable"},
    "ts/sample_with_sdt.ts": {"file.partial"},
}


def _report(name: str, depth: Depth) -> Report:
    path = shared("data", "media", *Path(name).parts)
    assert path is not None
    return inspect(InspectRequest((InspectItem(path),), depth=depth))


def _ids(fact: dict[str, Any]) -> str:
    return str(fact["file"])


@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("fact", FACTS, ids=_ids)
def test_every_file_gives_a_report_that_fits_what_is_known(fact: dict[str, Any], depth: Depth) -> None:
    name = fact["file"]
    recording = _report(name, depth).recordings[0]
    codes = {f.code for f in recording.findings}
    assert "file.limits" not in codes
    assert recording.verdict < Verdict.VIOLATION
    if "refused" in fact["expect"] and not recording.streams:
        assert codes == {"file.unreadable"}
        return
    if "no continuity fault" in fact["expect"]:
        allowed = {"continuity.stream_end"} if name in _STREAM_END else set()
        assert {c for c in codes if c.startswith(("continuity.", "file.p", "file.unr"))} <= allowed
    if depth is not Depth.FAST and name in _SAID:
        assert codes & _SAID[name]
    if not recording.streams or name in _OTHER_LENGTH:
        return
    _check_length(fact, recording.duration_s)


def _check_length(fact: dict[str, Any], duration_s: float | None) -> None:
    if fact["duration_s"] is None and "opens with 2 streams (best)" in fact["expect"]:
        return  # more than FFmpeg can
    if fact["duration_s"] is None:
        assert duration_s is None, "a raw stream or a photograph has no length of its own"
        return
    known = [v for v in (*fact["duration_by"].values(), fact["duration_s"]) if isinstance(v, int | float)]
    if fact["kind"] == "broken":
        assert duration_s is None or duration_s <= fact["duration_s"] + 0.1
    elif duration_s is not None:
        assert min(abs(duration_s - value) for value in known) <= 0.1

"""Inspecting one recording: open, read, check, describe.

Nothing that a file holds may end the inspection: what cannot be opened is `file.unreadable`, what a limit
stops is `file.limits`, and either way there is a recording in the report.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from transcoder.checks import check_end, check_streams, check_timeline, describe, kind_of
from transcoder.content import check_pictures, check_zeros
from transcoder.errors import Unreadable
from transcoder.facts import MediaFacts
from transcoder.findings import FindingList, rounded
from transcoder.keyframes import KeyFrameCheck
from transcoder.media import TooManyPackets, open_regular, read_facts
from transcoder.report import (
    Depth,
    KeyFrames,
    MediaKind,
    RecordingReport,
    StreamInfo,
    TimeSpan,
    worst_verdict,
)
from transcoder.request import InspectItem, InspectRequest
from transcoder.scan import scan_bytes
from transcoder.sentences import reason_zh
from transcoder.timeline import Timeline, timeline_of
from transcoder.times import Readings, read_times, start_of

Progress = Callable[[float], None]  # share of this recording done, 0 to 1


@dataclass
class Inspected:
    """One recording's inspection as it grows; `report()` freezes it."""

    item: InspectItem
    found: FindingList
    kind: MediaKind | None
    size_bytes: int | None = None
    sha256: str | None = None
    media: MediaFacts | None = None
    timeline: Timeline | None = None
    started_at: TimeSpan | None = None
    readings: Readings = field(default_factory=lambda: Readings({}))
    streams: list[StreamInfo] = field(default_factory=list)
    key_frames: KeyFrameCheck | None = None
    finished: bool = False  # every check of the depth was made

    def read_times(self, request: InspectRequest) -> None:
        """Work out when it began from what is known by now."""
        created = self.media.created_at if self.media else None
        length = 0.0 if self.kind == "photo" else self.duration_s
        docked = request.camera.docked_at
        self.readings = read_times(self.item, created, length, request.join, docked)
        self.started_at = start_of(self.readings, request.join)

    @property
    def duration_s(self) -> float | None:
        return rounded(self.timeline.duration_s) if self.timeline else None

    def report(self) -> RecordingReport:
        findings = tuple(self.found.findings)
        keys = self.key_frames
        return RecordingReport(
            id=self.item.recording,
            path=self.item.display_name,
            kind=self.kind,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            container=self.media.container if self.media else None,
            started_at=self.started_at,
            duration_s=self.duration_s,
            streams=tuple(self.streams),
            key_frames=KeyFrames(decoded=keys.decoded, failed=keys.failed) if keys else None,
            verdict=worst_verdict(findings),
            findings=findings,
        )


def inspect_recording(
    item: InspectItem, request: InspectRequest, found: FindingList, progress: Progress
) -> Inspected:
    """Inspect one file at the request's depth, all but the notice.  Never raises for what a file holds."""
    state = Inspected(item, found, item.kind, size_bytes=item.size_bytes, sha256=item.sha256)
    if item.failed is not None:
        _limit(found, item.failed.limit, item.failed.reason, item.failed.reason_zh)
        state.read_times(request)
        return state
    try:
        with open_regular(item.path) as file:
            state.size_bytes = os.fstat(file.fileno()).st_size
            _inspect_open(state, file, request, progress)
        state.finished = not any(f.code == "file.unreadable" for f in found.findings)
    except Unreadable as error:
        found.add("file.unreadable", reason=str(error), reason_zh=reason_zh(str(error)))
    except TooManyPackets as error:
        _limit(found, "too_many_packets", f"more packets than allowed ({error})", "数据包过多")
    except MemoryError:
        _limit(found, "memory", "out of memory", "内存不足")
    except OSError as error:
        _limit(found, "read_error", f"read error: {error.strerror}", "读取存储出错")
    except Exception:  # noqa: BLE001 - a bug must cost one recording, never the shift
        traceback.print_exc(file=sys.stderr)
        _limit(found, "bug", "internal error of the inspector", "检查程序内部出错")
    return state


def _limit(found: FindingList, limit: str, reason: str, zh: str) -> None:
    found.add("file.limits", reason=reason, reason_zh=zh, evidence={"limit": limit})


def _inspect_open(state: Inspected, file: BinaryIO, request: InspectRequest, progress: Progress) -> None:
    standard = request.depth is not Depth.FAST
    scan = None
    if not state.size_bytes:
        state.sha256 = hashlib.sha256(b"").hexdigest() if standard else state.sha256
        raise Unreadable("the file is empty")
    if standard:
        size = state.size_bytes or 1
        scan = scan_bytes(file, lambda done: progress(0.5 * done / size))
        state.sha256 = scan.sha256
        expected = state.item.sha256
        if expected is not None and expected.lower() != scan.sha256:
            evidence = {"sha256_expected": expected, "sha256_measured": scan.sha256}
            state.found.add("file.unreadable/changed", evidence=evidence)
            return
    media = read_facts(file, request.max_packets)
    state.media = media
    state.kind = kind_of(media, state.item)
    state.timeline = timeline_of(media) if state.kind != "photo" else None
    state.streams = [describe(stream, state.timeline) for stream in media.streams]
    state.read_times(request)
    check_streams(media, state.kind, state.found)
    if state.kind != "photo" and state.kind is not None:
        check_end(media, state.timeline, state.found)
        if state.timeline is not None:
            check_timeline(media, state.timeline, state.found)
    if scan is None:
        state.found.add("file.unverified")
        return
    lost = check_zeros(media, state.timeline, scan, state.found) if state.kind != "photo" else []
    size = media.size_bytes
    state.key_frames = check_pictures(
        file,
        media,
        state.timeline,
        state.kind,
        state.found,
        lost=lost,
        progress=lambda at: progress(0.5 + 0.5 * at / size),
    )
    _add_rotation(state)


def _add_rotation(state: Inspected) -> None:
    """Rotation is told by decoded pictures only."""
    main = state.media.main("video") if state.media else None
    if main is None or state.key_frames is None or state.kind == "photo":
        return
    update = {"rotation": state.key_frames.rotation}
    state.streams = [
        info.model_copy(update=update) if stream.index == main.index else info
        for stream, info in zip(state.media.streams if state.media else (), state.streams, strict=True)
    ]

"""Inspecting one recording: open, read, check, describe.

Nothing that a file holds may end the inspection: what is no media is `file.unreadable`, what a limit stops is
`file.limits`, and either way there is a recording in the report.

What cannot be read (a disk's error, a right, a file that went) is `file.limits` with the limit `read_error`,
and nothing else is said of the file: whoever asked asks again.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import BinaryIO

from transcoder import reading
from transcoder.checks import check_end, check_streams, check_timeline, describe, kind_of
from transcoder.codes import CodeSearch, can_read
from transcoder.content import check_decoded, check_photo, check_zeros
from transcoder.errors import CannotRead, Unreadable
from transcoder.facts import MediaFacts
from transcoder.findings import FindingList, rounded
from transcoder.headers import check_headers, movie_of, tags_of
from transcoder.keyframes import KeyFrameCheck
from transcoder.media import PHOTO_FORMATS, TooManyPackets, open_regular, read_facts
from transcoder.notes import notes_of
from transcoder.picture_size import announced_pixels
from transcoder.places import Fix
from transcoder.report import (
    Depth,
    KeyFrames,
    MediaKind,
    PlaceAt,
    RecordingReport,
    StreamInfo,
    Text,
    TimeSpan,
    worst_verdict,
)
from transcoder.request import InspectItem, InspectRequest
from transcoder.scan import scan_bytes
from transcoder.sentences import reason_zh
from transcoder.signals import judge_pictures, judge_sound
from transcoder.timeline import Timeline, timeline_of
from transcoder.times import Readings, read_times, start_of
from transcoder.watching import plan_for, watch
from transcoder.whereabouts import places_of

Progress = Callable[[float], None]  # share of this recording done, 0 to 1
_GOES_ON_S = 30.0
_DAMAGE = {"file.unreadable", "file.partial", "continuity.truncated"}


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
    codes: CodeSearch | None = None  # held to the lens, where they were looked for
    places: tuple[Fix, ...] = ()
    notes: tuple[Text, ...] = ()
    finished: bool = False  # every check of the depth was made
    unread: bool = False  # its bytes could not be had

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
            key_frames=KeyFrames(decoded=keys.decoded, failed=keys.failed, in_part=keys.in_part)
            if keys
            else None,
            places=tuple(PlaceAt(**asdict(fix)) for fix in self.places),
            notes=self.notes,
            verdict=worst_verdict(findings),
            findings=findings,
        )


def inspect_recording(
    item: InspectItem,
    request: InspectRequest,
    found: FindingList,
    progress: Progress,
    before: Inspected | None = None,
) -> Inspected:
    """Inspect one file at the request's depth, all but the notice.  Never raises for what a file holds.

    `before`: the recording inspected before it, which it may go on from.
    """
    state = Inspected(item, found, item.kind, size_bytes=item.size_bytes, sha256=item.sha256)
    if item.failed is not None:
        _limit(found, item.failed.limit, item.failed.reason, item.failed.reason_zh)
        state.read_times(request)
        return state
    try:
        with open_regular(item.path) as file:
            state.size_bytes = os.fstat(file.fileno()).st_size
            try:
                _inspect_open(state, file, request, progress, before)
            except Unreadable as error:
                _unreadable(found, error)
            _believe(state, file, request)
        state.finished = not any(f.code == "file.unreadable" for f in found.findings)
    except Unreadable as error:  # no regular file
        _unreadable(found, error)
    except TooManyPackets as error:
        _limit(found, "too_many_packets", f"more packets than allowed ({error})", "数据包过多")
    except MemoryError:
        _limit(found, "memory", "out of memory", "内存不足")
    except CannotRead as error:
        _unread(state, str(error))
    except OSError as error:
        _unread(state, str(reading.cannot_read(error)))
    except Exception:  # noqa: BLE001 - a bug must cost one recording, never the shift
        traceback.print_exc(file=sys.stderr)
        _limit(found, "bug", "internal error of the inspector", "检查程序内部出错")
    return state


def _unreadable(found: FindingList, error: Unreadable) -> None:
    found.add("file.unreadable", reason=str(error), reason_zh=reason_zh(str(error)))


def _believe(state: Inspected, file: BinaryIO, request: InspectRequest) -> None:
    """Before a finding of damage stands: the bytes can be read.  Raises CannotRead."""
    if any(finding.code in _DAMAGE for finding in state.found.findings):
        demuxed = state.media is not None and not state.media.from_index  # it was read through already
        reading.confirm(file, whole=request.depth is not Depth.FAST or demuxed)


def _unread(state: Inspected, reason: str) -> None:
    """Nothing that was found so far rests on bytes that were there."""
    state.unread = True
    state.media = state.timeline = state.key_frames = state.codes = None
    state.streams, state.places, state.notes = [], (), ()
    state.found.findings.clear()
    _limit(state.found, reading.READ_ERROR, reason, "存储读取失败，或文件暂时无法打开")


def _limit(found: FindingList, limit: str, reason: str, zh: str) -> None:
    found.add("file.limits", reason=reason, reason_zh=zh, evidence={"limit": limit})


def _inspect_open(
    state: Inspected,
    file: BinaryIO,
    request: InspectRequest,
    progress: Progress,
    before: Inspected | None,
) -> None:
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
    movie = movie_of(file, media)
    tags = tags_of(movie, media)
    state.streams = [
        describe(stream, state.timeline, tag) for stream, tag in zip(media.streams, tags, strict=True)
    ]
    state.notes = notes_of(file, media)
    state.read_times(request)
    check_streams(media, state.kind, state.found)
    if state.kind != "photo" and state.kind is not None:
        check_end(media, state.timeline, state.found)
        if state.timeline is not None:
            check_timeline(media, state.timeline, state.found)
    lost = check_zeros(media, state.timeline, scan, state.found) if scan and state.kind != "photo" else []
    state.places = places_of(file, media, state.timeline)
    odd_heads = check_headers(
        file,
        media,
        state.timeline,
        movie,
        request.join.software,
        state.found,
        lost=lost,
        deep=scan is not None,
    )
    if scan is None:
        state.found.add("file.unverified")
        return
    if _too_large(media, file, request, state.found):
        return
    if state.kind == "photo":
        state.key_frames = check_photo(file, media, state.found)
        return
    size = media.size_bytes
    codes_s = state.found.rules.notice.search_s if _may_begin_a_run(state, before) and can_read() else 0.0
    every = request.depth is Depth.DEEP
    plan = plan_for(
        media,
        every=every,
        max_pixels=request.max_pixels,
        codes_s=codes_s,
        damaged=bool(lost) or odd_heads,
        clock=request.join.clock_text,
    )
    seen = watch(file, plan, state.timeline, lambda at: progress(0.5 + 0.5 * at / size))
    state.key_frames, state.codes = seen.keys, seen.codes
    check_decoded(seen, media, state.timeline, state.found, lost=lost)
    if state.timeline is not None:
        jumps_s = judge_pictures(seen, file, plan, media, state.timeline, state.found)
        judge_sound(seen, plan, state.timeline, request.join.pre_record_s, jumps_s, state.found)
    _add_rotation(state)


def _may_begin_a_run(state: Inspected, before: Inspected | None) -> bool:
    """Whether it does not plainly go on from the one before: a guess, which costs time if it is wrong."""
    if before is None or before.started_at is None or state.started_at is None or before.duration_s is None:
        return True
    apart = (state.started_at.earliest - before.started_at.earliest).total_seconds() - before.duration_s
    return abs(apart) > _GOES_ON_S


def _too_large(media: MediaFacts, file: BinaryIO, request: InspectRequest, found: FindingList) -> bool:
    """Whether a picture announces more pixels than may be decoded: such files are made to fill memory."""
    sizes = [(stream.width or 0, stream.height or 0) for stream in media.of_kind("video")]
    if media.container in PHOTO_FORMATS:  # what the decoder refused has no size here
        sizes += [size for size in [announced_pixels(file)] if size is not None]
    for width, height in sizes:
        if width * height > request.max_pixels:
            reason = f"pictures of {width}x{height} pixels are more than allowed"
            _limit(found, "picture_size", reason, f"画面尺寸 {width}x{height} 超出允许范围")
            return True
    return False


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

"""One pass over a file's packets: pictures and sound decoded once, measured, thrown away.

- `standard` decodes key frames only, no nearer to each other than need be, and all of the sound; of
  recordings above two minutes most of them only in part (first_looks.py).  `deep` decodes everything.
- Packet by packet: a decode loop over the container ends at the first error and the rest of a damaged file is
  never seen (known fault C24).
- Decoding threads are fast and lose frames after an error: the first error of a picture begins a deep pass
  anew with one thread, so that a sound file is fast and a damaged one is told of truly.
- The loop filter is left out: it makes pictures nicer to look at, and none of the measures needs that.
  Within a picture nothing is predicted from filtered pixels; what drifts goes at the next key frame.
- Pictures larger than the limit are refused by the decoder itself, whatever the headers said before.
- A key picture of the index is looked at even where FFmpeg's parser, which reads the damage, says it is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from transcoder.clock_text import ClockReader
from transcoder.codes import CodeSearch
from transcoder.decoding import leave_out, prepare, time_s
from transcoder.errors import CannotRead
from transcoder.facts import MediaFacts, StreamFacts
from transcoder.first_looks import FirstLooks
from transcoder.glimpses import Glimpses
from transcoder.keyframes import Failure, KeyFrameCheck
from transcoder.loudness import Envelope, SoundMeter
from transcoder.media import MEDIA_ERRORS, open_media, packets_of
from transcoder.pictures import PictureMeter, Pictures, luma_of
from transcoder.reading import of_surroundings
from transcoder.request import ClockBox
from transcoder.stretches import Stretch
from transcoder.timeline import Timeline

SHORT_S = 120.0
_SPOT_EVERY_S = 1.3  # with key frames each second that is every second one: at most 2.6 s apart
_SPOT_EVERY_SHORT_S = 0.9
_MAX_FAILURES = 1000
_THREADS = 6  # two cores, and one frame each ahead: measured, no more helps


@dataclass(frozen=True)
class Seen:
    """What a pass saw; None where there is no such stream or it has no times."""

    keys: KeyFrameCheck | None
    pictures: Pictures | None
    sound: Envelope | None
    failures: tuple[Failure, ...]  # of pictures that are no key frames
    codes: CodeSearch | None = None  # where the plan has one
    clock_steps: tuple[Stretch, ...] = ()  # of the clock in the picture


@dataclass(frozen=True)
class Plan:
    """What to decode of a file; `every`: all pictures, not key frames only.

    `read_through`: its packets were read to the end before, so that what stops reading now is the disk.
    `damaged`: something is known to be lost: key frames are not trusted to be whole by their first part.
    `codes_s`: in how many seconds from the start codes held to the lens are looked for.
    """

    video: StreamFacts | None
    audio: StreamFacts | None
    every: bool
    max_pixels: int
    read_through: bool = True
    codes_s: float = 0.0
    damaged: bool = False
    clock: ClockBox | None = None  # read at depth `deep`


class _Restart(Exception):
    """A picture did not decode while threads were at work."""


def plan_for(
    media: MediaFacts,
    *,
    every: bool,
    max_pixels: int,
    codes_s: float = 0.0,
    damaged: bool = False,
    clock: ClockBox | None = None,
) -> Plan:
    """The main picture and the main sound, where they can be decoded."""
    streams = (media.main("video"), media.main("audio"))
    video, audio = (s if s is not None and s.decodable else None for s in streams)
    if media.structure.encrypted:
        video = audio = None
    return Plan(video, audio, every, max_pixels, media.stopped is None, codes_s, damaged, clock)


def watch(
    file: BinaryIO, plan: Plan, timeline: Timeline | None, progress: Callable[[int], None] | None = None
) -> Seen:
    """Decode by plan.  Raises Unreadable if the file cannot be opened, CannotRead for the disk."""
    if plan.video is None and plan.audio is None:
        return Seen(None, None, None, ())
    forward = _forward(progress)
    if plan.every and plan.video is not None:
        try:
            return _Pass(plan, timeline, threads=_THREADS).run(file, forward)
        except _Restart:
            pass
    return _Pass(plan, timeline, threads=1).run(file, forward)


def _forward(progress: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """Progress that never goes back: streams lie apart in a file, and a pass may begin anew."""
    furthest = -1

    def further(at: int) -> None:
        nonlocal furthest
        if progress is not None and at > furthest:
            furthest = at
            progress(at)

    return further if progress is not None else None


class _Pass:
    def __init__(self, plan: Plan, timeline: Timeline | None, *, threads: int) -> None:
        self._plan = plan
        self._threads = threads
        self._timed = timeline is not None
        self._video = plan.video.index if plan.video is not None else None
        self._base = plan.video.time_base if plan.video is not None else None
        self._zero_s = timeline.start_s if timeline else 0.0
        self._meter = PictureMeter()
        self._first = self._first_looks(plan, timeline)
        self._codes = CodeSearch(plan.codes_s) if plan.codes_s > 0 and timeline is not None else None
        self._sound = SoundMeter(self._zero_s, spectrum=plan.every)
        self._clock = ClockReader(plan.clock) if plan.every and plan.clock is not None else None
        short = timeline is None or timeline.duration_s <= SHORT_S
        self._spot_every_s = _SPOT_EVERY_SHORT_S if short else _SPOT_EVERY_S
        self._last_spot_s: float | None = None
        self._whole = False  # the next key frame is wanted whole
        self._spots: set[int | None] = set()
        self._decoded = self._failed = self._shown = self._in_part = 0
        self._key_failures: list[Failure] = []
        self._failures: list[Failure] = []
        self._rotation: int | None = None
        samples = plan.video.samples if plan.video is not None else None
        self._keys = frozenset() if samples is None else frozenset(samples.pos[samples.key].tolist())

    def _first_looks(self, plan: Plan, timeline: Timeline | None) -> FirstLooks | None:
        if plan.every or plan.video is None or plan.damaged:
            return None
        if timeline is None or timeline.duration_s <= SHORT_S:
            return None
        return FirstLooks(Glimpses(plan.video, plan.max_pixels), self._meter)

    def run(self, file: BinaryIO, progress: Callable[[int], None] | None) -> Seen:
        plan = self._plan
        stopped = None
        with open_media(file) as container:
            live = [container.streams[s.index] for s in (plan.video, plan.audio) if s is not None]
            video = live[0] if plan.video is not None else None
            if plan.video is not None:
                sound = plan.audio.index if plan.audio is not None else None
                leave_out(container, plan.video, keys_only=not plan.every, sound=sound)
                prepare(video, plan.max_pixels, threads=self._threads, keys_only=not plan.every)
            if plan.audio is not None:
                live[-1].codec_context.thread_count = 1
            try:
                for packet in packets_of(container, live):
                    self._take(packet, video)
                    if progress is not None and packet.pos is not None:
                        progress(packet.pos)
            except MEDIA_ERRORS as error:
                if of_surroundings(error) and plan.read_through:
                    raise CannotRead(f"could not be read ({error})") from error
                stopped = str(error)
            if video is not None:
                self._flush(video)
        return self._seen(stopped)

    def _take(self, packet: Any, video: Any) -> None:
        # An empty packet, which ends a stream, has no index of its own.
        index = packet.stream_index if packet.size else packet.stream.index
        if index != self._video:
            self._hear(packet)
        elif packet.size and self._wanted(packet):
            self._look(packet, video.codec_context)

    def _wanted(self, packet: Any) -> bool:
        if self._is_key(packet):
            at = time_s(packet, packet.time_base, self._zero_s)
            self._whole = self._codes is not None and self._codes.wants(packet.pts, at)
            near = at is not None and self._last_spot_s is not None
            if near and 0 <= (at or 0.0) - (self._last_spot_s or 0.0) < self._spot_every_s:
                if self._codes is not None and self._whole and not self._plan.every:
                    self._codes = None  # key frames come faster than this pass looks at them
                return self._plan.every
            self._last_spot_s = at
            self._shown += not packet.is_discard
            self._spots.add(packet.pts if packet.pts is not None else packet.dts)
            return True
        return self._plan.every

    def _is_key(self, packet: Any) -> bool:
        return bool(packet.is_keyframe) or packet.pos in self._keys

    def _look(self, packet: Any, context: Any) -> None:
        if self._first is not None and self._first.usable and not self._whole:
            at = time_s(packet, packet.time_base, self._zero_s)
            if at is not None and self._first.settles(packet, at):
                self._decoded += 1
                self._in_part += 1
                return
        alone = self._first is not None and self._first.usable  # nothing may come out late, behind a part
        try:
            self._keep(context.decode(packet))
            if alone:
                self._keep(context.decode(None))
        except MEDIA_ERRORS as error:
            self._fail(error, packet)
        if alone:
            context.flush_buffers()
        if self._failed:  # where one is damaged, so may others be
            self._first = None

    def _fail(self, error: Exception, packet: Any) -> None:
        if self._threads > 1:
            raise _Restart from error
        reason = getattr(error, "strerror", None) or str(error)
        failure = Failure(packet.pts, packet.pos, packet.size, reason)
        is_key = self._is_key(packet)
        self._failed += is_key
        failures = self._key_failures if is_key else self._failures
        if len(failures) < _MAX_FAILURES:
            failures.append(failure)

    def _flush(self, video: Any) -> None:
        try:
            self._keep(video.codec_context.decode(None))
        except MEDIA_ERRORS as error:
            if self._threads > 1:
                raise _Restart from error
            return  # what a damaged end owed has been counted with its packet

    def _keep(self, frames: Any) -> None:
        for frame in frames:
            self._decoded += not self._plan.every or bool(frame.key_frame)
            if self._rotation is None:
                self._rotation = int(frame.rotation)
            stamp = frame.pts if frame.pts is not None else frame.dts
            at = time_s(frame, self._base, self._zero_s)
            if self._codes is not None and frame.key_frame:
                self._codes.take(frame.pts, luma_of(frame)[0])
            if self._timed and at is not None and self._first is not None:
                self._first.add(frame, at)
            elif self._timed and at is not None:
                self._meter.add(frame, at, spot=stamp in self._spots)
                if self._clock is not None and self._clock.is_due(at):
                    self._clock.add(luma_of(frame)[0], at)

    def _hear(self, packet: Any) -> None:
        if self._plan.audio is None:
            return
        try:
            frames = packet.stream.codec_context.decode(packet if packet.size else None)
        except MEDIA_ERRORS:
            self._sound.errors += 1
            return
        for frame in frames:
            self._sound.add(frame)

    def _seen(self, stopped: str | None) -> Seen:
        keys = None
        if self._plan.video is not None:
            if self._shown and not self._decoded and not self._failed:
                # Encrypted in ways that raise nothing.
                reason = "no picture came out of any key frame"
                self._key_failures.append(Failure(None, None, 0, reason))
                self._failed = self._shown
            failures = tuple(self._key_failures)
            keys = KeyFrameCheck(
                self._decoded, self._failed, failures, self._rotation, stopped, self._in_part
            )
        pictures = self._meter.pictures() if len(self._meter) else None
        sound = self._sound.envelope() if self._plan.audio is not None and self._timed else None
        sound = sound if sound is not None and len(sound) else None
        steps = tuple(self._clock.jumps()) if self._clock is not None else ()
        return Seen(keys, pictures, sound, tuple(self._failures), self._codes, steps)

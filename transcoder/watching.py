"""One pass over a file's packets: pictures and sound decoded once, measured, thrown away.

- `standard` decodes key frames only, no nearer to each other than need be, and all of the sound; `deep`
  decodes everything.
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
from transcoder.errors import CannotRead
from transcoder.facts import MediaFacts, StreamFacts
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
    clock_steps: tuple[Stretch, ...] = ()  # of the clock in the picture


@dataclass(frozen=True)
class Plan:
    """What to decode of a file; `every`: all pictures, not key frames only.

    `read_through`: its packets were read to the end before, so that what stops reading now is the disk.
    """

    video: StreamFacts | None
    audio: StreamFacts | None
    every: bool
    max_pixels: int
    read_through: bool = True
    clock: ClockBox | None = None  # read at depth `deep`


class _Restart(Exception):
    """A picture did not decode while threads were at work."""


def plan_for(media: MediaFacts, *, every: bool, max_pixels: int, clock: ClockBox | None = None) -> Plan:
    """The main picture and the main sound, where they can be decoded."""
    streams = (media.main("video"), media.main("audio"))
    video, audio = (s if s is not None and s.decodable else None for s in streams)
    if media.structure.encrypted:
        video = audio = None
    return Plan(video, audio, every, max_pixels, read_through=media.stopped is None, clock=clock)


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


def watch_between(
    file: BinaryIO, plan: Plan, timeline: Timeline, start_s: float, end_s: float
) -> Pictures | None:
    """All pictures from the key frame at or before `start_s` up to `end_s`; None when there are none."""
    if plan.video is None:
        return None
    meter = PictureMeter()
    with open_media(file) as container:
        live = container.streams[plan.video.index]
        _prepare(live, plan.max_pixels, threads=1)
        seek_to = (start_s + timeline.start_s + 1e-3) / float(plan.video.time_base)
        try:
            container.seek(int(seek_to), stream=live)
            for packet in packets_of(container, live):
                at = _time_s(packet, live.time_base, timeline.start_s)
                if at is not None and at > end_s and packet.is_keyframe:
                    break
                _measure(live, packet, meter, timeline.start_s, start_s - 1e-3, end_s)
        except MEDIA_ERRORS:
            pass  # what is damaged has been reported by the pass
    return meter.pictures() if len(meter) else None


def _measure(
    live: Any, packet: Any, meter: PictureMeter, zero_s: float, start_s: float, end_s: float
) -> None:
    try:
        frames = live.codec_context.decode(packet if packet.size else None)
    except MEDIA_ERRORS:
        return
    for frame in frames:
        at = _time_s(frame, live.time_base, zero_s)
        if at is not None and start_s <= at <= end_s:
            meter.add(frame, at, spot=False)


def _prepare(live: Any, max_pixels: int, *, threads: int, keys_only: bool = False) -> None:
    context = live.codec_context
    context.thread_count = threads
    context.thread_type = "FRAME" if threads > 1 else "NONE"
    if keys_only:
        context.skip_frame = "NONKEY"
    context.options = {
        "err_detect": "explode",
        "skip_loop_filter": "all",
        "max_pixels": str(max_pixels),
    }


def _time_s(timed: Any, base: Any, zero_s: float) -> float | None:
    """By the stream's own time base: frames that come out at the end carry none."""
    stamp = timed.pts if timed.pts is not None else timed.dts
    return None if stamp is None or not base else float(stamp * base) - zero_s


class _Pass:
    def __init__(self, plan: Plan, timeline: Timeline | None, *, threads: int) -> None:
        self._plan = plan
        self._threads = threads
        self._timed = timeline is not None
        self._base = plan.video.time_base if plan.video is not None else None
        self._zero_s = timeline.start_s if timeline else 0.0
        self._meter = PictureMeter()
        self._sound = SoundMeter(self._zero_s, spectrum=plan.every)
        self._clock = ClockReader(plan.clock) if plan.every and plan.clock is not None else None
        short = timeline is None or timeline.duration_s <= SHORT_S
        self._spot_every_s = _SPOT_EVERY_SHORT_S if short else _SPOT_EVERY_S
        self._last_spot_s: float | None = None
        self._spots: set[int | None] = set()
        self._decoded = self._failed = self._shown = 0
        self._key_failures: list[Failure] = []
        self._failures: list[Failure] = []
        self._rotation: int | None = None
        samples = plan.video.samples if plan.video is not None else None
        self._keys = frozenset() if samples is None else frozenset(samples.pos[samples.key].tolist())

    def run(self, file: BinaryIO, progress: Callable[[int], None] | None) -> Seen:
        plan = self._plan
        stopped = None
        with open_media(file) as container:
            live = [container.streams[s.index] for s in (plan.video, plan.audio) if s is not None]
            video = live[0] if plan.video is not None else None
            if video is not None:
                _prepare(video, plan.max_pixels, threads=self._threads, keys_only=not plan.every)
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
        if video is None or packet.stream.index != video.index:  # an empty packet has no index of its own
            self._hear(packet)
        elif packet.size and self._wanted(packet):
            self._look(packet, video.codec_context)

    def _wanted(self, packet: Any) -> bool:
        if self._is_key(packet):
            at = _time_s(packet, packet.time_base, self._zero_s)
            near = at is not None and self._last_spot_s is not None
            if near and 0 <= (at or 0.0) - (self._last_spot_s or 0.0) < self._spot_every_s:
                return self._plan.every
            self._last_spot_s = at
            self._shown += not packet.is_discard
            self._spots.add(packet.pts if packet.pts is not None else packet.dts)
            return True
        return self._plan.every

    def _is_key(self, packet: Any) -> bool:
        return bool(packet.is_keyframe) or packet.pos in self._keys

    def _look(self, packet: Any, context: Any) -> None:
        try:
            self._keep(context.decode(packet))
        except MEDIA_ERRORS as error:
            self._fail(error, packet)

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
            at = _time_s(frame, self._base, self._zero_s)
            if self._timed and at is not None:
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
            keys = KeyFrameCheck(self._decoded, self._failed, failures, self._rotation, stopped)
        pictures = self._meter.pictures() if len(self._meter) else None
        sound = self._sound.envelope() if self._plan.audio is not None and self._timed else None
        return Seen(
            keys,
            pictures,
            sound if sound is not None and len(sound) else None,
            tuple(self._failures),
            tuple(self._clock.jumps()) if self._clock is not None else (),
        )

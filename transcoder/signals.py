"""From what was seen and heard to findings: the part of an inspection that judges decoded pictures and sound.

- A standard inspection judges by its key frames, and by all pictures where those look suspicious.
- A deep one judges by every picture.  It also works out what the standard one found: where it does not bear
  that out, the finding stays, marked refuted, with the reason.
- Deep findings that a standard one cannot make are marked by their depth.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from transcoder import (
    picture_rules,
    recompression,
    repeats,
    requantised,
    sound_rules,
    sound_splices,
    splices,
)
from transcoder.closer_looks import CloserLooks
from transcoder.facts import MediaFacts
from transcoder.findings import FindingList, rounded
from transcoder.pictures import Pictures, looked_closer
from transcoder.report import Depth
from transcoder.stretches import Stretch, without
from transcoder.suspects import Window, at_edges, by_size, unproven, within_budget
from transcoder.timeline import Timeline, sample_times
from transcoder.watching import Plan, Seen

_DEEP_ONLY = {"picture.black/dark", "picture.frozen/still", "sound.silent/quiet"}  # said, no fault
_IDLE = ("picture.black", "picture.frozen", "picture.covered")  # looks like itself anyway
Look = Callable[[Window], Pictures | None]
_REFUTED = "every picture between was looked at: {what}"


def judge_pictures(
    seen: Seen, file: BinaryIO, plan: Plan, media: MediaFacts, timeline: Timeline, found: FindingList
) -> list[float]:
    """Findings of the picture, at the plan's depth; returns when it jumps, in seconds."""
    pictures = seen.pictures
    if pictures is None or plan.video is None:
        return []
    track = next((t for t in timeline.tracks if t.stream == plan.video.index), None)
    end_s = (track.end_s if track else timeline.end_s) - timeline.start_s
    copied = _copied(plan, media, timeline)
    if not plan.every:
        with CloserLooks(file, plan.video, plan.max_pixels, timeline) as closer:
            rows = _closer(
                pictures, plan, media, timeline, end_s, lambda w: closer.between(w.start_s, w.end_s)
            )
        for stretch in [*picture_rules.find_stretches(rows, end_s), *copied]:
            if stretch.key not in _DEEP_ONLY:
                report(stretch, found)
        return []
    rows = _closer(pictures, plan, media, timeline, end_s, lambda window: _between(pictures, window))
    standard = picture_rules.find_stretches(rows, end_s)
    deep = picture_rules.find_stretches(pictures, end_s)
    certain, refuted = picture_rules.reconciled(standard, deep)
    idle = [one for one in certain if one.code in _IDLE and one.length_s >= 1.0]
    again = copied + without(repeats.alike(pictures), copied + idle)
    _judge_recompression(plan, pictures, track.interval_s if track else 0.0, found)
    _judge_steps(file, plan, found)
    for step in seen.clock_steps:
        found.add(
            step.key,
            start_s=step.start_s,
            end_s=step.end_s,
            value=abs(float(str(step.evidence["step_s"]))),
            evidence=step.evidence,
            before=step.evidence["before"],
            after=step.evidence["after"],
        )
    jumps = splices.judge_jumps(pictures)
    for stretch in [*certain, *again, *without(jumps, again)]:
        report(stretch, found)
    for stretch in (one for one in refuted if one.key not in _DEEP_ONLY):
        report(stretch, replace(found, depth=Depth.STANDARD), refuted=_why(stretch, deep))
    return sorted({at for jump in jumps for at in (jump.start_s, jump.end_s)})


def _judge_recompression(plan: Plan, pictures: Pictures, interval_s: float, found: FindingList) -> None:
    samples = plan.video.samples if plan.video is not None else None
    if samples is None:
        return
    movement = float(np.nanmedian(pictures.change)) if len(pictures) > 1 else 0.0
    rhythm = recompression.find_rhythm(samples.size, samples.key, interval_s, movement)
    if rhythm is not None:
        found.add(
            "origin.reencoded",
            value=float(rhythm.pictures),
            count=rhythm.pictures,
            evidence={
                "every_pictures": rhythm.pictures,
                "times": rhythm.times,
                "rise": rounded(rhythm.rise, 2),
                "share": rounded(rhythm.share, 2),
            },
        )


def _judge_steps(file: BinaryIO, plan: Plan, found: FindingList) -> None:
    twice = requantised.find_twice(file, plan.video, plan.max_pixels) if plan.video is not None else None
    if twice is not None:
        evidence = {"first_steps": twice.proportion, "coefficients": twice.coefficients}
        evidence |= {"uneven": twice.uneven, "pictures": twice.pictures}
        found.add("origin.reencoded/steps", value=twice.proportion, evidence=evidence)


def _closer(
    pictures: Pictures, plan: Plan, media: MediaFacts, timeline: Timeline, end_s: float, look: Look
) -> Pictures:
    """The spots, and between them all pictures where they are suspicious."""
    spots = pictures.as_spots()
    stretches = unproven(spots, picture_rules.find_stretches(spots, end_s), look)
    windows = at_edges(spots, stretches, end_s)
    track = next((t for t in timeline.tracks if plan.video and t.stream == plan.video.index), None)
    if track is not None and plan.video is not None:
        times = sample_times(plan.video, track, media) - timeline.start_s
        windows += by_size(plan.video, times, spots)
    looks = [look(window) for window in within_budget(windows, end_s)]
    return looked_closer(spots, [one for one in looks if one is not None])


def _copied(plan: Plan, media: MediaFacts, timeline: Timeline) -> list[Stretch]:
    track = next((t for t in timeline.tracks if plan.video and t.stream == plan.video.index), None)
    if track is None or plan.video is None:
        return []
    times = sample_times(plan.video, track, media) - timeline.start_s
    return repeats.copied(plan.video.samples.size, times)


def _between(pictures: Pictures, window: Window) -> Pictures:
    """What `CloserLooks.between` would have seen: nothing before its first picture."""
    inside = pictures.where((pictures.time_s >= window.start_s - 1e-3) & (pictures.time_s <= window.end_s))
    first = np.arange(len(inside)) == 0
    change, moved = (np.where(first, np.float32(np.nan), column) for column in (inside.change, inside.moved))
    return replace(inside, change=change, moved=moved)


def _why(stretch: Stretch, deep: list[Stretch]) -> str:
    others = [one.key for one in deep if one.code == stretch.code and one.overlaps(stretch)]
    return _REFUTED.format(what=f"it is {others[0]}" if others else "nothing of the kind is there")


def judge_sound(
    seen: Seen,
    plan: Plan,
    timeline: Timeline,
    pre_record_s: float | None,
    jumps_s: Sequence[float],
    found: FindingList,
) -> None:
    """Findings of the sound, at the plan's depth."""
    sound = seen.sound
    if sound is None or plan.audio is None:
        return
    track = next((t for t in timeline.tracks if t.stream == plan.audio.index), None)
    end_s = (track.end_s if track else timeline.end_s) - timeline.start_s
    stretches = sound_rules.find_stretches(sound, end_s, pre_record_s)
    silent = [one for one in stretches if one.code == "sound.silent"]
    for stretch in [*stretches, *sound_splices.cuts_in(sound, jumps_s, silent)]:
        if plan.every or stretch.key not in _DEEP_ONLY:
            report(stretch, found)


def report(stretch: Stretch, found: FindingList, refuted: str | None = None) -> None:
    """Make a finding of a stretch, if the rule set makes it one."""
    length = round(stretch.length_s, 3)
    found.add(
        stretch.key,
        start_s=stretch.start_s,
        end_s=stretch.end_s,
        value=length,
        threshold=found.rules.threshold_of(stretch.code, stretch.measure),
        measured={stretch.measure: length},
        refuted=refuted,
        evidence=stretch.evidence,
    )


__all__ = ["judge_pictures", "judge_sound", "report"]

"""What a camera's profile says about joining its files, in the transcoder's words.  Pure."""

from __future__ import annotations

from dock.profiles import CameraProfile
from transcoder.request import FACTORY_DATES, ClockBox, JoinRules


def join_rules(profile: CameraProfile | None, zone: str | None = None) -> JoinRules:
    """Return what a camera profile says about joining files, as the transcoder's own type.

    `zone`: the dock's, for cameras whose profile says none.
    """
    if profile is None:
        return JoinRules(time_zone=zone)
    says = profile.file.continuity
    days = says.factory_dates
    clock = profile.file.clock_text
    return JoinRules(
        profile=profile.name,
        pre_record_s=profile.pre_record_s,
        split_tolerance_s=says.split_tolerance_s,
        chaptered=profile.chaptered,
        counter=says.counter,
        time_zone=profile.time_zone or zone,
        container_time=says.container_time,
        factory_dates=FACTORY_DATES if days is None else tuple(day.isoformat() for day in days),
        loop=profile.file.housekeeping.loop,
        software=tuple(profile.file.origin.software),
        clock_text=None if clock is None else ClockBox(**clock.model_dump()),
    )

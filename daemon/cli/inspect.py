"""`bodydock inspect PATH...`: check recordings anywhere, without a dock (report.md)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from daemon.cli.common import VERDICTS, json_option, say
from daemon.cli.drawing import draw_report, pictures_option
from uplink.plain import plain_json

if TYPE_CHECKING:
    from dock.profiles import CameraProfile, Profiles
    from transcoder.report import Joint, Report
    from transcoder.request import InspectItem, InspectRequest

MAX_FILES = 10_000


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--depth",
    type=click.Choice(["fast", "standard", "deep"]),
    default="standard",
    show_default=True,
    help="fast: index and metadata; standard: plays through what counts; deep: every picture, all sound.",
)
@click.option("--rules", type=click.Path(path_type=Path), help="Another rule set.")
@click.option(
    "--profile",
    "profile_name",
    help="The camera's profile, by name or a file of your own (.toml); recognised by the names if not given.",
)
@click.option(
    "--place-known",
    type=click.Choice(["same", "different", "unknown"]),
    default="unknown",
    show_default=True,
    help="Whether the recordings were made at one place.",
)
@click.option("--sha256", help="What the file's SHA-256 should be (one file only).")
@click.option(
    "--time-zone",
    default="Asia/Shanghai",
    show_default=True,
    help="The zone of the times in names, where the camera's profile says none.",
)
@pictures_option
@json_option
def inspect(
    paths: tuple[Path, ...],
    depth: str,
    rules: Path | None,
    profile_name: str | None,
    place_known: str,
    sha256: str | None,
    time_zone: str,
    pictures_folder: Path | None,
    as_json: bool,
) -> None:
    """Check recordings: continuity, and the notice at the start.

    A directory is taken as one camera's docking.  A file that is named itself is looked at whatever it is
    called; one that is no media at all is `file.unreadable`, needs review.  Exit status: 0 everything is
    compliant, 1 something is unchecked, needs review or violates, 2 it could not run.

    \b
    bodydock inspect 000123_20240305093012_0007.MP4
    bodydock inspect --json --depth fast /media/card/DCIM
    bodydock inspect --pictures drawn/ /media/card/DCIM
    """
    from transcoder.client import Inspector
    from transcoder.errors import TranscoderError
    from transcoder.report import Verdict

    try:
        request = _request(paths, depth, rules, profile_name, place_known, sha256, _zone(time_zone))
        with Inspector() as inspector:
            report = inspector.inspect(request, progress=_progress)
    except TranscoderError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(plain_json(report.to_bytes().decode()))
    else:
        _print(report)
    if pictures_folder is not None:
        draw_report(report, [item.path for item in request.items], pictures_folder, _zone(time_zone))
    sys.exit(0 if report.verdict is Verdict.COMPLIANT else 1)


def _request(
    paths: tuple[Path, ...],
    depth: str,
    rules: Path | None,
    profile_name: str | None,
    place_known: str,
    sha256: str | None,
    zone: ZoneInfo,
) -> InspectRequest:
    from dataclasses import replace

    from daemon.joining import join_rules
    from transcoder.models import find_speech_model
    from transcoder.report import Depth
    from transcoder.request import InspectRequest

    profiles, profile_name = _profiles(profile_name)
    found = list(_files(paths))
    if sha256 is not None and len(found) != 1:
        raise click.ClickException("--sha256 is for one file")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise click.ClickException(f"--sha256 {sha256[:80]!r} is no SHA-256: 64 hex digits")
    names = [name for _, name, _ in found]
    try:
        profile = profiles.by_name(profile_name) if profile_name else profiles.recognise([], names)
    except LookupError:
        known = ", ".join(sorted(profile.name for profile in profiles.profiles))
        raise click.ClickException(f"no profile is called {profile_name!r}; there are: {known}") from None
    looked_at = [_item(path, name, named, profile, sha256, zone) for path, name, named in found]
    items = tuple(item for item in looked_at if item is not None)
    if not items:
        raise click.ClickException(f"no recordings in {', '.join(str(path) for path in paths)}")
    return InspectRequest(
        items=items,
        depth=Depth(depth),
        rules=rules,
        join=replace(join_rules(profile, zone.key), place=place_known),  # type: ignore[arg-type]
        speech_model=find_speech_model() if depth != "fast" else None,
        one_shift=any(path.is_dir() for path in paths),
    )


def _profiles(wanted: str | None) -> tuple[Profiles, str | None]:
    """The profiles, with the one of a file that is named instead, and the name that is wanted."""
    from dock.errors import ProfileError
    from dock.profile_reading import read_profile
    from dock.profiles import load_profiles

    if wanted is None or not wanted.endswith(".toml"):
        return load_profiles(), wanted
    try:
        return load_profiles([Path(wanted)]), read_profile(Path(wanted)).name
    except ProfileError as error:
        raise click.ClickException(str(error)) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.ClickException(
            f"--time-zone {name!r}: no such zone; write one like Asia/Shanghai"
        ) from None


def _files(paths: tuple[Path, ...]) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file, its name in its best reading, and whether it was named itself.

    Links inside a directory are not followed.
    """
    from dock.devices import best_reading

    count = 0
    seen: set[Path] = set()  # a file that is named twice is still one recording
    for path in paths:
        if not path.exists():
            raise click.ClickException(f"no such path: {path}")
        if not path.is_dir():
            if not path.is_file():
                raise click.ClickException(f"{path} is neither a file nor a folder")
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, best_reading(os.fsencode(path.name)), True
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.resolve() not in seen:
                seen.add(file.resolve())
                count += 1
                if count > MAX_FILES:
                    raise click.ClickException(f"{path} holds more than {MAX_FILES} files: name fewer")
                yield file, best_reading(os.fsencode(file.relative_to(path))), False


def _item(
    path: Path, name: str, named: bool, profile: CameraProfile, sha256: str | None, dock_zone: ZoneInfo
) -> InspectItem | None:
    from datetime import UTC, datetime

    from daemon.camera_time import to_utc
    from transcoder.request import InspectItem

    kind = profile.kind_of(name)
    if not named and kind in (None, "attachment"):
        return None  # left out, or a log beside the footage; what is named itself is looked at
    facts = profile.facts(name)
    status = path.stat()
    zone = ZoneInfo(profile.time_zone) if profile.time_zone else dock_zone
    return InspectItem(
        path=path,
        name=name,
        kind=kind if kind != "attachment" else None,
        sha256=sha256,
        size_bytes=status.st_size,
        named_at=to_utc(facts.named_at, zone),
        named_sequence=facts.sequence,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        view=facts.view,
    )


def _progress(index: int, share: float) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{index + 1}: {share:4.0%}", nl=False, err=True)


def _print(report: Report) -> None:
    for index, recording in enumerate(report.recordings):
        say(f"{recording.path}: {VERDICTS[report.verdict_of(index)]}")
        for finding in recording.findings:
            say(f"  {finding.code} (art. {finding.article}): {finding.text.zh} {finding.text.en}")
    for number, run in enumerate(report.runs, 1):
        members = ", ".join(report.recordings[i].path for i in run.recordings)
        say(f"run {number} ({members}): {VERDICTS[run.verdict]}, notice {run.notice.status}")
        for joint in run.joints:
            before, after = (report.recordings[i].path for i in (joint.before, joint.after))
            say(f"  {before} -> {after}: {_joint_text(joint)}")
        for finding in run.findings:
            say(f"  {finding.code} (art. {finding.article}): {finding.text.zh} {finding.text.en}")


def _joint_text(joint: Joint) -> str:
    """How closely two files join, as far as the evidence goes."""
    by = ", ".join(joint.from_)
    if joint.seconds is None:
        return f"相接 joined ({by})"
    within = {True: "符合 within", False: "超过 beyond", None: "无法判断是否在 perhaps within"}
    metric = f"; {within[joint.within_metric]} {joint.metric_s:g} s" if joint.metric_s is not None else ""
    goes_on = {
        True: "; 画面相接 the picture goes on",
        False: "; 画面或声音不连续 picture or sound do not go on",
        None: "",
    }[joint.goes_on]
    span = f"{joint.least_s:.2f} .. {joint.most_s:.2f}"
    return f"间隔 {joint.seconds:.2f} s ({span}, {by}{metric}{goes_on})"

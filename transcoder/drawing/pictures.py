"""Draw all pictures of one inspection and write them into a folder.

- `timeline*.svg` and `.png`, `frames*.svg` and `.png`: page one without a number, the others with theirs.
  Older pages of these very names are taken away first, so that a folder never mixes two inspections; nothing
  else in it is touched.
- Bounded whatever is asked: so many files, frames and pages, so much time for all files together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from transcoder.drawing.asking import measure
from transcoder.drawing.axis import Axis, axis_of, length_of
from transcoder.drawing.chart import chart_of
from transcoder.drawing.measured import Asked, Frame, Levels, Measured
from transcoder.drawing.moments import Moment, Wanted, Window, has_picture, has_sound, wanted
from transcoder.drawing.numbering import numbered
from transcoder.drawing.painting import has_chinese, to_png
from transcoder.drawing.sheets import Shown, sheet_pages
from transcoder.drawing.timeline import MOST_RECORDINGS, Subject, timeline_pages
from transcoder.report import Report

_OURS = re.compile(r"(?:timeline|frames)(?:-[0-9]+)?\.(?:svg|png)")
_SOUND_SHARE = 0.6
_LEAST_S = 8.0  # for one file, however many are left
LIMIT_S = 300.0
Progress = Callable[[int, int], None]  # files read, of how many


@dataclass(frozen=True)
class Drawn:
    """What was written, and what a person should know about it."""

    files: tuple[Path, ...]
    warnings: tuple[tuple[str, str], ...]  # Chinese, English


def draw(
    report: Report,
    paths: Sequence[Path],
    folder: Path,
    zone: tzinfo,
    *,
    zone_name: str = "",
    limit_s: float = LIMIT_S,
    progress: Progress | None = None,
) -> Drawn:
    """Draw a report's pictures; `paths` are its recordings' files, in its order.

    `zone` is that of the clocks on the pictures; `limit_s` is for reading all files together, give or take
    some seconds a file.  Raises OSError: the folder cannot be written.  InspectorFailed: no child can be
    started.  ValueError: paths and recordings differ in number.
    """
    if len(paths) != len(report.recordings):
        raise ValueError(f"{len(paths)} paths for {len(report.recordings)} recordings")
    folder.mkdir(parents=True, exist_ok=True)  # before the long part: a folder that cannot be is said at once
    axis = axis_of(report.recordings, MOST_RECORDINGS)
    found = numbered(report, axis)
    wants = wanted(report, found)
    measured, shown = _measure(report, paths, axis, wants, limit_s, progress)
    subject = Subject(report, axis, zone, zone_name or str(zone))
    pages = {
        "timeline": timeline_pages(subject, chart_of(report, axis, found, measured), found),
        "frames": sheet_pages(subject, wants, shown),
    }
    return _write(folder, pages)


def _measure(
    report: Report,
    paths: Sequence[Path],
    axis: Axis,
    wants: Wanted,
    limit_s: float,
    progress: Progress | None,
) -> tuple[dict[int, Measured], Shown]:
    measured: dict[int, Measured] = {}
    frames: dict[Moment, Frame] = {}
    close: dict[Window, Levels] = {}
    ends = time.monotonic() + limit_s
    indexes = sorted({p.index for p in axis.placed} | {m.recording for m in wants.moments})
    for number, index in enumerate(indexes):
        moments = sorted((m for m in wants.moments if m.recording == index), key=lambda m: m.at_s)
        windows = sorted((w for w in wants.windows if w.recording == index), key=lambda w: w.start_s)
        share_s = (ends - time.monotonic()) / (len(indexes) - number)
        if not _worth_reading(report, index, moments):
            continue
        if share_s <= 0:
            measured[index] = Measured(trouble="time")
            continue
        one = measure(_asked(report, paths[index], index, moments, windows, max(_LEAST_S, share_s)))
        measured[index] = one
        frames |= {moments[place]: frame for place, frame in one.frames.items()}
        close |= {windows[place]: levels for place, levels in one.close.items()}
        if progress is not None:
            progress(number + 1, len(indexes))
    return measured, Shown(frames, close)


def _worth_reading(report: Report, index: int, moments: Sequence[Moment]) -> bool:
    recording = report.recordings[index]
    limited = any(finding.code == "file.limits" for finding in recording.findings)
    if limited:
        return False  # an inspection that a file broke is not tried again for its looks
    return has_sound(recording) or (bool(moments) and has_picture(recording))


def _asked(
    report: Report,
    path: Path,
    index: int,
    moments: Sequence[Moment],
    windows: Sequence[Window],
    share_s: float,
) -> Asked:
    recording = report.recordings[index]
    sound_s = share_s * (_SOUND_SHARE if moments else 1.0)
    return Asked(
        path=str(path.absolute()),
        duration_s=length_of(recording) or 0.0,
        moments=tuple(moment.at_s for moment in moments),
        windows=tuple((window.start_s, window.end_s) for window in windows),
        sound=has_sound(recording),
        sound_s=sound_s,
        frames_s=share_s - sound_s if has_sound(recording) else share_s,
    )


def _write(folder: Path, pages: Mapping[str, Sequence[str]]) -> Drawn:
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and (old.is_file() or old.is_symlink()):
            old.unlink()
    files: list[Path] = []
    for name, drawn in pages.items():
        for number, svg in enumerate(drawn, 1):
            stem = name if number == 1 else f"{name}-{number}"
            contents = {".svg": svg.encode(), ".png": to_png(svg)}
            for suffix, content in contents.items():
                if content is not None:
                    file = folder / f"{stem}{suffix}"
                    file.write_bytes(content)
                    files.append(file)
    return Drawn(tuple(files), tuple(_warnings(files)))


def _warnings(files: Sequence[Path]) -> list[tuple[str, str]]:
    if not any(file.suffix == ".png" for file in files):
        zh = "只生成了 SVG：生成 PNG 需要安装附加组件 bodydock[pictures]。"
        return [(zh, "SVG only: PNG needs the extra bodydock[pictures].")]
    if not has_chinese():
        zh = "PNG 中缺少中文：请安装中文字体（Debian：apt install fonts-wqy-microhei）后重新生成。"
        return [(zh, "The PNGs lack Chinese text: apt install fonts-wqy-microhei, then draw again.")]
    return []

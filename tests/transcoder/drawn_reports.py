"""Reports to draw: made by hand, in the shapes that are hard on a page."""

import math
import random
from datetime import UTC, datetime, timedelta

from transcoder.drawing.measured import Level, Measured
from transcoder.report import (
    FINDING_CODES,
    Depth,
    Engine,
    Finding,
    MediaKind,
    Notice,
    NoticeStatus,
    PlaceAt,
    RecordingReport,
    Report,
    RulesUsed,
    RunReport,
    Severity,
    StreamInfo,
    Text,
    TimeSpan,
    Verdict,
    worst_verdict,
)

START = datetime(2024, 3, 5, 1, 30, 12, tzinfo=UTC)
VIDEO = StreamInfo(kind="video", codec="h264", width=1920, height=1080, start_s=0.0, duration_s=None)
SOUND = StreamInfo(kind="audio", codec="aac", sample_rate=16000, start_s=0.0)


def span(at: datetime) -> TimeSpan:
    said = {"earliest": at, "latest": at + timedelta(seconds=1), "from": ("container",)}
    return TimeSpan.model_validate(said)


def finding(
    code: str,
    severity: Severity = Severity.REVIEW,
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    recording: int | None = 0,
    value: float | None = None,
    refuted: str | None = None,
    evidence: dict[str, int] | None = None,
    zh: str = "在 0:12 至 0:32 之间画面全黑，镜头可能被遮挡，也可能被替换。",
    en: str = "Between 0:12 and 0:32 the picture is black: the lens may have been covered, or replaced.",
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        article="15(5)",
        recording=recording,
        start_s=start_s,
        end_s=end_s,
        value=value,
        threshold=None,
        depth=Depth.STANDARD,
        refuted=refuted,
        text=Text(zh=zh, en=en),
        evidence=dict(evidence or {}),
    )


def recording(
    name: str,
    start: datetime | None = START,
    duration_s: float | None = 600.0,
    findings: tuple[Finding, ...] = (),
    *,
    kind: MediaKind = "video",
    sound: bool = True,
    places: tuple[PlaceAt, ...] = (),
) -> RecordingReport:
    streams = ((VIDEO,) if kind == "video" else ()) + ((SOUND,) if sound else ())
    return RecordingReport(
        id=None,
        path=name,
        kind=kind,
        size_bytes=1,
        sha256="ab" * 32,
        container="mov,mp4",
        started_at=None if start is None else span(start),
        duration_s=duration_s,
        streams=streams,
        places=places,
        verdict=worst_verdict(findings),
        findings=findings,
    )


def run(
    members: tuple[int, ...],
    status: NoticeStatus = NoticeStatus.CONFIRMED,
    at_s: float | None = 4.2,
    findings: tuple[Finding, ...] = (),
) -> RunReport:
    notice = Notice(status=status, at_s=at_s, words="您已进入执法记录仪摄录范围", score=0.97, by="speech")
    return RunReport(
        recordings=members,
        started_at=None,
        duration_s=None,
        verdict=worst_verdict(findings),
        notice=notice,
        findings=findings,
    )


def report(recordings: tuple[RecordingReport, ...], runs: tuple[RunReport, ...]) -> Report:
    verdicts = [one.verdict for one in recordings] + [one.verdict for one in runs]
    return Report(
        engine=Engine(bodydock="0.1.0", av="18.1.0", ffmpeg="8.1", speech_model=None),
        rules=RulesUsed(name="default", sha256="cd" * 32),
        profile="generic",
        depth=Depth.STANDARD,
        verdict=max(verdicts, default=Verdict.COMPLIANT),
        recordings=recordings,
        runs=runs,
    )


def shift() -> Report:
    """Twelve hours: 36 files of 15 minutes, some joined, pauses, a gap, places, one file without sound."""
    made: list[RecordingReport] = []
    runs: list[RunReport] = []
    at = START
    for number in range(36):
        fixes = tuple(
            PlaceAt(at_s=30.0 * i, lat=31.23 + number // 9 * 0.02, lon=121.47, accuracy_m=5.0)
            for i in range(30)
        )
        black = finding("picture.black", Severity.REVIEW, 300.0, 340.0, recording=number)
        name = f"DCIM/100MEDIA/000123_{at:%Y%m%d%H%M%S}_{number:04d}.MP4"
        found = (black,) if number in (5, 20) else ()
        made.append(recording(name, at, 900.0, found, sound=number != 7, places=fixes if number % 3 else ()))
        gap_s = 0.4 if number % 3 else 1200.0
        if number == 10:
            gap_s = 40.0
        at += timedelta(seconds=900.0 + gap_s)
        gap = finding(
            "continuity.gap_between_files",
            Severity.VIOLATION,
            -40.0,
            0.0,
            recording=number,
            value=40.0,
            evidence={"before": number - 1, "after": number},
            zh="与上一个文件之间间断 40 秒。",
            en="40 s are missing between this file and the one before.",
        )
        status = NoticeStatus.ABSENT if number == 12 else NoticeStatus.CONFIRMED
        absent = finding("notice.absent", Severity.VIOLATION, recording=number)
        runs.append(
            run(
                (number,),
                status,
                None if number == 12 else 4.2,
                (gap,) * (number == 11) + (absent,) * (number == 12),
            )
        )
    return report(tuple(made), tuple(runs))


def crowded(count: int = 400) -> Report:
    """One recording with findings everywhere, some about the whole, some refuted."""
    chance = random.Random(7)
    found = []
    for number in range(count):
        start = chance.uniform(0, 580)
        length = chance.choice((0.0, 0.04, 2.0, 30.0))
        found.append(
            finding(
                FINDING_CODES[number % len(FINDING_CODES)],
                chance.choice(list(Severity)),
                None if number % 11 == 0 else start,
                None if number % 11 == 0 else start + length,
                refuted="每一帧都已解码 every frame was decoded" if number % 17 == 0 else None,
                zh="画面很长的说明" * (number % 13 + 1) + "。",
                en="a long sentence about what was found " * (number % 7 + 1),
            )
        )
    return report(
        (recording("a" * 40 + "/" + "非常长的文件名" * 30 + ".mp4", findings=tuple(found)),), (run((0,)),)
    )


HOSTILE = (
    "</text><script>alert(1)</script>&\x00\x1b[31m\u202e\ud7ff]]>\"'<!--" + "z\u0301" * 3 + "\u0300" * 40
)


def hostile() -> Report:
    """Names and sentences that would be markup, numbers and dates that nobody expects."""
    found = (
        finding("picture.black", start_s=-1e12, end_s=1e12, zh=HOSTILE, en=HOSTILE),
        finding("sound.cut", start_s=5.0, end_s=1.0, recording=99, evidence={"before": 77, "after": -3}),
        finding("continuity.overlap", start_s=0.0, end_s=0.0, evidence={"before": 1, "after": 0}),
        finding(HOSTILE, start_s=1e300, end_s=None),
    )
    places = tuple(PlaceAt(at_s=i, lat=(i * 37) % 180 - 90, lon=(i * 91) % 360 - 180) for i in range(600))
    recordings = (
        recording(HOSTILE, datetime(1, 1, 1, tzinfo=UTC), 1e300, found, places=places),
        recording(HOSTILE, datetime(9999, 12, 31, 23, 59, tzinfo=UTC), None, found),
        recording("负", START, -5.0),
    )
    return report(recordings, (run((0, 1, 500), at_s=1e300, findings=found), run((), NoticeStatus.ABSENT)))


def measured(duration_s: float, seed: int = 1, *, speech: bool = True) -> Measured:
    """Levels that rise and fall, with a hole, and speech here and there."""
    chance = random.Random(seed)
    levels = []
    for place in range(1200):
        loud = 0.002 + 0.2 * max(0.0, math.sin(place / 37 + seed)) ** 3 * chance.uniform(0.3, 1)
        levels.append(None if 700 <= place < 730 else Level(min(1.0, loud * 3), loud))
    said = [(t, t + chance.uniform(1, duration_s / 60)) for t in (duration_s * i / 25 for i in range(24))]
    return Measured(levels=tuple(levels), speech=tuple(said) if speech else None, done=True)

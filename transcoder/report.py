"""The inspection report: the contract of `report.md`, as frozen pydantic models.

- Field names and their order are the contract; unknown fields are read and kept, never required.
- A verdict is the worst of its findings and follows from nothing else; a refuted finding no longer counts,
  a supervisor's decision changes no verdict.
- The one verdict shown for a recording is the worst of its own and of the run it is in.
- `Report.to_bytes` gives the same bytes for the same report: fixed field order, sorted evidence, no clock.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer

SCHEMA: Literal["bodydock.report/1"] = "bodydock.report/1"

FINDING_CODES: tuple[str, ...] = (
    "continuity.gap_in_file",
    "continuity.timestamps",
    "continuity.truncated",
    "continuity.stream_end",
    "continuity.gap_between_files",
    "continuity.overlap",
    "continuity.sequence",
    "continuity.clock",
    "continuity.selection",
    "notice.absent",
    "notice.late",
    "notice.uncertain",
    "notice.unverified",
    "notice.no_audio",
    "notice.no_speech",
    "picture.black",
    "picture.frozen",
    "picture.covered",
    "picture.blurred",
    "picture.repeated",
    "sound.silent",
    "sound.clipped",
    "sound.cut",
    "origin.software",
    "origin.parameters",
    "origin.reencoded",
    "origin.edit_list",
    "origin.inserted",
    "origin.clock_text",
    "file.unreadable",
    "file.partial",
    "file.limits",
    "file.unverified",
    "record.field_missing",
    "record.card_invalid",
)


class _Ranked(StrEnum):
    """An enum whose members are ordered as they are written, mildest first."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < type(self)(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= type(self)(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > type(self)(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= type(self)(other).rank


class Verdict(_Ranked):
    """What a recording or a run comes to; later members are worse."""

    COMPLIANT = "compliant"
    UNCHECKED = "unchecked"
    NEEDS_REVIEW = "needs_review"
    VIOLATION = "violation"


class Severity(_Ranked):
    """How much a finding weighs; later members are worse."""

    INFO = "info"
    UNCHECKED = "unchecked"
    REVIEW = "review"
    VIOLATION = "violation"

    @property
    def verdict(self) -> Verdict:
        return list(Verdict)[self.rank]


class Depth(StrEnum):
    """How much of a file an inspection looks at."""

    FAST = "fast"
    STANDARD = "standard"
    DEEP = "deep"


class NoticeStatus(StrEnum):
    CONFIRMED = "confirmed"
    LATE = "late"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"
    NO_SPEECH = "no_speech"
    NO_AUDIO = "no_audio"
    UNVERIFIED = "unverified"
    NOT_REQUIRED = "not_required"


MediaKind = Literal["video", "audio", "photo"]
Seconds = float
Sorted = Annotated[
    dict[str, JsonValue],
    PlainSerializer(lambda evidence: dict(sorted(evidence.items())), return_type=dict[str, JsonValue]),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class TimeSpan(_Model):
    """Between which instants something happened, and which evidence says so."""

    earliest: datetime
    latest: datetime
    from_: tuple[str, ...] = Field(alias="from")


class Text(_Model):
    """One sentence for people, in both languages."""

    zh: str
    en: str


class Finding(_Model):
    """One thing an inspection found; times are seconds from the start of `recording`, else of the run."""

    code: str
    severity: Severity
    article: str
    recording: int | None
    start_s: Seconds | None
    end_s: Seconds | None
    value: float | None
    threshold: float | None
    depth: Depth
    refuted: str | None = None
    decision: JsonValue = None
    text: Text
    evidence: Sorted = Field(default_factory=dict)


class StreamInfo(_Model):
    """One track as the file describes it; what does not apply to its kind is null."""

    kind: Literal["video", "audio", "subtitle", "data", "picture"]
    codec: str | None
    tag: str | None = None  # the sample entry of an MP4 or MOV: names tracks that no decoder knows
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    rotation: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    packets: int | None = None
    start_s: Seconds | None = None
    duration_s: Seconds | None = None


class KeyFrames(_Model):
    """How many key frames were decoded and how many failed; `in_part`: of those decoded, their upper part."""

    decoded: int
    failed: int
    in_part: int = 0


class PlaceAt(_Model):
    """Where the camera was, by its own telemetry, header or EXIF; degrees, seconds from the start."""

    at_s: Seconds
    lat: float
    lon: float
    accuracy_m: float | None = None


class RecordingReport(_Model):
    id: str | None
    path: str
    kind: MediaKind | None
    size_bytes: int | None
    sha256: str | None
    container: str | None
    started_at: TimeSpan | None
    duration_s: Seconds | None
    streams: tuple[StreamInfo, ...]
    key_frames: KeyFrames | None = None
    places: tuple[PlaceAt, ...] = ()
    notes: tuple[Text, ...] = ()  # what is worth knowing and no finding
    verdict: Verdict
    findings: tuple[Finding, ...]


class Notice(_Model):
    """The notice of article 15(1) for one run; `at_s` counts from the run's first frame."""

    status: NoticeStatus
    at_s: Seconds | None = None
    words: str | None = None
    score: float | None = None
    by: str | None = None


class Card(_Model):
    at_s: Seconds
    text: str


class Joint(_Model):
    """What lies between two files of a run: the standard's maximum recording interval (GA/T 947), in seconds.

    `from`: what it rests on; `within_metric`: whether it is within `metric_s`, null where the evidence cannot
    tell.  `goes_on`: whether picture and sound go on across it, null where they were not compared.
    """

    before: int
    after: int
    seconds: Seconds | None = None
    least_s: Seconds | None = None
    most_s: Seconds | None = None
    from_: tuple[str, ...] = Field(alias="from")
    metric_s: Seconds | None = None
    within_metric: bool | None = None
    goes_on: bool | None = None


class RunReport(_Model):
    recordings: tuple[int, ...]
    started_at: TimeSpan | None
    duration_s: Seconds | None
    verdict: Verdict
    notice: Notice
    cards: tuple[Card, ...] = ()
    joints: tuple[Joint, ...] = ()
    findings: tuple[Finding, ...]


class Engine(_Model):
    bodydock: str
    av: str
    ffmpeg: str
    speech_model: str | None


class RulesUsed(_Model):
    name: str
    sha256: str


class Report(_Model):
    """A whole inspection; `to_bytes` is what manifests carry and hash."""

    schema_: Literal["bodydock.report/1"] = Field(default=SCHEMA, alias="schema")
    engine: Engine
    rules: RulesUsed
    profile: str
    depth: Depth
    verdict: Verdict
    recordings: tuple[RecordingReport, ...]
    runs: tuple[RunReport, ...]

    def verdict_of(self, index: int) -> Verdict:
        """The one verdict shown for recording `index`: the worst of its own and its run's.

        Raises IndexError when there is no such recording.
        """
        verdicts = [self.recordings[index].verdict]
        verdicts += [run.verdict for run in self.runs if index in run.recordings]
        return max(verdicts)

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, the same bytes for the same report."""
        plain = self.model_dump(mode="json", by_alias=True)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Report":
        """Read a report; raises pydantic.ValidationError (a ValueError) when it is none."""
        return cls.model_validate_json(data)


def worst_verdict(findings: Iterable[Finding]) -> Verdict:
    """The verdict that findings come to; compliant when none counts."""
    return max((f.severity.verdict for f in findings if f.refuted is None), default=Verdict.COMPLIANT)


def report_json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report as written."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, **schema}

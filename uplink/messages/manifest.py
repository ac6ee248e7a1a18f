"""The manifest: a signed snapshot of what is known of one recording (trust.md, Ids and payloads).

- Revision 1 has no `prev_manifest`; each later one names the digest of the one before.
- `sha256` and `size` never change; every other fact is only added to.
- `after` is the dock's chain before the event that commits this revision.
- A report up to 32 KiB stands in `report.body`; a larger one travels beside, named by SHA-256 and size.
"""

from __future__ import annotations

import base64
import contextlib
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from uplink.messages.base import (
    CameraClaim,
    ChainPoint,
    Clock,
    Count,
    Digest,
    Hex128,
    Name,
    PathB64,
    Positive,
    RecordingId,
    Sha256,
    Short,
    Text,
    Utc,
    Wire,
)

MAX_MANIFEST_BYTES = 64 * 1024
MAX_REPORT_INSIDE_BYTES = 32 * 1024
Kind = Literal["video", "audio", "photo", "attachment"]
VerdictWord = Literal["compliant", "unchecked", "needs_review", "violation"]


class Span(Wire):
    """When something was, as far as is known; `from` says what that rests on."""

    earliest: Utc
    latest: Utc
    sources: Annotated[list[Short], Field(alias="from", max_length=16)]


class Times(Wire):
    """What the card, the name and the container claim; null where nothing says it."""

    started_at: Span | None = None
    duration_s: float | None = None
    named_at: Utc | None = None
    modified_at: Utc | None = None


class Ingest(Wire):
    """How the bytes came in."""

    docking: Hex128
    index: Count
    slot: Positive
    profile: Short
    attached_at: Utc
    stored_at: Utc
    marked: bool = False  # the camera's own 'important' mark
    zero_bytes: Count = 0


class Officer(Wire):
    """The officer a recording belongs to.  `by`: name, registry, binding, declaration, command."""

    officer: Short
    name: Short | None = None
    unit: Short | None = None
    by: Short


class Case(Wire):
    """A case a recording belongs to, with the place and matter that come with it."""

    case: Short
    title: Text | None = None
    kind: Short | None = None
    matter: Short | None = None
    place: Text | None = None
    by: Short
    registry_version: Count | None = None


class TagFinding(Wire):
    """A finding on the tag (`record.*`, report.md): outside the report and its verdict."""

    code: Short
    severity: Literal["info", "unchecked", "review", "violation"]
    article: Short
    text: dict[str, Text]


class Claim(Wire):
    """What a source says of a field (officer, case, place, matter), other than what stands in the tag."""

    field: Short
    source: Short  # name, binding, registry, qr, merged, standing (what stood when another case came)
    value: Text


class Tag(Wire):
    """Officer, cases and what else places a recording.  It is only added to.

    `place`, `matter`, `stage`: as a person said them; what comes with a case stands there.
    `conflicts`: claims that do not agree with the tag; a person settles them (trust.md).
    """

    officer: Officer | None = None
    cases: Annotated[list[Case], Field(max_length=64)] = []
    place: Text | None = None
    matter: Short | None = None
    stage: Short | None = None
    long_term: Short | None = None
    confidential: Short | None = None
    marks: Annotated[list[dict[str, Any]], Field(max_length=256)] = []
    findings: Annotated[list[TagFinding], Field(max_length=64)] = []
    conflicts: Annotated[list[Claim], Field(max_length=32)] = []


class Hold(Wire):
    hold: Short
    person: Short
    reason: Text
    since: Utc


class ReportRef(Wire):
    """The newest inspection report: inside, or beside by `sha256` and `size`."""

    depth: Literal["fast", "standard", "deep"]
    verdict: VerdictWord
    sha256: Sha256
    size: Count
    body: dict[str, Any] | None = None


class Software(Wire):
    name: Short
    version: Short
    python: Short


class Manifest(Wire):
    """Payload type `manifest`.  Recognised by (dock, recording, revision)."""

    platform: Name
    dock: Name
    recording: RecordingId
    revision: Positive
    prev_manifest: Digest | None
    sha256: Sha256
    size: Count
    camera: CameraClaim
    path_b64: PathB64
    kind: Kind
    times: Times
    ingest: Ingest
    tag: Tag
    holds: Annotated[list[Hold], Field(max_length=64)] = []
    report: ReportRef | None
    host: Sha256 | None
    software: Software
    run: Hex128
    time: Utc
    clock: Clock
    after: ChainPoint

    @property
    def name(self) -> str:
        """What the card called it, in its best reading: UTF-8, else GBK (cameras.md); for people only."""
        raw = base64.b64decode(self.path_b64)
        for encoding in ("utf-8", "gbk"):
            with contextlib.suppress(UnicodeDecodeError):
                return raw.decode(encoding)
        return raw.decode("utf-8", "replace")

    @model_validator(mode="after")
    def _joined(self) -> Manifest:
        if (self.revision == 1) != (self.prev_manifest is None):
            raise ValueError("revision 1, and only revision 1, has no prev_manifest")
        return self

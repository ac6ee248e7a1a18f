"""How a stage has recordings inspected, and what of a report a recording's row keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from daemon.cards import cards_of
from daemon.joining import join_rules
from daemon.revisions import Depth, ReportFacts
from daemon.settings import InspectionSettings
from daemon.store import Row
from daemon.store.database import from_text
from daemon.vault import Vault
from dock.devices import best_reading
from dock.profiles import CameraProfile
from transcoder.camera import CameraFacts
from transcoder.models import find_speech_model
from transcoder.report import Depth as ReportDepth
from transcoder.report import MediaKind, Report
from transcoder.request import InspectItem, InspectRequest
from uplink.messages.manifest import VerdictWord

Progress = Callable[[int, float], None]


class Inspects(Protocol):
    """An inspector: always gives a report (what it could not check is a finding)."""

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        """`deadline_s` replaces the limit that is worked out from the sizes."""


@dataclass(frozen=True)
class RequestMaker:
    """Makes requests from rows of `recordings`."""

    vault: Vault
    settings: InspectionSettings
    zone: str | None = None  # the dock's, for cameras whose profile says none

    def request(
        self,
        rows: Sequence[Row],
        depth: ReportDepth,
        profile: CameraProfile | None,
        camera: CameraFacts | None = None,
    ) -> InspectRequest:
        """`camera`: what is known of it besides these recordings."""
        speech = None
        if depth is not ReportDepth.FAST and self.settings.speech:
            speech = self.settings.speech_model or find_speech_model()
        return InspectRequest(
            items=tuple(self._item(row, profile) for row in rows),
            depth=depth,
            rules=self.settings.rules,
            join=join_rules(profile, self.zone),
            speech_model=speech,
            camera=camera or CameraFacts(),
        )

    def _item(self, row: Row, profile: CameraProfile | None) -> InspectItem:
        name = best_reading(row["path"])
        return InspectItem(
            path=self.vault.path(row["vault"]),
            name=name,
            kind=cast(MediaKind, row["kind"]),
            recording=row["recording"],
            sha256=row["sha256"],
            size_bytes=row["size"],
            named_at=from_text(row["named_at"]),
            named_sequence=row["sequence"],
            modified_at=from_text(row["modified_at"]),
            view=profile.facts(name).view if profile is not None else None,
        )


def facts_of(report: Report) -> list[ReportFacts]:
    """Return what each recording of a report comes to, in the report's order."""
    body = report.to_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    found = []
    for index, recording in enumerate(report.recordings):
        span = recording.started_at
        found.append(
            ReportFacts(
                body=body,
                sha256=sha256,
                depth=cast(Depth, str(report.depth)),
                verdict=cast(VerdictWord, str(report.verdict_of(index))),
                started_at=(span.earliest, span.latest, list(span.from_)) if span else None,
                duration_s=recording.duration_s,
                cards=cards_of(report, index),
            )
        )
    return found


def facts_for(report: Report, recording: str) -> ReportFacts:
    """Return what `report` says of one recording.  Raises LookupError."""
    for index, item in enumerate(report.recordings):
        if item.id == recording:
            return facts_of(report)[index]
    raise LookupError(f"the report does not speak of {recording}")


__all__ = ["Inspects", "RequestMaker", "facts_for", "facts_of", "join_rules"]

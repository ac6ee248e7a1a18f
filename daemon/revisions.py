"""Manifest revisions: each new fact makes one, signed, with its event, in one transaction.

- Revision n+1 names the digest of n; `sha256` and `size` never change (trust.md, manifest).
- `after` is the chain before the event that commits the revision; the event names its digest.
- A report above 32 KiB travels beside; what is inside is under the manifest's own signature.
- A manifest is at most 64 KiB, whatever the tag holds (`daemon.fitting`); the row keeps the whole tag.
- Attachments are not inspected: their revision 1 is committed by `tagged`, never by `inspected`.
"""

from __future__ import annotations

import base64
import json
import platform as python_platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Literal, cast

from daemon.custody import Custody, chain_end
from daemon.fitting import fitted
from daemon.store import Row, Transaction
from daemon.store.database import from_text, to_text
from uplink import envelope
from uplink.messages import CameraClaim, Manifest, Tag
from uplink.messages.custody import Inspected, Tagged
from uplink.messages.manifest import (
    MAX_REPORT_INSIDE_BYTES,
    Ingest,
    Kind,
    ReportRef,
    Software,
    Span,
    Times,
    VerdictWord,
)

Depth = Literal["fast", "standard", "deep"]


@dataclass(frozen=True)
class ReportFacts:
    """An inspection's report, as far as one recording goes.  `body`: its exact bytes."""

    body: bytes
    sha256: str
    depth: Depth
    verdict: VerdictWord
    started_at: tuple[datetime, datetime, list[str]] | None
    duration_s: float | None


def bodydock_version() -> str:
    return version("bodydock")


def keep_report(tx: Transaction, custody: Custody, report: ReportFacts) -> None:
    """Keep a report's bytes once, whoever names them."""
    tx.execute(
        "INSERT OR IGNORE INTO reports (report, depth, body, made_at) VALUES (?, ?, ?, ?)",
        (report.sha256, report.depth, report.body, to_text(custody.clock.now())),
    )


def revise(
    tx: Transaction,
    custody: Custody,
    recording: str,
    tag: Tag,
    registries: str,
    report: ReportFacts | None,
) -> None:
    """Commit the next revision of a recording: with a report (`inspected`) or a tag (`tagged`).

    Raises LookupError for a recording that is not in the store.
    """
    row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
    if row is None:
        raise LookupError(f"no recording {recording}")
    if report is not None:
        keep_report(tx, custody, report)
    manifest = fitted(_manifest(tx, custody, row, tag, report))
    signed = envelope.seal("manifest", manifest.to_bytes(), custody.identity.key)
    tx.insert(
        "manifests",
        {
            "platform": manifest.platform,
            "recording": recording,
            "revision": manifest.revision,
            "manifest": signed.digest,
            "raw": signed.raw,
            "report": _beside(manifest.report),
            "made_at": to_text(manifest.time),
        },
    )
    _append_event(tx, custody, recording, signed.digest, manifest, report)
    _update_row(tx, recording, manifest.revision, signed.digest, tag, registries, report)


def _beside(report: ReportRef | None) -> str | None:
    return report.sha256 if report is not None and report.body is None else None


def _append_event(
    tx: Transaction,
    custody: Custody,
    recording: str,
    digest: str,
    manifest: Manifest,
    report: ReportFacts | None,
) -> None:
    if report is not None:
        inspected = Inspected(
            manifest=digest,
            revision=manifest.revision,
            depth=report.depth,
            verdict=report.verdict,
            report=report.sha256,
        )
        custody.append(tx, "inspected", inspected, recording=recording)
        return
    tag = manifest.tag
    tagged = Tagged(
        manifest=digest,
        revision=manifest.revision,
        by=tag.cases[0].by if tag.cases else tag.officer.by if tag.officer else "none",
        officer=tag.officer.officer if tag.officer else None,
        cases=[case.case for case in tag.cases],
    )
    custody.append(tx, "tagged", tagged, recording=recording)


def _update_row(
    tx: Transaction,
    recording: str,
    revision: int,
    digest: str,
    tag: Tag,
    registries: str,
    report: ReportFacts | None,
) -> None:
    tx.execute(
        "UPDATE recordings SET revision = ?, manifest = ?, tag = ?, registries = ? WHERE recording = ?",
        (revision, digest, tag.model_dump_json(by_alias=True), registries, recording),
    )
    if report is None:
        return
    started = report.started_at[0] if report.started_at else None
    tx.execute(
        "UPDATE recordings SET report = ?, verdict = ?, started_at = ?,"
        " fast_report = CASE WHEN ? = 'fast' THEN ? ELSE fast_report END WHERE recording = ?",
        (report.sha256, report.verdict, to_text(started), report.depth, report.sha256, recording),
    )


def _manifest(tx: Transaction, custody: Custody, row: Row, tag: Tag, report: ReportFacts | None) -> Manifest:
    docking = tx.row("SELECT slot, profile, attached_at FROM dockings WHERE docking = ?", (row["docking"],))
    assert docking is not None  # a foreign key holds it
    before = _before(tx, custody.identity.platform, row)
    report_ref, times = _report_and_times(row, report, before)
    identity, now = custody.identity, custody.clock.now()
    point = chain_end(tx).point()
    assert point is not None  # event 0 opens every epoch
    return Manifest(
        platform=identity.platform,
        dock=identity.dock,
        recording=row["recording"],
        revision=row["revision"] + 1,
        prev_manifest=row["manifest"],
        sha256=row["sha256"],
        size=row["size"],
        camera=CameraClaim(serial=row["serial"], by=row["serial_by"]),
        path_b64=base64.b64encode(row["path"]).decode("ascii"),
        kind=cast(Kind, row["kind"]),
        times=times,
        ingest=Ingest(
            docking=row["docking"],
            index=row["idx"],
            slot=docking["slot"],
            profile=docking["profile"],
            attached_at=_time(docking["attached_at"]),
            stored_at=_time(row["stored_at"]),
            marked=bool(row["marked"]),
            zero_bytes=row["zero_bytes"],
        ),
        tag=tag,
        holds=before.holds if before else [],
        report=report_ref,
        host=identity.host,
        software=Software(
            name="bodydock", version=bodydock_version(), python=python_platform.python_version()
        ),
        run=identity.run,
        time=now,
        clock=custody.clock.claim(),
        after=point,
    )


def _report_and_times(
    row: Row, report: ReportFacts | None, before: Manifest | None
) -> tuple[ReportRef | None, Times]:
    modified, named = from_text(row["modified_at"]), from_text(row["named_at"])
    if report is None:
        if before is not None:
            return before.report, before.times
        return None, Times(named_at=named, modified_at=modified)
    span = None
    if report.started_at is not None:
        earliest, latest, sources = report.started_at
        span = Span(earliest=earliest, latest=latest, **{"from": sources})
    ref = ReportRef(
        depth=report.depth,
        verdict=report.verdict,
        sha256=report.sha256,
        size=len(report.body),
        body=json.loads(report.body) if len(report.body) <= MAX_REPORT_INSIDE_BYTES else None,
    )
    times = Times(started_at=span, duration_s=report.duration_s, named_at=named, modified_at=modified)
    return ref, times


def _before(tx: Transaction, platform: str, row: Row) -> Manifest | None:
    if row["revision"] == 0:
        return None
    held = tx.row(
        "SELECT raw FROM manifests WHERE platform = ? AND recording = ? AND revision = ?",
        (platform, row["recording"], row["revision"]),
    )
    assert held is not None  # our own revision, committed with the row
    return Manifest.parse(envelope.peek(held["raw"], "manifest"))


def _time(text: str) -> datetime:
    found = from_text(text)
    assert found is not None
    return found

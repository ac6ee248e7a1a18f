"""Manifest revisions: each new fact makes one, signed, with its event, in one transaction.

- Revision n+1 names the digest of n; `sha256` and `size` never change (trust.md, manifest).
- `after` is the chain before the event that commits the revision; the event names its digest.
- A report above 32 KiB travels beside; what is inside is under the manifest's own signature.
- A manifest is at most 64 KiB, whatever the tag holds (`daemon.fitting`); the row keeps the whole tag.
- Attachments are not inspected: their revision 1 is committed by `tagged`, never by `inspected`.
- What a person did (`Deed`) stands in the revision's event: `tagged`, `held` or `released`.
- Holds live on the recording's row, so that they outlast a new enrolment.
"""

from __future__ import annotations

import base64
import functools
import json
import platform as python_platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from daemon.custody import Custody, chain_end
from daemon.fitting import fitted
from daemon.store import Row, Transaction
from daemon.store.database import from_text, to_text
from daemon.tagging import place_of
from uplink import envelope
from uplink.messages import MACHINE, Actor, CameraClaim, Manifest, Tag
from uplink.messages.custody import Held, Inspected, Merged, Released, Tagged
from uplink.messages.manifest import (
    MAX_REPORT_INSIDE_BYTES,
    Hold,
    Ingest,
    Kind,
    ReportRef,
    Software,
    Span,
    Times,
    VerdictWord,
)

Depth = Literal["fast", "standard", "deep"]
HOLDS: TypeAdapter[list[Hold]] = TypeAdapter(list[Hold])


@dataclass(frozen=True)
class ReportFacts:
    """An inspection's report, as far as one recording goes.  `body`: its exact bytes."""

    body: bytes
    sha256: str
    depth: Depth
    verdict: VerdictWord
    started_at: tuple[datetime, datetime, list[str]] | None
    duration_s: float | None
    cards: tuple[str, ...] = ()  # texts of the codes that hold for it


@dataclass(frozen=True)
class Merging:
    """Two lines become one: digests of the one that is gone on from and of ours that is united with it.

    `basis`: the revision whose report and times go on.
    """

    history: str
    own: str
    basis: Manifest


@dataclass(frozen=True)
class Deed:
    """What changed a recording's facts beside tag and report, and who did it.

    `holds`: those in force from now on.  `held`, `released`: the one that was put or taken away.
    `merging`: the row has the revision that is gone on from already.
    `persons`: whose signatures a destroy command bore; `carried_by`: who brought it to the dock; `reason`:
    why.
    """

    actor: Actor = MACHINE
    command: str | None = None
    holds: Sequence[Hold] | None = None
    held: Hold | None = None
    released: str | None = None
    merging: Merging | None = None
    persons: tuple[str, ...] = ()
    carried_by: str | None = None
    reason: str = ""


_BY_MACHINE = Deed()


@dataclass(frozen=True)
class Revision:
    """A committed revision and its digest."""

    revision: int
    manifest: str


@functools.cache
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
    deed: Deed = _BY_MACHINE,
) -> Revision:
    """Commit the next revision of a recording, with the event that tells it.

    With a report it is `inspected`, else what the deed says (`merged`, `held`, `released`), else `tagged`.
    Raises LookupError for a recording that is not in the store.
    """
    row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
    if row is None:
        raise LookupError(f"no recording {recording}")
    if report is not None:
        keep_report(tx, custody, report)
    holds = holds_of(row) if deed.holds is None else list(deed.holds)
    manifest = fitted(_manifest(tx, custody, row, tag, holds, report, deed))
    signed = envelope.seal("manifest", manifest.to_bytes(), custody.identity.key)
    tx.insert(
        "manifests",
        {
            "platform": manifest.platform,
            "recording": recording,
            "revision": manifest.revision,
            "manifest": signed.digest,
            "raw": signed.raw,
            "report": beside(manifest.report),
            "made_at": to_text(manifest.time),
        },
    )
    made = Revision(manifest.revision, signed.digest)
    _append_event(tx, custody, made, manifest, report, deed)
    _update_row(tx, manifest, signed.digest, tag, registries, report)
    return made


def holds_of(row: Row) -> list[Hold]:
    """Return the holds that are in force on a row of `recordings`."""
    return HOLDS.validate_json(row["holds"])


def beside(report: ReportRef | None) -> str | None:
    """Return the digest of a report that travels beside its manifest."""
    return report.sha256 if report is not None and report.body is None else None


def _append_event(
    tx: Transaction,
    custody: Custody,
    made: Revision,
    manifest: Manifest,
    report: ReportFacts | None,
    deed: Deed,
) -> None:
    data: Inspected | Held | Released | Tagged | Merged
    kind: Literal["inspected", "held", "released", "tagged", "merged"]
    revised: dict[str, Any] = {"manifest": made.manifest, "revision": made.revision}
    if report is not None:
        kind = "inspected"
        data = Inspected(**revised, depth=report.depth, verdict=report.verdict, report=report.sha256)
    elif deed.merging is not None:
        kind = "merged"
        data = Merged(**revised, history=deed.merging.history, own=deed.merging.own)
    elif deed.held is not None:
        kind = "held"
        data = Held(**revised, hold=deed.held.hold, reason=deed.held.reason, command=deed.command)
    elif deed.released is not None and deed.command is not None:
        kind = "released"
        data = Released(
            **revised,
            hold=deed.released,
            command=deed.command,
            persons=list(deed.persons),
            carried_by=deed.carried_by,
            reason=deed.reason or None,
        )
    else:
        kind = "tagged"
        data = _tagged(revised, manifest.tag, deed)
    custody.append(tx, kind, data, recording=manifest.recording, actor=deed.actor)


def _tagged(revised: dict[str, Any], tag: Tag, deed: Deed) -> Tagged:
    by = tag.cases[0].by if tag.cases else tag.officer.by if tag.officer else "none"
    if deed.actor is not MACHINE:
        by = "command" if deed.command is not None else "declaration"
    return Tagged(
        **revised,
        by=by,
        officer=tag.officer.officer if tag.officer else None,
        cases=[case.case for case in tag.cases],
        command=deed.command,
        persons=list(deed.persons),
        carried_by=deed.carried_by,
        reason=deed.reason or None,
    )


def _update_row(
    tx: Transaction,
    manifest: Manifest,
    digest: str,
    tag: Tag,
    registries: str,
    report: ReportFacts | None,
) -> None:
    recording = manifest.recording
    holds = HOLDS.dump_json(manifest.holds).decode()
    tag_json = tag.model_dump_json(by_alias=True)
    tx.execute(
        "UPDATE recordings SET revision = ?, manifest = ?, tag = ?, holds = ?, registries = ?, place = ?"
        " WHERE recording = ?",
        (manifest.revision, digest, tag_json, holds, registries, place_of(tag), recording),
    )
    if report is None:
        return
    started = report.started_at[0] if report.started_at else None
    tx.execute(
        "UPDATE recordings SET report = ?, verdict = ?, started_at = ?, judged_place = place,"
        " inspect_again = CASE WHEN ? = 'fast' THEN inspect_again ELSE 0 END,"
        " fast_report = CASE WHEN ? = 'fast' THEN ? ELSE fast_report END WHERE recording = ?",
        (
            report.sha256,
            report.verdict,
            to_text(started),
            report.depth,
            report.depth,
            report.sha256,
            recording,
        ),
    )


def _manifest(
    tx: Transaction,
    custody: Custody,
    row: Row,
    tag: Tag,
    holds: list[Hold],
    report: ReportFacts | None,
    deed: Deed,
) -> Manifest:
    docking = tx.row("SELECT slot, profile, attached_at FROM dockings WHERE docking = ?", (row["docking"],))
    assert docking is not None  # a foreign key holds it
    merging = deed.merging
    before = merging.basis if merging is not None else _before(tx, custody.identity.platform, row)
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
        holds=holds,
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

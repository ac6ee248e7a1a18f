"""Manifest revisions: one line, bound to the chain, under the dock's key, never above 64 KiB."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.custody import chain_end
from daemon.fitting import fitted
from daemon.revisions import ReportFacts, revise
from tests.daemon.conftest import Dock
from tests.daemon.making import events, line_of, manifests, take_in
from uplink.messages import Case, Manifest, Officer, Tag
from uplink.messages.custody import Inspected, Tagged
from uplink.messages.manifest import MAX_MANIFEST_BYTES, MAX_REPORT_INSIDE_BYTES

AT = datetime(2026, 11, 4, 1, tzinfo=UTC)
NAME = "DSJ1_J1_20261104090000_0001.mp4"


def report(size_bytes: int = 0) -> ReportFacts:
    empty = len(json.dumps({"padding": ""}))
    body = json.dumps({"padding": "x" * max(0, size_bytes - empty)}).encode()
    return ReportFacts(body, hashlib.sha256(body).hexdigest(), "fast", "unchecked", (AT, AT, ["name"]), 60.0)


def tag(cases: int = 0, text: str = "标题") -> Tag:
    made = [
        Case(case=f"C{n}", title=text, place=text, matter="m", kind="other", by="registry")
        for n in range(cases)
    ]
    return Tag(officer=Officer(officer="J1", by="name"), cases=made)


def revised(dock: Dock, recording: str, report: ReportFacts | None, made: Tag | None = None) -> Manifest:
    with dock.store.write() as tx:
        revise(tx, dock.custody, recording, made or tag(), "", report)
    return manifests(dock, recording)[-1][0]


def test_each_revision_names_the_one_before_and_its_bytes_never_change(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    revised(dock, recording, report())
    revised(dock, recording, None, tag(1))
    revised(dock, recording, report(100))
    found = manifests(dock, recording)
    assert [m.revision for m, _ in found] == [1, 2, 3]
    assert [m.prev_manifest for m, _ in found] == [None, found[0][1], found[1][1]]
    assert len({(m.sha256, m.size, m.path_b64, m.camera.serial) for m, _ in found}) == 1
    first = found[0][0]
    assert (base64.b64decode(first.path_b64).decode(), first.size) == (NAME, 100)
    row = dock.store.row("SELECT * FROM recordings")
    assert row is not None
    assert (row["revision"], row["manifest"]) == (3, found[2][1])


def test_after_is_the_chain_before_the_event_and_the_event_names_the_manifest(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    before = chain_end(dock.store).point()
    manifest = revised(dock, recording, report())
    event = events(dock)[-1]
    assert before is not None
    assert manifest.after == before
    assert (event.kind, event.n, event.prev, event.recording) == (
        "inspected",
        before.n + 1,
        before.head,
        recording,
    )
    assert Inspected.model_validate(event.data) == Inspected(
        manifest=manifests(dock, recording)[0][1],
        revision=1,
        depth="fast",
        verdict="unchecked",
        report=report().sha256,
    )


def test_a_tag_is_committed_by_tagged_and_keeps_report_and_times(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    first = revised(dock, recording, report())
    second = revised(dock, recording, None, tag(2))
    assert (second.report, second.times) == (first.report, first.times)
    assert second.times.started_at is not None
    told = Tagged.model_validate(events(dock)[-1].data)
    assert (told.by, told.officer, told.cases, told.revision) == ("registry", "J1", ["C0", "C1"], 2)


def test_manifest_and_event_stand_or_fall_together(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    before = len(events(dock))
    with pytest.raises(RuntimeError), dock.store.write() as tx:
        revise(tx, dock.custody, recording, tag(), "", report())
        raise RuntimeError
    assert (manifests(dock, recording), len(events(dock))) == ([], before)
    assert dock.store.value("SELECT count(*) FROM reports") == 0


@pytest.mark.parametrize("size", [MAX_REPORT_INSIDE_BYTES, MAX_REPORT_INSIDE_BYTES + 1])
def test_a_report_above_32_kib_travels_beside(dock: Dock, size: int) -> None:
    (recording,) = take_in(dock, NAME)
    made = report(size)
    assert len(made.body) == size
    manifest = revised(dock, recording, made)
    inside = size <= MAX_REPORT_INSIDE_BYTES
    assert manifest.report is not None
    assert (manifest.report.sha256, manifest.report.size) == (made.sha256, size)
    assert (manifest.report.body is not None) == inside
    beside = dock.store.row("SELECT m.report, r.body FROM manifests m LEFT JOIN reports r USING (report)")
    assert beside is not None
    assert beside["report"] == (None if inside else made.sha256)
    assert beside["body"] == (None if inside else made.body)
    later = revised(dock, recording, None, tag(1))
    assert later.report == manifest.report
    assert dock.store.value("SELECT report FROM manifests WHERE revision = 2") == beside["report"]


def test_what_is_inside_hashes_to_what_it_says(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    line_of(dock).first.step()
    ((manifest, _),) = manifests(dock, recording)
    assert manifest.report is not None
    body = json.dumps(manifest.report.body, ensure_ascii=False, separators=(",", ":")).encode()
    assert hashlib.sha256(body).hexdigest() == manifest.report.sha256


def test_64_cases_with_long_titles_fit_and_the_row_keeps_them_whole(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    whole = tag(64, "字" * 2048)
    manifest = revised(dock, recording, report(MAX_REPORT_INSIDE_BYTES), whole)
    assert len(manifest.to_bytes()) <= MAX_MANIFEST_BYTES
    assert [case.case for case in manifest.tag.cases] == [f"C{n}" for n in range(64)]
    titles = {case.title for case in manifest.tag.cases}
    assert titles == {"字" * 40 + "..."}
    row = dock.store.row("SELECT tag FROM recordings")
    assert row is not None
    assert Tag.model_validate_json(row["tag"]) == whole
    assert manifest.report is not None
    assert manifest.report.body is None
    assert dock.store.value("SELECT report FROM manifests") == manifest.report.sha256


@settings(max_examples=30, deadline=None)
@given(cases=st.integers(0, 64), length=st.integers(0, 2048), body=st.integers(0, MAX_REPORT_INSIDE_BYTES))
def test_a_manifest_fits_whatever_the_tag_says(cases: int, length: int, body: int) -> None:
    manifest = MANIFEST.model_copy(
        update={
            "tag": Tag(
                cases=[
                    Case(
                        case=f"{n}" + "案" * 100,
                        title="长" * length,
                        matter="事" * 128,
                        kind="k" * 128,
                        by="registry",
                    )
                    for n in range(cases)
                ]
            ),
            "report": MANIFEST.report.model_copy(update={"body": {"x": "x" * body}, "size": body})
            if MANIFEST.report
            else None,
        }
    )
    small = fitted(manifest)
    assert len(small.to_bytes()) <= MAX_MANIFEST_BYTES
    assert [case.case for case in small.tag.cases] == [case.case for case in manifest.tag.cases]
    assert (small == manifest) == (len(manifest.to_bytes()) <= MAX_MANIFEST_BYTES)
    assert Manifest.parse(small.to_bytes()) == small


MANIFEST = Manifest.model_validate_json(
    json.dumps(
        {
            "platform": "pf",
            "dock": "dock-1",
            "recording": "a" * 26,
            "revision": 1,
            "prev_manifest": None,
            "sha256": "ab" * 32,
            "size": 1,
            "camera": {"serial": "C", "by": "usb"},
            "path_b64": "YQ==",
            "kind": "video",
            "times": {},
            "ingest": {
                "docking": "0" * 32,
                "index": 0,
                "slot": 1,
                "profile": "generic",
                "attached_at": "2026-11-25T08:00:00Z",
                "stored_at": "2026-11-25T08:00:00Z",
            },
            "tag": {},
            "report": {"depth": "fast", "verdict": "unchecked", "sha256": "ab" * 32, "size": 1},
            "host": None,
            "software": {"name": "bodydock", "version": "0", "python": "3"},
            "run": "0" * 32,
            "time": "2026-11-25T08:00:00Z",
            "clock": {"synced": False, "source": "none", "floor": "2026-11-25T08:00:00Z"},
            "after": {"epoch": "0" * 32, "n": 0, "head": "ab" * 32},
        }
    )
)


def test_a_manifest_goes_into_json_and_comes_back_the_same(dock: Dock) -> None:
    (recording,) = take_in(dock, NAME)
    manifest = revised(dock, recording, report(), tag(2))
    assert Manifest.parse(manifest.to_bytes()) == manifest


def test_a_recording_that_is_not_there_has_no_revision(dock: Dock) -> None:
    with pytest.raises(LookupError), dock.store.write() as tx:
        revise(tx, dock.custody, "a" * 26, tag(), "", None)

"""What the dock knows of a camera reaches the inspection of a shift: deletions, earlier dockings, its clock.

Cards are folders beside a real FAT image: what was deleted is read from the image, as from the card's device.
"""

from __future__ import annotations

import calendar
import json
import os
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon import clock as clock_module
from daemon.stages.inspecting import Progress
from daemon.status import show_json
from dock.camera_clock import Stamped, drift_s_per_day, read_clock
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, line_of, take_in, tools_of
from tests.transcoder.media_maker import Movie, make
from transcoder.engine import inspect
from transcoder.report import Depth, Report
from transcoder.request import InspectRequest

SERIAL = "DSJ1"
SHIFT = datetime(2026, 11, 4, 9, 0)
NEEDS_MTOOLS = pytest.mark.skipif(shutil.which("mdel") is None, reason="mtools are not installed")


class RealInspector:
    """Inspects in this process."""

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        again = InspectRequest.from_json(request.to_json())  # as it reaches the inspector's process
        assert again == request
        return inspect(again)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("movie") / "movie.mp4", Movie(seconds=10.0)).read_bytes()


def name(number: int, at: datetime) -> str:
    return f"{SERIAL}_J0H42A_{at:%Y%m%d%H%M%S}_{number:04}.mp4"


def local(at: datetime) -> int:
    """A FAT time, which is local, as the kernel tells it with `tz=UTC`."""
    return calendar.timegm(at.timetuple())


def fill(card: Card, movie: bytes, *numbers: int, start: datetime = SHIFT) -> None:
    for number in numbers:
        at = start + timedelta(seconds=10 * (number - 1))
        card.write(name(number, at), movie, modified_s=local(at + timedelta(seconds=10)))


def fat(card: Card, tmp_path: Path, *deleted: tuple[str, datetime, int]) -> None:
    """Let the card's device be a FAT image on which these were deleted (name, end, size)."""
    image = tmp_path / "card.img"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    environment = {**os.environ, "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(["/usr/sbin/mkfs.vfat", str(image)], check=True, capture_output=True)
    for each, ended, size in deleted:
        content = tmp_path / "content"
        content.write_bytes(bytes(size))
        os.utime(content, (local(ended), local(ended)))
        put = ["mcopy", "-m", "-i", str(image), str(content), f"::{each}"]
        subprocess.run(put, check=True, capture_output=True, env=environment)
    for each, _, _ in deleted:
        delete = ["mdel", "-i", str(image), f"::{each}"]
        subprocess.run(delete, check=True, capture_output=True, env=environment)
    card.device = replace(card.device, node=str(image))


def judged(dock: Dock) -> list[dict[str, Any]]:
    """Have everything inspected thoroughly; the findings of the newest report, but the notice's."""
    line = line_of(dock)
    for stage in (line.first, line.standard):
        stage._tools = replace(stage._tools, inspector=RealInspector())
    line.standard._judge._tools = line.standard._tools
    while line.first.step() or line.standard.step():
        pass
    body = dock.store.value("SELECT body FROM reports WHERE depth = 'standard' ORDER BY rowid DESC LIMIT 1")
    report = json.loads(body)
    found = [f for one in (*report["recordings"], *report["runs"]) for f in one["findings"]]
    return [finding for finding in found if finding["code"].startswith("continuity.")]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "camera", fs_type="vfat")


@NEEDS_MTOOLS
def test_a_deleted_recording_of_the_shift_is_a_finding_and_signed_with_the_listing(
    dock: Dock, card: Card, movie: bytes, tmp_path: Path
) -> None:
    fill(card, movie, 1, 2, 4, 5)
    third = SHIFT + timedelta(seconds=20)
    fat(card, tmp_path, (name(3, third), third + timedelta(seconds=10), 4321))
    card.dock_in(dock)
    found = {finding["code"]: finding for finding in judged(dock)}
    assert set(found) >= {"continuity.selection", "continuity.sequence"}
    deleted = [f for f in judged(dock) if f["code"] == "continuity.selection" and "deleted" in f["evidence"]]
    assert [f["evidence"]["deleted"][0]["name"] for f in deleted] == [name(3, third)]
    assert [f["evidence"]["deleted"][0]["size_bytes"] for f in deleted] == [4321]
    assert "未作恢复" in deleted[0]["text"]["zh"]
    (volume,) = events(dock, "listed")[-1].data["volumes"]
    assert (volume["deleted"], volume["lost_bytes"]) == ({"count": 1, "bytes": 4321}, 0)


@NEEDS_MTOOLS
def test_what_a_camera_removes_itself_or_what_is_here_is_no_finding(
    dock: Dock, card: Card, movie: bytes, tmp_path: Path
) -> None:
    fill(card, movie, 1, 2, 3)
    second = SHIFT + timedelta(seconds=20)
    fat(
        card,
        tmp_path,
        ("rec.tmp", second, 5000),
        (name(2, SHIFT + timedelta(seconds=10)), second, len(movie)),  # is here, by name and size
        ("OLD.MP4", second - timedelta(days=3), 5000),
    )
    card.dock_in(dock)
    assert judged(dock) == []
    assert events(dock, "listed")[-1].data["volumes"][0]["deleted"]["count"] == 3


def test_a_device_that_cannot_be_read_is_said_and_costs_nothing(
    dock: Dock, card: Card, movie: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    fill(card, movie, 1, 2)
    card.dock_in(dock)  # its node does not exist
    assert "cannot be read" in caplog.text
    assert judged(dock) == []
    (volume,) = events(dock, "listed")[-1].data["volumes"]
    assert (volume["deleted"], volume["lost_bytes"]) == (None, None)
    assert "cannot be read" in dock.store.value("SELECT leavings_note FROM volumes")


def test_what_an_earlier_docking_brought_is_not_missing(dock: Dock) -> None:
    files = [name(n, SHIFT + timedelta(minutes=n)) for n in (1, 2, 3)]
    take_in(dock, files[1], attachment="a")
    take_in(dock, *files, attachment="b")
    line = line_of(dock)
    while line.first.step() or line.standard.step():
        pass
    asked = [r for r in line.inspector.asked if r.depth is Depth.STANDARD]
    assert [[(s.name, s.sequence, s.arrived) for s in r.camera.seen] for r in asked] == [
        [(files[1], 2, True)],
        [(files[0], 1, True), (files[2], 3, True)],
    ]


def test_what_was_listed_and_left_with_the_camera_is_named(dock: Dock, card: Card, movie: bytes) -> None:
    fill(card, movie, 1, 2, 3)
    card.only_list(dock)
    with dock.store.write() as tx:  # the second never came
        tx.execute("UPDATE files SET state = 'explained', reason = 'gone' WHERE idx = 1")
    card.job(tools_of(dock)).run()
    assert dock.store.value("SELECT state FROM dockings") == "removed"
    (finding,) = [f for f in judged(dock) if f["code"] == "continuity.selection"]
    assert finding["evidence"]["reason"] == "gone"
    assert not [f for f in judged(dock) if f["code"] == "continuity.sequence"]


# The camera's clock


def test_a_camera_that_is_ahead_at_plug_in_is_said_and_shown(
    dock: Dock, card: Card, movie: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = tmp_path / "synced"
    synced.touch()
    monkeypatch.setattr(clock_module, "_SYNCED", synced)
    now = dock.custody.clock.now().astimezone(tools_of(dock).zone).replace(tzinfo=None, microsecond=0)
    fill(card, movie, 1, 2, 3, start=now + timedelta(hours=1))
    card.dock_in(dock)
    (finding,) = judged(dock)
    assert (finding["code"], finding["severity"]) == ("continuity.clock", "info")
    assert finding["value"] == pytest.approx(3600 + 20, abs=5)
    recording = dock.store.value("SELECT recording FROM recordings LIMIT 1")
    shown = show_json(dock.store, recording)["camera_clock"]
    assert (shown["from"], shown["most_s"], shown["dock_synced"]) == ("newest_file", None, True)
    assert shown["least_s"] == finding["value"]


def test_a_dock_whose_own_clock_is_not_sure_says_nothing_of_the_camera(
    dock: Dock, card: Card, movie: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_module, "_SYNCED", tmp_path / "none")
    now = dock.custody.clock.now().astimezone(tools_of(dock).zone).replace(tzinfo=None, microsecond=0)
    fill(card, movie, 1, 2, start=now + timedelta(hours=1))
    card.dock_in(dock)
    assert judged(dock) == []


NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def stamped(seconds: float, *, clock_file: bool = False) -> Stamped:
    return Stamped(NOW + timedelta(seconds=seconds), clock_file)


def test_any_time_on_the_card_bounds_the_clock_from_below_and_one_broken_entry_does_not_a08() -> None:
    assert read_clock([], NOW) is None
    one = read_clock([stamped(-100)], NOW)
    assert one is not None
    assert (one.least_s, one.most_s) == (-100, None)
    broken = read_clock([stamped(-100), stamped(-60), stamped(2e9)], NOW)
    assert broken is not None and broken.least_s == -60
    unsure = read_clock(
        [stamped(8 * 3600 - 100)], NOW, maybe_ahead_s=8 * 3600
    )  # exFAT without an offset (B05)
    assert unsure is not None and unsure.least_s == -100


def test_a_file_that_is_written_at_plug_in_bounds_it_from_both_sides() -> None:
    found = read_clock([stamped(90, clock_file=True), stamped(500)], NOW)
    assert found is not None
    assert (found.least_s, found.most_s, found.basis) == (90, 212, "clock_file")


def test_drift_needs_a_day_and_keeps_its_uncertainty() -> None:
    week = NOW + timedelta(days=7)
    assert drift_s_per_day((NOW, 10, 12), (NOW + timedelta(hours=5), 20, 22)) is None
    found = drift_s_per_day((NOW, 10, 12), (week, 31, 33))
    assert found is not None
    assert list(found) == pytest.approx([19 / 7, 23 / 7])

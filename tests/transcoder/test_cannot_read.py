"""What a disk or a right refuses is never damage; what a speech model throws costs the notice alone."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rig.until import until
from tests.transcoder.media_maker import Movie, make
from transcoder import engine
from transcoder.engine import Ears, inspect
from transcoder.notice import Heard
from transcoder.report import Depth, Report, Verdict
from transcoder.request import InspectItem, InspectRequest
from transcoder.sound import read_head

DEPTHS = (Depth.FAST, Depth.STANDARD)
CAN_FAIL = (
    os.geteuid() == 0 and Path("/dev/fuse").exists() and shutil.which("nbdfuse") and shutil.which("nbdkit")
)


@contextmanager
def on_a_bad_disk(original: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (the file seen through a disk, a flag: while it exists, nothing can be read)."""
    mount, bad = folder / "disk", folder / "bad"
    mount.mkdir()
    command = ["nbdkit", "-s", "--exit-with-parent", "--filter=error", "file", str(original)]
    command += ["error-pread=EIO", "error-pread-rate=100%", f"error-file={bad}"]
    seen = mount / original.name
    server = subprocess.Popen(
        ["nbdfuse", "-r", str(seen), "--command", *command], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(seen.exists, "the disk is there")
        yield seen, bad
    finally:
        bad.unlink(missing_ok=True)
        ctypes.CDLL(None).umount2(os.fsencode(mount), 2)
        server.terminate()
        server.wait(10)


def look(*paths: Path, depth: Depth, speech: Path | None = None) -> Report:
    items = tuple(InspectItem(path) for path in paths)
    return inspect(InspectRequest(items, depth=depth, speech_model=speech, one_shift=False))


def told(report: Report) -> list[tuple[str, Any]]:
    return [
        (f.code, f.evidence.get("limit"))
        for f in report.recordings[0].findings
        if f.code != "file.unverified"
    ]


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_file_that_is_gone_or_forbidden_is_unchecked_and_not_damaged(tmp_path: Path, depth: Depth) -> None:
    report = look(tmp_path / "gone.mp4", depth=depth)
    assert told(report) == [("file.limits", "read_error")]
    assert report.verdict is Verdict.UNCHECKED
    assert "No such file" in report.recordings[0].findings[0].text.en


@pytest.mark.skipif(not CAN_FAIL, reason="needs root, /dev/fuse, nbdkit, nbdfuse")
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("container", ["mp4", "ts", "cut"])
def test_a_disk_that_fails_is_no_damage_and_passes(tmp_path: Path, container: str, depth: Depth) -> None:
    made = make(tmp_path / f"a.{'ts' if container == 'ts' else 'mp4'}", Movie(seconds=4))
    if container == "cut":
        made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    with on_a_bad_disk(made, tmp_path) as (path, bad):
        bad.touch()
        report = look(path, depth=depth)
        assert told(report) == [("file.limits", "read_error")]
        assert report.verdict is Verdict.UNCHECKED
        bad.unlink()
        now = [code for code, _ in told(look(path, depth=depth))]
        assert now == [code for code, _ in told(look(made, depth=depth))]
        assert ("file.limits" in now, bool(now)) == (False, container == "cut")


@pytest.mark.skipif(not CAN_FAIL, reason="needs root, /dev/fuse, nbdkit, nbdfuse")
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("lasting", [True, False])
def test_a_disk_that_fails_in_the_midst_is_no_damage(
    tmp_path: Path, depth: Depth, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails while FFmpeg reads the file, which then says that the file stops."""
    from transcoder import media

    made = make(tmp_path / "a.ts", Movie(seconds=20, x264="qp=1"))
    with on_a_bad_disk(made, tmp_path) as (path, bad):
        demux = media._demux
        done: list[str | None] = []

        def bad_once(container: Any, max_packets: int) -> Any:
            if not done:
                bad.touch()
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            found = demux(container, max_packets)
            done.append(found[1])
            if not lasting:
                bad.unlink(missing_ok=True)
            return found

        monkeypatch.setattr(media, "_demux", bad_once)
        report = look(path, depth=depth)
        assert done[0] == "Input/output error"
        assert told(report) == ([("file.limits", "read_error")] if lasting else [])


@pytest.mark.skipif(not CAN_FAIL, reason="needs root, /dev/fuse, nbdkit, nbdfuse")
def test_sound_that_the_disk_does_not_give_is_not_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path / "a.mp4", Movie())
    with on_a_bad_disk(made, tmp_path) as (path, bad):

        class Reading:
            def listen(self, run: Sequence[Any], pre_record_s: Any, search_s: float, limit_s: float) -> Heard:
                bad.touch()
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return Heard("silence" if read_head(run, 60.0).decoded_s else "no_sound")

        monkeypatch.setattr(engine.Ears, "listener", lambda *_: (Reading(), "0" * 64))
        report = look(path, depth=Depth.STANDARD, speech=tmp_path)
    assert report.recordings[0].findings == ()
    (finding,) = report.runs[0].findings
    assert (finding.code, finding.evidence["limit"]) == ("notice.unverified", "read_error")


class Failing:
    digest = "0" * 64

    def listen(self, run: Sequence[Any], pre_record_s: Any, search_s: float, limit_s: float) -> Heard:
        raise RuntimeError("mkl_malloc: failed to allocate memory")


@pytest.mark.parametrize("where", ["listening", "loading"])
def test_a_model_that_fails_costs_the_notice_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def listener(self: Ears, request: InspectRequest) -> tuple[Failing, str]:
        if where == "loading":
            raise RuntimeError("mkl_malloc: failed to allocate memory")
        return Failing(), Failing.digest

    monkeypatch.setattr(engine.Ears, "listener", listener)
    report = look(make(tmp_path / "a.mp4", Movie()), depth=Depth.STANDARD, speech=tmp_path)
    assert report.recordings[0].findings == ()
    (finding,) = report.runs[0].findings
    assert finding.code == "notice.unverified"
    assert "mkl_malloc" in finding.text.en
    assert report.runs[0].notice.status == "unverified"
    assert report.verdict is Verdict.UNCHECKED

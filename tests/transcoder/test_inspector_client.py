"""The inspector process and its client: what a file does to it costs that file only."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.transcoder.media_maker import Movie, make
from transcoder.child import inspector_command
from transcoder.client import Inspector, time_limit_s
from transcoder.engine import inspect
from transcoder.errors import BadRules, InspectorFailed
from transcoder.memory import resident_bytes
from transcoder.report import Depth, Report, Verdict
from transcoder.request import InspectItem, InspectRequest

# A stand-in inspector that misbehaves for files of certain names, and else does the real thing.
_NASTY = """
import os, sys, time, transcoder.engine as engine
real = engine.inspect
def inspect(request, progress=None, ears=None):
    for item in request.items:
        if item.failed is None:
            if item.name == "crash": os.kill(os.getpid(), 11)
            if item.name == "hang": time.sleep(3600)
            if item.name == "swell": hoard = bytearray(os.urandom(1)) * (400 << 20); time.sleep(3600)
            if item.name == "chatter": os.write(1, b"{junk" * 1000); print("more junk")
    return real(request, progress, ears)
engine.inspect = inspect
from transcoder.inspector import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("client") / "movie.mp4", Movie(seconds=2))


def _nasty() -> Inspector:
    return Inspector(command=(sys.executable, "-c", _NASTY))


def _request(path: Path, *names: str, depth: Depth = Depth.STANDARD) -> InspectRequest:
    items = tuple(InspectItem(path, name=name, kind="video") for name in names)
    return InspectRequest(items, depth=depth, one_shift=False)


def _limits(report: Report, index: int) -> list[str]:
    return [str(f.evidence["limit"]) for f in report.recordings[index].findings if f.code == "file.limits"]


def test_the_childs_report_is_the_engines_byte_for_byte(movie: Path) -> None:
    request = _request(movie, "a", "b")
    shares: list[tuple[int, float]] = []
    with Inspector() as inspector:
        report = inspector.inspect(request, lambda index, share: shares.append((index, share)))
        first = inspector.pid
        assert inspector.inspect(request).to_bytes() == report.to_bytes()
        assert inspector.pid == first is not None
    assert inspector.pid is None
    assert report.to_bytes() == inspect(request).to_bytes()
    assert shares and shares == sorted(shares)


@pytest.mark.parametrize(("name", "limit"), [("crash", "crash"), ("hang", "time"), ("swell", "memory")])
def test_one_bad_file_costs_one_file_c22(movie: Path, name: str, limit: str) -> None:
    with _nasty() as inspector:
        report = inspector.inspect(_request(movie, "good", name, "fine"), deadline_s=3.0)
        assert [_limits(report, i) for i in range(3)] == [[], [limit], []]
        assert report.recordings[0].duration_s is not None and report.recordings[0].key_frames is not None
        assert report.recordings[1].verdict is Verdict.UNCHECKED
        assert report.verdict_of(1) is Verdict.UNCHECKED
        assert not any(f.code == "file.unreadable" for r in report.recordings for f in r.findings)
        after = inspector.inspect(_request(movie, "good"))
        assert _limits(after, 0) == [] and after.recordings[0].sha256


def test_a_killed_child_is_file_limits_and_the_next_request_works(movie: Path) -> None:
    with _nasty() as inspector:
        inspector.inspect(_request(movie, "good"))
        killed: list[int] = []

        def kill() -> None:
            pid = inspector.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        timer = threading.Timer(0.3, kill)
        timer.start()
        report = inspector.inspect(_request(movie, "hang"), deadline_s=60.0)
        assert killed and _limits(report, 0) == ["crash"]
        assert "signal 9" in report.recordings[0].findings[0].text.en
        assert _limits(inspector.inspect(_request(movie, "good")), 0) == []
        assert inspector.pid not in (None, killed[0])


def test_a_child_that_died_between_requests_costs_nothing(movie: Path) -> None:
    with Inspector() as inspector:
        inspector.inspect(_request(movie, "a"))
        os.kill(inspector.pid or 0, signal.SIGKILL)
        assert _limits(inspector.inspect(_request(movie, "a")), 0) == []


def test_what_a_library_prints_never_reaches_the_answers(movie: Path) -> None:
    with _nasty() as inspector:
        assert _limits(inspector.inspect(_request(movie, "chatter")), 0) == []


def test_a_memory_limit_from_outside_g06(movie: Path) -> None:
    with Inspector(memory_bytes=10 << 20) as inspector:
        report = inspector.inspect(_request(movie, "a"))
    assert _limits(report, 0) == ["memory"]
    assert report.recordings[0].findings[0].text.zh.startswith("检查未完成")


def test_an_idle_child_is_ended_g06(movie: Path) -> None:
    with Inspector(idle_s=0.05) as inspector:
        inspector.inspect(_request(movie, "a", depth=Depth.FAST))
        done = threading.Event()
        for _ in range(200):
            if inspector.pid is None:
                done.set()
                break
            done.wait(0.05)
        assert done.is_set()
        assert _limits(inspector.inspect(_request(movie, "a")), 0) == []


def test_one_process_for_many_inspections_does_not_grow_g06(movie: Path) -> None:
    grown: list[int] = []
    with Inspector() as inspector:
        inspector.inspect(_request(movie, "a"))
        child = inspector.pid
        for _ in range(25):
            assert _limits(inspector.inspect(_request(movie, "a")), 0) == []
            grown.append(resident_bytes(child or 0) or 0)
        assert inspector.pid == child is not None
    assert grown[4] > 0 and grown[-1] - grown[4] < 8 << 20


def test_bad_rules_and_a_missing_program_are_said(movie: Path, tmp_path: Path) -> None:
    with Inspector() as inspector, pytest.raises(BadRules):
        inspector.inspect(InspectRequest((InspectItem(movie),), rules=tmp_path / "none.toml"))
    with Inspector(command=("/does/not/exist",)) as missing, pytest.raises(InspectorFailed):
        missing.inspect(_request(movie, "a"))


def test_the_time_limit_grows_with_size_and_listening(movie: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(1 << 30)
    small = time_limit_s(_request(movie, "a"))
    assert time_limit_s(InspectRequest((InspectItem(big),))) > small + 900
    assert time_limit_s(InspectRequest((InspectItem(movie),), speech_model=tmp_path)) > small


def test_the_program_serves_lines_and_ends_at_the_end(movie: Path) -> None:
    lines = b"nonsense\n" + _request(movie, "a", depth=Depth.FAST).to_json().encode() + b"\n"
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        inspector_command(),
        input=lines,
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["kind"] == "BadRequest"
    assert json.loads(answers[-1]["report"])["schema"] == "bodydock.report/1"

"""`script/fuzz`: mutated media through all depths in the real inspector, watched from outside.

What has to hold for each: the parent goes on; a report of the one file comes within its limit; resident
memory of the child stays under its limit; a limit is said as `file.limits` and never as damage; nothing is a
bug of ours.
Exit status: 0 all held, 1 something did not (the file is kept), 2 it could not run.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import make_seeds
from transcoder.client import Inspector
from transcoder.memory import resident_bytes
from transcoder.report import Depth, Report
from transcoder.request import InspectItem, InspectRequest

LIMIT_S = 20.0
LATE_S = 3.0  # for looking and killing on a busy machine
MEMORY_BYTES = 300 << 20
SLACK_BYTES = 64 << 20  # what it may grow by between two looks of the client
DAMAGE = ("file.unreadable", "file.partial", "continuity.truncated")
OUTER = ("crash", "memory", "time")
LARGEST_SEED_BYTES = 400_000


@dataclass
class Tally:
    """What a run came to; `broken` has a line for each thing that did not hold."""

    files: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    most_bytes: int = 0
    broken: list[str] = field(default_factory=list)

    def text(self) -> str:
        lines = [f"{self.files} files; verdicts {dict(self.verdicts)}"]
        lines.append(f"limits {dict(self.limits)}; slowest {self.slowest_s:.1f} s")
        lines.append(f"child's resident memory at most {self.most_bytes >> 20} MB")
        return "\n".join([*lines, *self.broken])


class Watch:
    """Looks at a process's resident memory all along, whatever its own parent sees."""

    def __init__(self, pid: Callable[[], int | None], every_s: float = 0.02) -> None:
        self.most_bytes = 0
        self._pid, self._every_s = pid, every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._done.wait(self._every_s):
            pid = self._pid()
            used = resident_bytes(pid) if pid is not None else None
            self.most_bytes = max(self.most_bytes, used or 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()


def wrong_in(report: Report, elapsed_s: float) -> list[str]:
    """What of a report, or of its coming, is not as it has to be."""
    if len(report.recordings) != 1:
        return [f"{len(report.recordings)} recordings in the report of one file"]
    (recording,) = report.recordings
    wrong = [] if elapsed_s <= LIMIT_S + LATE_S else [f"took {elapsed_s:.1f} s"]
    limits = [str((f.evidence or {}).get("limit")) for f in recording.findings if f.code == "file.limits"]
    if "bug" in limits:
        wrong.append("an internal error of the inspector")
    if "crash" in limits:
        wrong.append("the inspector ended")
    damage = [f.code for f in recording.findings if f.code in DAMAGE]
    if damage and any(limit in OUTER for limit in limits):
        wrong.append(f"limit {limits} told as damage {damage}")
    if any(limit in OUTER for limit in limits) and str(recording.verdict) not in (
        "unchecked",
        "needs_review",
    ):
        wrong.append(f"limit {limits} gives the verdict {recording.verdict}")
    return wrong


def fuzz(
    seeds: Sequence[Path], first: int, until: Callable[[int], bool], keep: Path, depths: Sequence[Depth]
) -> Tally:
    """Mutants `first`, `first + 1`, … until `until(count)` holds; the files that broke go to `keep`."""
    tally = Tally()
    whole = [path.read_bytes() for path in seeds]
    with (
        tempfile.TemporaryDirectory(prefix="bodydock-fuzz-") as folder,
        Inspector(memory_bytes=MEMORY_BYTES) as inspector,
        Watch(lambda: inspector.pid) as watch,
    ):
        while not until(tally.files):
            number = first + tally.files
            at = number % len(whole)
            data, done = mutated(whole[at], number, whole[(number * 7 + 1) % len(whole)])
            path = Path(folder) / f"{number}-{seeds[at].name}"
            path.write_bytes(data)
            depth = depths[(number // len(whole)) % len(depths)]
            for line in _one(inspector, path, depth, tally):
                keep.mkdir(parents=True, exist_ok=True)
                (keep / path.name).write_bytes(data)
                tally.broken.append(f"{path.name} at {depth} ({', '.join(done)}): {line}")
            path.unlink()
            tally.files += 1
        tally.most_bytes = watch.most_bytes
    if tally.most_bytes > MEMORY_BYTES + SLACK_BYTES:
        tally.broken.append(f"the child had {tally.most_bytes >> 20} MB resident")
    return tally


def _one(inspector: Inspector, path: Path, depth: Depth, tally: Tally) -> list[str]:
    begun = time.monotonic()
    try:
        report = inspector.inspect(InspectRequest((InspectItem(path),), depth), deadline_s=LIMIT_S)
        again = Report.from_bytes(report.to_bytes())
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not come
        return [f"no report: {type(error).__name__}: {error}"]
    elapsed_s = time.monotonic() - begun
    tally.slowest_s = max(tally.slowest_s, elapsed_s)
    tally.verdicts[str(report.verdict)] += 1
    for finding in again.recordings[0].findings:
        tally.codes[finding.code] += 1
        if finding.code == "file.limits":
            tally.limits[str((finding.evidence or {}).get("limit"))] += 1
    return wrong_in(again, elapsed_s)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description="Mutated media through the inspector.")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--count", type=int, help="how many files, instead of --minutes")
    parser.add_argument("--seed", type=int, default=1, help="where the numbers of the mutants begin")
    parser.add_argument(
        "--depth", choices=[d.value for d in Depth], action="append", help="default: all three"
    )
    parser.add_argument("--media", type=Path, help="a folder of small files to mutate as well")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-broken"), help="where files that broke go")
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    depths = [Depth(name) for name in given.depth or [d.value for d in Depth]]
    ends = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="bodydock-seeds-") as folder:
        seeds = make_seeds(Path(folder))
        if given.media is not None:
            found = [p for p in sorted(given.media.rglob("*")) if p.is_file()]
            seeds += [p for p in found if 16 <= p.stat().st_size <= LARGEST_SEED_BYTES]

        def until(count: int) -> bool:
            return bool(count >= given.count if given.count is not None else time.monotonic() >= ends)

        tally = fuzz(seeds, given.seed * 1_000_000, until, given.keep, depths)
    print(tally.text())
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())

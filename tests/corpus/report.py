"""`script/corpus-report`: the command line run over the corpus, and its findings held against the labels.

- Only `bodydock inspect --json` is asked, as anybody would: nothing of ours is imported.
- Files go in batches (one process each), shifts one by one.  A batch that dies is run again file by file.
- Exit status: 0 the goals are met, 1 they are not, 2 it could not run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.corpus.corpus import all_items, short_items
from tests.corpus.labels import DEPTHS
from tests.corpus.score import Judged, broken_goals, findings_of, judge, table, verdict_of
from tests.corpus.store import Made, MakingFailed, corpus_root, timed_make
from tests.corpus.words import Run, as_markdown, as_text

REPO = Path(__file__).parents[2]
BATCH = 12
TIMEOUT_S = 600


class CannotRun(Exception):
    """The command is not there, or its answer is no report."""


@dataclass(frozen=True)
class Command:
    """How the command is called."""

    program: tuple[str, ...]
    depth: str
    rules: str | None = None

    def report(self, paths: Sequence[Path], place_known: str = "unknown") -> dict[str, Any]:
        """Its report on the paths; raises CannotRun."""
        call = [*self.program, "inspect", "--json", "--depth", self.depth, "--place-known", place_known]
        call += ["--rules", self.rules] if self.rules else []
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        try:
            done = subprocess.run(
                [*call, *map(str, paths)],
                capture_output=True,
                check=False,
                timeout=TIMEOUT_S,
                env=environment,
                cwd=REPO,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"{' '.join(call)}: {error}") from error
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise CannotRun(f"{' '.join(call)} ended with {done.returncode} and no report: {said}") from error
        return report


def _program(named: str | None) -> tuple[str, ...]:
    if named:
        return tuple(named.split())
    own = REPO / ".venv/bin/bodydock"
    return (str(own),) if own.exists() else (sys.executable, "-m", "daemon")


def _indices(report: Mapping[str, Any], made: Made) -> list[int]:
    """Which recordings of the report are this file: the longest common end of the paths."""
    path = Path(made.label.path)
    whole = [i for i, r in enumerate(report["recordings"]) if Path(r["path"]).parts[-2:] == path.parts[-2:]]
    named = [i for i, r in enumerate(report["recordings"]) if Path(r["path"]).name == path.name]
    return whole or named


def _judge_files(command: Command, batch: Sequence[Made], root: Path) -> list[Judged | str]:
    try:
        report = command.report([root / made.label.path for made in batch])
    except CannotRun as error:
        if len(batch) == 1:
            return [f"{batch[0].label.id}: {error}"]
        return [answer for made in batch for answer in _judge_files(command, [made], root)]
    out: list[Judged | str] = []
    heard = command.depth != "fast" and report["engine"].get("speech_model") is not None
    for made in batch:
        indices = _indices(report, made)
        if len(indices) != 1:
            out.append(f"{made.label.id}: {len(indices)} recordings are called {Path(made.label.path).name}")
            continue
        found, verdict = findings_of(report, indices), verdict_of(report, indices)
        out.append(judge(made.label, verdict, found, command.depth, heard=heard))
    return out


def _judge_shift(command: Command, made: Made) -> list[Judged | str]:
    try:
        report = command.report([made.folder], made.label.place_known)
    except CannotRun as error:
        return [f"{made.label.id}: {error}"]
    heard = command.depth != "fast" and report["engine"].get("speech_model") is not None
    return [judge(made.label, verdict_of(report), findings_of(report), command.depth, heard=heard)]


def _batches(files: Sequence[Made]) -> list[list[Made]]:
    """Files for one process each: those with a place of their own alone, no name twice."""
    batches: list[list[Made]] = []
    for made in files:
        last = batches[-1] if batches else []
        names = {Path(m.label.path).name for m in last}
        if not last or len(last) == BATCH or Path(made.label.path).name in names:
            batches.append([made])
        else:
            last.append(made)
    return batches


def inspect_all(command: Command, made: Sequence[Made], root: Path, workers: int) -> Run:
    """Every item through the command."""
    begun = time.monotonic()
    there = [one for one in made if one.skipped is None]
    files = [one for one in there if one.label.kind == "file"]
    shifts = [one for one in there if one.label.kind == "shift"]
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(_judge_files, command, batch, root) for batch in _batches(files)]
        waiting += [pool.submit(_judge_shift, command, one) for one in shifts]
        answers = [answer for future in waiting for answer in future.result()]
    judged = tuple(answer for answer in answers if isinstance(answer, Judged))
    failed = tuple(answer for answer in answers if isinstance(answer, str))
    skipped = tuple(f"{one.label.id}: {one.skipped}" for one in made if one.skipped is not None)
    return Run(command.depth, judged, failed, skipped, time.monotonic() - begun)


def _chosen(made: Sequence[Made], only: Sequence[str], item: str | None) -> list[Made]:
    """Items with one of the codes expected, and all clean ones; or those whose id begins so."""
    if item:
        return [one for one in made if one.label.id.startswith(item)]
    if not only:
        return list(made)
    return [
        one
        for one in made
        if one.label.clean or any(e.code.startswith(tuple(only)) for e in one.label.expected)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="corpus-report", description="Inspect the corpus and compare with its labels."
    )
    parser.add_argument(
        "--depth", choices=DEPTHS, action="append", help="may be given several times; default: standard"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--short", action="store_true", help="the short part of the corpus")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CODE",
        help="only items with this code (or its beginning), and the clean ones",
    )
    parser.add_argument("--item", metavar="ID", help="only items whose id begins so")
    parser.add_argument("--rules", metavar="FILE", help="another rule set")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the tables as Markdown")
    parser.add_argument(
        "--bodydock",
        metavar="COMMAND",
        help="the command to ask (default: .venv/bin/bodydock, else this Python)",
    )
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    root = corpus_root()
    try:
        made, seconds = timed_make(short_items() if given.short else all_items(), root, given.workers)
    except (MakingFailed, OSError) as error:
        print(f"corpus-report: {error}", file=sys.stderr)
        return 2
    made = _chosen(made, given.only, given.item)
    print(f"corpus: {len(made)} items, made in {seconds:.0f} s, in {root}", file=sys.stderr)
    runs = []
    for depth in given.depth or ["standard"]:
        command = Command(_program(given.bodydock), depth, given.rules)
        runs.append(inspect_all(command, made, root, given.workers))
        print(as_text(runs[-1], given.only))
    if given.write:
        given.write.write_text(as_markdown(runs), encoding="utf-8")
    broken = [goal for run in runs for goal in (*run.failed, *broken_goals(run.judged, table(run.judged)))]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

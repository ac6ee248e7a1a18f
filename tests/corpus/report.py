"""`script/corpus-report`: the command line run over the corpus, and its findings held against the labels.

Exit status: 0 the goals are met, 1 they are not, 2 it could not run.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.corpus.asking import REPO, Answer, Command, ask_files, ask_shift, batches
from tests.corpus.corpus import all_items, short_items
from tests.corpus.labels import DEPTHS
from tests.corpus.score import broken_goals, judge, table
from tests.corpus.store import Made, MakingFailed, corpus_root, timed_make
from tests.corpus.words import BY_HAND, Run, as_markdown, as_text


def _program(named: str | None) -> tuple[str, ...]:
    if named:
        return tuple(named.split())
    own = REPO / ".venv/bin/bodydock"
    return (str(own),) if own.exists() else (sys.executable, "-m", "daemon")


def inspect_all(command: Command, made: Sequence[Made], root: Path, workers: int) -> Run:
    """Every item through the command."""
    begun = time.monotonic()
    there = [one for one in made if one.skipped is None]
    answers: dict[str, Answer] = {
        one.label.id: kept for one in there if (kept := command.kept(one)) is not None
    }
    todo = [one for one in there if one.label.id not in answers]
    shifts = [one for one in todo if one.label.kind == "shift"]
    with ThreadPoolExecutor(workers) as pool:
        waiting = [
            (batch, pool.submit(ask_files, command, batch, root))
            for batch in batches([one for one in todo if one.label.kind == "file"])
        ]
        waiting += [([one], pool.submit(ask_shift, command, one)) for one in shifts]
        for batch, future in waiting:
            answers |= {one.label.id: answer for one, answer in zip(batch, future.result(), strict=True)}
    judged, failed = [], []
    for one in there:
        answer = answers[one.label.id]
        if answer.failed is None:
            judged.append(
                judge(one.label, answer.verdict, answer.findings, command.depth, heard=answer.heard)
            )
        else:
            failed.append(answer.failed)
    skipped = tuple(f"{one.label.id}: {one.skipped}" for one in made if one.skipped is not None)
    return Run(command.depth, tuple(judged), tuple(failed), skipped, time.monotonic() - begun)


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
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="keep answers there, and take those kept")
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
        command = Command(_program(given.bodydock), depth, given.rules, given.keep)
        runs.append(inspect_all(command, made, root, given.workers))
        print(as_text(runs[-1], given.only))
    if given.write:
        before = given.write.read_text(encoding="utf-8") if given.write.exists() else ""
        by_hand = before[before.index(BY_HAND) :] if BY_HAND in before else ""
        given.write.write_text(as_markdown(runs) + ("\n" + by_hand if by_hand else ""), encoding="utf-8")
    broken = [goal for run in runs for goal in (*run.failed, *broken_goals(run.judged, table(run.judged)))]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""The result of a run over the corpus in words: for the terminal and for docs/corpus.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.corpus.score import Judged, Row, broken_goals, clean_shares, table

TEXT_CHARACTERS = 110
BY_HAND = "## Known limits"  # what follows in the page is kept when it is written anew


@dataclass(frozen=True)
class Run:
    """Everything judged at one depth."""

    depth: str
    judged: tuple[Judged, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    seconds: float


def _recall(row: Row) -> str:
    return "" if row.recall is None else f"{row.recall:.2f}"


def _cells(row: Row) -> tuple[str, ...]:
    counts = (row.found, row.by_other, row.elsewhere, row.missed)
    return (row.code, *map(str, counts), _recall(row), str(row.false), str(row.false_on_clean))


def _is_wanted(code: str, only: Sequence[str]) -> bool:
    return not only or code.startswith(tuple(only))


def _seconds(start_s: float | None, end_s: float | None) -> str:
    if start_s is None:
        return ""
    return f" {start_s:.1f}–{start_s if end_s is None else end_s:.1f} s"


def _misses(run: Run, only: Sequence[str] = ()) -> Iterator[str]:
    for judged in run.judged:
        for outcome in judged.outcomes:
            expect = outcome.expect
            if outcome.result == "found" or not _is_wanted(expect.code, only):
                continue
            where = _seconds(expect.start_s, expect.end_s)
            other = f" ({outcome.by} is there, elsewhere or milder)" if outcome.by else ""
            yield f"{expect.code}{where}: {judged.label.id}{other}"


def _false(run: Run, clean: bool, only: Sequence[str] = ()) -> Iterator[str]:
    for judged in run.judged:
        if judged.label.clean is not clean:
            continue
        for found in judged.false:
            if _is_wanted(found.code, only):
                text = (
                    found.text
                    if len(found.text) <= TEXT_CHARACTERS
                    else found.text[: TEXT_CHARACTERS - 1] + "…"
                )
                where = _seconds(found.start_s, found.end_s)
                yield f"{found.code} ({found.severity}){where}: {judged.label.id}: {text}"


def _shares(run: Run) -> str:
    shares = clean_shares(run.judged)
    total = max(1, sum(shares.values()))
    said = ", ".join(f"{verdict} {count} ({count / total:.1%})" for verdict, count in shares.items())
    return f"{total} clean items: {said}"


def as_text(run: Run, only: Sequence[str] = ()) -> str:
    """Tables and lists for a terminal."""
    rows = [row for row in table(run.judged) if _is_wanted(row.code, only)]
    lines = [f"depth {run.depth}: {len(run.judged)} items in {run.seconds:.0f} s", ""]
    heads = ("code", "found", "(other)", "elsewhere", "missed", "recall", "false", "on clean")
    for cells in (heads, *(_cells(row) for row in rows)):
        lines.append(f"{cells[0]:32}" + "".join(f"{cell:>10}" for cell in cells[1:]))
    lines += ["", _shares(run)]
    for title, entries in (
        ("missed", _misses(run, only)),
        ("false on clean items", _false(run, True, only)),
        ("false on faulty items", _false(run, False, only)),
        ("failed", run.failed),
        ("skipped", run.skipped),
        ("goals not met", broken_goals(run.judged, rows)),
    ):
        entered = list(entries)
        if entered:
            lines += ["", f"{title} ({len(entered)}):", *(f"  {entry}" for entry in entered)]
    return "\n".join(lines)


HEAD = """# What inspection finds in the corpus

Written by `script/corpus-report --write docs/corpus.md`, not by hand, but for its last part. `tests/corpus/`
makes recordings and shifts whose faults are known, from the finding codes alone; this table says what
`bodydock inspect` found.
*(other)*: found, told by another code that the label accepts; *elsewhere*: the code is there, but not
where or as severe as it should be (counted as missed); *false*: neither expected nor allowed. An expectation
counts from its stated depth on. Thresholds were tuned while the corpus was being made: nothing is held out.
Goals: recall at least 0.98 for each code; on clean items no violation, and at most 2 % that need review.
"""


def as_markdown(runs: Sequence[Run]) -> str:
    """The tables, misses and false findings included, as docs/corpus.md."""
    lines = [HEAD]
    for run in runs:
        rows = table(run.judged)
        files = sum(judged.label.kind == "file" for judged in run.judged)
        lines += [
            f"## Depth `{run.depth}`",
            "",
            f"{files} files, {len(run.judged) - files} shifts. {_shares(run)}.",
            "",
        ]
        lines.append("| code | found | (other) | elsewhere | missed | recall | false | of these on clean |")
        lines.append("|---|--:|--:|--:|--:|--:|--:|--:|")
        for row in rows:
            code, *numbers = _cells(row)
            lines.append(f"| `{code}` | " + " | ".join(numbers) + " |")
        for title, entries in (
            ("Goals not met", broken_goals(run.judged, rows)),
            ("Missed", _misses(run)),
            ("False on clean items", _false(run, True)),
            ("False on faulty items", _false(run, False)),
            ("Could not be inspected", run.failed),
            ("Not made here", run.skipped),
        ):
            entered = list(entries)
            if entered:
                lines += ["", f"### {title} ({len(entered)})", "", *(f"- {entry}" for entry in entered)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"

"""BENCHMARKS.md: the measured rows as people read them.  Rows are kept beside it as JSON, so that one figure
can be measured again without the others.  Pure but for the two files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.trial import Goal, Row, Side

_HEAD = """# Figures

Written by `script/bench --write`; rows are in `{rows}`.  {count} of {all} meet their goal or have none.
Each figure is measured against the peer it names in the same run, the two sides in turn, and is the ratio of
the medians; beside a median stand the lowest and the highest value.  `script/bench NAME` measures one again.
"""


@dataclass(frozen=True)
class Taken:
    """A row with when and on what it was taken.  `load`: processes that wanted a core as it began."""

    row: Row
    date: str
    load: float
    facts: Mapping[str, str]


def read(path: Path) -> list[Taken]:
    """The rows kept so far; none where there is no file."""
    return [_taken(entry) for entry in json.loads(path.read_text())] if path.exists() else []


def merged(old: Sequence[Taken], new: Sequence[Taken], order: Sequence[str]) -> list[Taken]:
    """The new rows in place of the old ones of the same figures, in the order of the figures' names."""
    again = {taken.row.figure for taken in new}
    kept = [taken for taken in old if taken.row.figure not in again and taken.row.figure in order]
    return sorted([*kept, *new], key=lambda taken: order.index(taken.row.figure))


def write(path: Path, taken: Sequence[Taken]) -> None:
    path.write_text(json.dumps([asdict(one) for one in taken], ensure_ascii=False, indent=1) + "\n")


def document(taken: Sequence[Taken], rows: str) -> str:
    """The whole of BENCHMARKS.md."""
    met = sum(one.row.met is not False for one in taken)
    parts = [_HEAD.format(count=met, all=len(taken), rows=rows)]
    parts.append(_table(taken))
    missed = [one.row for one in taken if one.row.met is False]
    if missed:
        parts.append("## Missed\n\n" + "\n".join(f"- {line}" for line in map(_missed, missed)) + "\n")
    parts.append("## How each was taken\n\n" + "\n".join(map(_how, taken)))
    parts.append(_machines(taken))
    return "\n".join(parts)


def line(row: Row) -> str:
    """A row for the terminal."""
    ratio = "" if row.ratio is None else f"  ratio {row.ratio:.3g}"
    goal = "" if row.goal is None else f"  goal {row.goal.text}  {_mark(row)}"
    peer = "" if row.peer is None else f"  against {row.peer.text}"
    return f"{row.figure}: {row.what}: {row.ours.text}{peer}{ratio}{goal}"


def _mark(row: Row) -> str:
    return {True: "met", False: "**missed**", None: "reported"}[row.met]


def _table(taken: Sequence[Taken]) -> str:
    lines = ["| what | ours | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    for one in taken:
        row = one.row
        peer = row.peer.text if row.peer else "–"
        ratio = "–" if row.ratio is None else f"{row.ratio:.3g}"
        goal = row.goal.text if row.goal else "–"
        lines.append(f"| {row.what} | {row.ours.text} | {peer} | {ratio} | {goal} | {_mark(row)} |")
    return "\n".join(lines) + "\n"


def _missed(row: Row) -> str:
    goal = row.goal.text if row.goal else ""
    return f"{row.what}: {row.ratio:.3g}, goal {goal}." + (f" {row.notes}" if row.notes else "")


def _how(one: Taken) -> str:
    row = one.row
    runs = len(row.ours.values)
    lines = [f"**{row.what}** ({one.date}, {runs} runs in turn, load {one.load:.1f} as it began)", ""]
    lines.append(f"- ours: `{row.ours.command}`")
    if row.peer:
        lines.append(f"- peer: `{row.peer.command}`")
    if row.notes:
        lines.append(f"- {row.notes}")
    return "\n".join(lines) + "\n"


def _machines(taken: Sequence[Taken]) -> str:
    lines = ["## Machine", ""]
    for facts in {json.dumps(one.facts, sort_keys=True): one.facts for one in taken}.values():
        lines += [f"- {name}: {value}" for name, value in facts.items()] + [""]
    lines.append(
        "A load above 1 as a figure began means that others worked on the machine meanwhile: its two cores"
    )
    lines.append("were shared, and the seconds (less so the ratios) are worse than on a quiet one.")
    return "\n".join(lines) + "\n"


def _taken(entry: dict[str, object]) -> Taken:
    raw = dict(entry["row"])  # type: ignore[call-overload]
    for side in ("ours", "peer"):
        if raw[side] is not None:
            raw[side] = Side(**{**raw[side], "values": tuple(raw[side]["values"])})
    raw["goal"] = Goal(**raw["goal"]) if raw["goal"] is not None else None
    return Taken(Row(**raw), str(entry["date"]), float(entry["load"]), dict(entry["facts"]))  # type: ignore

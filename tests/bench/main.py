"""Measure the project's figures.  The footage is kept in $BODYDOCK_BENCH or ~/.cache/bodydock-bench."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from tests.bench import table
from tests.bench.figures import FIGURES, by_names
from tests.bench.machine import load, machine_facts
from tests.bench.table import Taken
from tests.bench.trial import Bench

_ROOT = Path(__file__).resolve().parents[2]
_ROWS = _ROOT / "tests" / "bench" / "rows.json"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--list", "show", is_flag=True, help="Say which figures there are.")
@click.option("--quick", is_flag=True, help="Small and once: shows that it works, not how fast.")
@click.option("--write", is_flag=True, help="Put the rows into BENCHMARKS.md (not with --quick).")
def main(names: tuple[str, ...], show: bool, quick: bool, write: bool) -> None:
    """Measure figures against their peers, all of them without NAMES."""
    if quick and write:
        raise click.UsageError("quick figures are not for BENCHMARKS.md")
    if show:
        for figure in FIGURES:
            click.echo(f"{figure.name:24} {figure.what}")
        return
    try:
        chosen = by_names(names)
    except KeyError as error:
        raise click.UsageError(f"no figure {error}; see --list") from error
    bench = Bench(_folder(), quick)
    bench.folder.mkdir(parents=True, exist_ok=True)
    facts = machine_facts()
    for figure in chosen:
        begun, busy = datetime.now(UTC).date().isoformat(), load()
        try:
            rows = figure.measure(bench)
        except FileNotFoundError as absent:
            if absent.filename not in ("ffmpeg", "ffprobe", "rsync"):
                raise
            raise click.ClickException(f"{figure.name}: {absent}; apt install ffmpeg rsync") from absent
        for row in rows:
            click.echo(table.line(row))
        if write:
            _keep([Taken(row, begun, busy, facts) for row in rows])


def _keep(new: list[Taken]) -> None:
    everything = table.merged(table.read(_ROWS), new, [figure.name for figure in FIGURES])
    table.write(_ROWS, everything)
    text = table.document(everything, _ROWS.relative_to(_ROOT).as_posix())
    (_ROOT / "BENCHMARKS.md").write_text(text)


def _folder() -> Path:
    stated = os.environ.get("BODYDOCK_BENCH")
    return Path(stated) if stated else Path.home() / ".cache" / "bodydock-bench"


if __name__ == "__main__":
    sys.exit(main())

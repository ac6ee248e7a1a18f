"""How long a dock waits for its receipt while another floods: `python -m tests.bench.flooded [--write]`.

A recording of 4 MiB, from its manifest to its receipt, through mosquitto with the shipped bounds: in quiet,
begun with the flood, and while it goes on.  `--write` puts the table into docs/brokers.md.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.rig.flood_office import KINDS, FloodOffice, flood
from tests.rig.until import until
from tests.uplink.test_link import Dock

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "brokers.md"
BEGIN, END = "<!-- python -m tests.bench.flooded --write -->\n", "<!-- end -->\n"
TIMES = 5
LIMIT_S = 120.0
WORDS = {
    "health": "`up/health`, valid, again and again",
    "slots": "`up/slots`, the same",
    "events": "events that are held already",
    "garbage": "`{}` as events",
    "manifests": "a manifest that is held already",
    "segments": "1 MiB segments of no transfer",
}


@click.command()
@click.option("--write", is_flag=True, help="Put the table into docs/brokers.md.")
def main(write: bool) -> None:
    """Measure each kind of flood."""
    lines = ["| the other dock sends | messages a second | quiet | begun with it | while it goes on |"]
    lines.append("|---|---|---|---|---|")
    for kind in KINDS:
        lines.append(_measured(kind))
        click.echo(lines[-1])
    if write:
        text = DOCUMENT.read_text("utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        DOCUMENT.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, "utf-8")


def _measured(kind: str) -> str:
    with tempfile.TemporaryDirectory() as folder, FloodOffice(Path(folder)) as office:
        dock = office.dock()
        quiet_s = statistics.median(_receipt_s(office, dock) for _ in range(TIMES))
        flooder = office.flooder(flood(kind, office.flooding))
        flooder.begin()
        began = time.monotonic()
        until(lambda: flooder.sent, "the flood begins")
        first_s = _receipt_s(office, dock)
        later = [_receipt_s(office, dock) for _ in range(TIMES)]
        assert flooder.going, office.broker.log
        rate = flooder.sent / (time.monotonic() - began)
        spread = f"{statistics.median(later):.1f} s, at most {max(later):.1f} s"
        return f"| {WORDS[kind]} | {rate:,.0f} | {quiet_s:.1f} s | {first_s:.1f} s | {spread} |"


def _receipt_s(office: FloodOffice, dock: Dock) -> float:
    began = time.monotonic()
    footage = office.record(dock)
    until(lambda: footage.recording in office.desk.delivered, "a receipt", LIMIT_S)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())

"""What cards and strangers call things, at the center: shown as escapes, in tables, JSON and log."""

from __future__ import annotations

import io
import logging
import os

from click.testing import CliRunner

from daemon.cli.center import center_group
from daemon.journal import PlainFormatter
from tests.center.bench import Bench
from tests.center.scripted import Footage
from uplink import envelope

HOSTILE = "x\x1b[2J\x9b31m\u202efdp\nok\r"
BAD = ("\x1b", "\x9b", "\u202e", "\r")


def clean(text: str) -> bool:
    return not any(bad in text for bad in BAD) and "\nok" not in text


def test_center_list_and_show_escape_what_a_card_called_itself(bench: Bench) -> None:
    dock, footage = bench.enrol("dock-1"), Footage(os.urandom(10))
    tag = {
        "officer": {"officer": HOSTILE, "name": HOSTILE, "by": "name"},
        "cases": [{"case": HOSTILE, "by": "name"}],
    }
    manifest = dock.manifest(footage, name=HOSTILE, tag=tag)
    assert bench.refusals(bench.manifest(dock, footage, manifest)) == []
    for words in (
        ("list",),
        ("list", "--json"),
        ("show", footage.recording),
        ("show", footage.recording, "--json"),
    ):
        result = CliRunner().invoke(center_group, [*words, "--folder", str(bench.folder.root)])
        assert result.exit_code == 0, result.output
        assert clean(result.output)


def test_a_forged_keyid_reaches_neither_terminal_nor_log_raw(bench: Bench) -> None:
    dock, footage = bench.enrol("dock-1"), Footage(os.urandom(10))
    signed = dock.manifest(footage)
    forged = signed.raw.replace(dock.key.key_id[:16].encode(), b"\\u001b[2J\\u202e\\nFAKED", 1)
    assert b"FAKED" in forged
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logging.getLogger("center").addHandler(handler)
    logging.getLogger("center").setLevel(logging.INFO)
    try:
        bench.manifest(dock, footage, envelope.Envelope(forged, "manifest", b"", "", ()))
    finally:
        logging.getLogger("center").removeHandler(handler)
    assert "FAKED" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
    assert clean(stream.getvalue())
    bench.office.flush_counters()
    for more in ([], ["--json"]):
        result = CliRunner().invoke(center_group, ["counters", "--folder", str(bench.folder.root), *more])
        assert result.exit_code == 0, result.output
        assert "FAKED" in result.output
        assert clean(result.output)

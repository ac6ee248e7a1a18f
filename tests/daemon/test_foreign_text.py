"""What cards, docks and strangers call things, wherever people see it: as escapes, never as commands."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daemon.cli import center_tables, dockings, recordings, show, slots, status, watch_view
from daemon.cli.screen import console, lines
from daemon.journal import PlainFormatter

HOSTILE = "x\x1b[2J\x9b31m\u202efdp\nok\r"
SHOWN = "x\\x1b[2J\\x9b31m\\u202efdp\\nok\\r"
BAD = ("\x1b", "\x9b", "\u202e", "\r")


def clean(text: str) -> bool:
    return not any(bad in text for bad in BAD) and "\nok" not in text


def test_a_table_and_a_line_show_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    out = console(wide_when_piped=True)
    out.print(HOSTILE)
    out.print(lines([HOSTILE, "two"]))
    shown = capsys.readouterr().out
    assert clean(shown)
    assert shown.count(SHOWN) == 2


@pytest.mark.parametrize("module", ["recordings", "show", "dockings", "slots", "status"])
def test_every_verb_of_the_dock_prints_through_the_plain_console(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads what the daemon says (here: hostile everywhere) and prints it."""
    verbs: dict[str, Any] = {
        "recordings": (recordings, recordings.recordings, [RECORDING]),
        "show": (show, show.show, SHOWN_RECORDING),
        "dockings": (dockings, dockings.dockings, [DOCKING]),
        "status": (status, status.status, STATUS),
        "slots": (slots, slots.slots, [SLOT]),
    }
    where, command, data = verbs[module]
    if module == "slots":
        monkeypatch.setattr(where, "load_settings", lambda path: _Settings())
        monkeypatch.setattr(where, "ask", lambda *a, **k: data)
    else:
        monkeypatch.setattr(where, "read", lambda *a, **k: data)
    words = [HOSTILE] if module == "show" else []
    for more in ([], ["--json"]):
        result = CliRunner().invoke(command, [*words, *more], catch_exceptions=False)
        assert result.exit_code == int(module == "status")  # a critical alarm stands
        assert clean(result.output), result.output
        assert "x\\x1b" in result.output or "x\\u001b" in result.output


class _Settings:
    class control:  # noqa: N801
        socket = Path("/nowhere")


def test_watch_shows_what_docks_claim_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    slot = SLOT | {"phase": "busy", "camera": {"serial": HOSTILE}}
    shown = {
        "connected": False,
        "alarms": [
            {
                "site": "s",
                "dock": "d",
                "alarm": "a",
                "subject": HOSTILE,
                "text": {"zh": HOSTILE, "en": HOSTILE},
                "since": HOSTILE,
                "severity": "critical",
            }
        ],
        "docks": [
            {
                "site": "s",
                "dock": "d",
                "state": {"state": "online", "version": HOSTILE},
                "health": None,
                "freshness": "fresh",
                "slots": [slot],
            }
        ],
    }
    console(wide_when_piped=True).print(watch_view.view(shown, HOSTILE))
    assert clean(capsys.readouterr().out)


def test_a_log_entry_is_one_line_and_a_traceback_stays_readable() -> None:
    formatter = PlainFormatter("%(message)s")
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "of %s", (HOSTILE,), info)
    text = formatter.format(record)
    assert text.startswith(f"of {SHOWN}\nTraceback")
    assert not any(bad in text for bad in BAD)


def test_troubles_are_printed_plain(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"name": "n", "dock": "d", "since": None, "last_at": None, "times": 1, "detail": HOSTILE}
    center_tables.print_troubles([one | {"severity": "critical", "text": {"zh": "", "en": ""}}])
    assert clean(capsys.readouterr().out)


ALARM = {
    "alarm": "disk.full",
    "subject": HOSTILE,
    "text": {"zh": HOSTILE, "en": HOSTILE},
    "severity": "critical",
    "since": "2026-03-05T00:00:00",
    "cleared": None,
}
SLOT: dict[str, Any] = {
    "slot": 1,
    "camera": HOSTILE,
    "phase": "pulling",
    "text": {"zh": HOSTILE, "en": HOSTILE},
    "error": HOSTILE,
    "files_done": 0,
    "files_total": 1,
    "bytes_done": 0,
    "bytes_total": 1,
    "rate_bytes_per_s": None,
    "time_left_s": None,
}
RECORDING = {
    "recording": "a" * 26,
    "name": HOSTILE,
    "size": 1,
    "officer": {"name": HOSTILE, "officer": HOSTILE},
    "cases": [HOSTILE],
    "verdict": "compliant",
    "state": "stored",
    "cleared_at": None,
    "damaged": HOSTILE,
    "failure": HOSTILE,
}
SHOWN_RECORDING = RECORDING | {
    "report": None,
    "left_out": [HOSTILE],
    "conflicts": [{"source": HOSTILE, "field": HOSTILE, "value": HOSTILE}],
    "tag": None,
    "custody": [
        {"n": 1, "time": "t", "kind": "k", "actor": {"person": HOSTILE}, "data": {"reason": HOSTILE}}
    ],
    "receipts": [],
    "camera": HOSTILE,
    "sha256": "0" * 64,
    "started_at": None,
    "place": HOSTILE,
    "holds": [{"hold": "h", "person": HOSTILE, "reason": HOSTILE}],
}
TOTAL = {"count": 1, "bytes": 1}
DOCKING = {
    "attached_at": "2026-03-05T00:00:00",
    "slot": 1,
    "camera": HOSTILE,
    "listed": TOTAL,
    "stored": TOTAL,
    "already_stored": TOTAL,
    "explained": {HOSTILE: TOTAL, "left_out": TOTAL},
    "left_out": [HOSTILE],
    "profile": HOSTILE,
    "adds_up": True,
    "removed_early": False,
    "unread": 1,
    "missing": TOTAL,
    "state": "closed",
    "open": TOTAL,
}
STATUS = {
    "alarms": [ALARM],
    "slots": [SLOT],
    "recordings": {},
    "waiting_bytes": 0,
    "uplink": {"connected": False, "why": HOSTILE, "file": None, "alarms": []},
    "attention": {
        "deadlines": [],
        "conflicts": [{"recording": "r", "officer": HOSTILE, "claims": []}],
        "missing_fields": 0,
        "left_early": [{"docking": HOSTILE, "camera": HOSTILE, "slot": 1, "files": 1}],
        "unread": [{"docking": HOSTILE, "camera": HOSTILE, "slot": 1, "files": 1}],
        "on_hold": 0,
    },
    "left_out": {"dockings": 1, "files": 1},
    "restored": {"times": 0},
    "counters": {HOSTILE: 1},
}

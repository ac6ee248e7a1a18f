"""The log as the journal gets it: fields where they are known, and names that are no text."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from systemd import journal

from daemon.journal import _send as send  # the very function that the handler is given
from daemon.journal import stderr_is_journal
from daemon.logfields import about, add_fields

_LOG = logging.getLogger("bodydock.test_journal")
RAW = b"\xca\xd3\xc6\xb5.mp4".decode("utf-8", "surrogateescape")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    entries: list[dict[str, Any]] = []

    def take(message: str, **fields: Any) -> None:
        entries.append({"MESSAGE": message, **fields})
        for value in entries[-1].values():  # what the real one does, and fails at
            str(value).encode("utf-8")

    monkeypatch.setattr(journal, "send", take)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    handler = journal.JournalHandler(sender_function=send, SYSLOG_IDENTIFIER="bodydock")
    handler.addFilter(add_fields)
    handler.handleError = _fail  # type: ignore[method-assign]
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    yield entries
    _LOG.removeHandler(handler)
    _LOG.propagate = True


def _fail(record: logging.LogRecord) -> None:
    raise AssertionError("an entry was lost")


def test_what_the_thread_is_about_goes_with_every_entry(sent: list[dict[str, Any]]) -> None:
    with about(slot=3):
        with about(docking="d1"):
            _LOG.info("one")
        _LOG.info("two", extra={"RECORDING": "r1"})
        other = threading.Thread(target=_LOG.info, args=("three",))
        other.start()
        other.join()
    _LOG.info("four")
    fields = [{k: e[k] for k in ("SLOT", "DOCKING", "RECORDING") if k in e} for e in sent]
    assert fields == [{"SLOT": "3", "DOCKING": "d1"}, {"SLOT": "3", "RECORDING": "r1"}, {}, {}]


def test_names_with_newlines_and_raw_bytes_never_raise_f08(sent: list[dict[str, Any]]) -> None:
    _LOG.warning("cannot read %s and %s", "a\nPRIORITY=0\nb", RAW)
    with about(docking=RAW):
        _LOG.error("%s", RAW, extra={"odd field": object(), "SLOT": "\n"})
    try:
        raise ValueError(RAW)
    except ValueError:
        _LOG.exception("a stage failed")
    assert sent[0]["MESSAGE"] == "cannot read a\nPRIORITY=0\nb and \\udcca\\udcd3Ƶ.mp4"
    assert sent[0]["PRIORITY"] == "4"
    assert sent[1]["DOCKING"].startswith("\\udcca") and "odd field" not in sent[1]
    assert "Traceback" in sent[2]["MESSAGE"] and "ValueError" in sent[2]["MESSAGE"]


def test_only_a_stderr_that_systemd_connected_is_the_journal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # inherited from a session, then redirected
    assert not stderr_is_journal()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not stderr_is_journal()

"""Where the log goes: under systemd into the journal with fields, else to standard error as lines.

- Fields besides the message: priority, logger, thread, code, and SLOT, DOCKING, RECORDING where known.
- Names from cards and what comes over the network hold newlines, escape sequences and bytes that are no
  text: they are written as escapes (`uplink.plain`).  Nothing raises into the work that logs (F08 of
  known-faults).
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from systemd import journal

from daemon.logfields import FIELDS, add_fields
from uplink.plain import plain, plain_lines

_LINE = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
_SENT = frozenset(
    {"PRIORITY", "LOGGER", "THREAD_NAME", "CODE_FILE", "CODE_LINE", "CODE_FUNC", "SYSLOG_IDENTIFIER", *FIELDS}
)


class PlainFormatter(logging.Formatter):
    """One entry, one line: what others wrote is made plain; only a traceback has lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name
        record.message = plain(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - its name
        return plain_lines(super().formatException(ei))


def set_up_logging(level: str) -> None:
    """Send the log of this process to where it belongs."""
    handler: logging.Handler
    in_journal = stderr_is_journal()
    if in_journal:
        handler = journal.JournalHandler(sender_function=_send, SYSLOG_IDENTIFIER="bodydock")
    else:
        handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s" if in_journal else _LINE))
    handler.addFilter(add_fields)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def stderr_is_journal() -> bool:
    """Return whether systemd connected standard error to the journal (JOURNAL_STREAM, systemd.exec(5))."""
    said = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return said == f"{status.st_dev}:{status.st_ino}"


def _send(text: str, /, **fields: object) -> None:
    # JournalHandler hands over all that a record has; the journal drops or refuses most of those names.
    chosen = {name: _text(value) for name, value in fields.items() if name in _SENT and value is not None}
    line = int(chosen.pop("CODE_LINE", "0"))
    journal.send(_text(text), CODE_LINE=line, **chosen)


def _text(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()

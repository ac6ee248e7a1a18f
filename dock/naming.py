"""What a name says, by the patterns of a profile.  Pure.

- Fields are characters of no fixed width, not numbers; times are naive and in the camera's local zone.
- Of times only the digits count, so that one format reads 2016-01-29_20.55.47 and 20160129205547 alike;
  English months are read whatever the machine's language is.
- Digits that are no date: not a name of this form.
- Which field is the officer's and which the camera's number is the profile's to say; the rest names nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from dock.profile_files import Identity, NamePattern

_NO_DIGITS = re.compile(r"[^0-9]")
_MONTH = re.compile(r"(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CHAPTERS = 100


@dataclass(frozen=True)
class NameFacts:
    """What a path says.  `named_at` is naive: the camera's local time; `marked`: important.

    `view`: which of several lenses that film the same (front, rear).
    """

    named_at: datetime | None = None
    sequence: int | None = None
    serial: str | None = None
    officer: str | None = None
    marked: bool = False
    view: str | None = None


def fits(pattern: NamePattern, text: str) -> bool:
    """Whether `text` is a name of this form."""
    found = pattern.compiled.fullmatch(text) if pattern.whole else pattern.compiled.search(text)
    return found is not None and (not pattern.timed or _time_of(found, pattern) is not None)


def read_name(pattern: NamePattern, text: str, identity: Identity, marked: bool) -> NameFacts | None:
    """Return what `text` says by `pattern`, or None if it is of another form."""
    found = pattern.compiled.fullmatch(text) if pattern.whole else pattern.compiled.search(text)
    if found is None:
        return None
    named_at = _time_of(found, pattern) if pattern.timed else None
    if pattern.timed and named_at is None:
        return None
    fields = found.groupdict()
    return NameFacts(
        named_at=named_at,
        sequence=_number(fields),
        serial=fields.get(identity.serial) or None,
        officer=fields.get(identity.officer) or None,
        marked=marked or bool(fields.get("mark")),
        view=fields.get("view") or None,
    )


def read_time(text: str, time_format: str) -> datetime | None:
    """Return the naive time in `text`, or None if it is none."""
    if "%b" in time_format:
        text = _MONTH.sub(lambda found: f"{_MONTHS.index(found[0].lower()) + 1:02}", text)
        time_format = time_format.replace("%b", "%m")
    digits = _NO_DIGITS.sub("", text)
    if time_format == "%Y%m%d%H%M%S":  # by far the most usual: strptime takes ten times as long
        return _usual(digits)
    # strptime takes "4" for a month and "204" for a day and a half: only whole fields are a time.
    if len(digits) != sum(4 if field == "Y" else 2 for field in time_format.split("%")[1:]):
        return None
    try:
        return datetime.strptime(digits, time_format)
    except ValueError:
        return None


def _usual(digits: str) -> datetime | None:
    if len(digits) != 14:
        return None
    try:
        return datetime(
            int(digits[:4]), int(digits[4:6]), int(digits[6:8]),
            int(digits[8:10]), int(digits[10:12]), int(digits[12:]),
        )  # fmt: skip
    except ValueError:
        return None


def _time_of(found: re.Match[str], pattern: NamePattern) -> datetime | None:
    fields = found.groupdict()
    text = fields["time"] if "time" in fields else (fields["date"] or "") + (fields["clock"] or "")
    return read_time(text or "", pattern.time_format)


def _number(fields: dict[str, str | None]) -> int | None:
    sequence = fields.get("sequence")
    if not sequence:
        return None
    return int(sequence) * CHAPTERS + int(fields["chapter"] or 0) if "chapter" in fields else int(sequence)

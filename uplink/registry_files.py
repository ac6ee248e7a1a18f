"""Reading registry files, CSV or JSON, into rows (trust.md, registry).

The platform reads them to sign them; a dock without a platform reads the same files from its settings.

- Columns are the fields of the row models; lists in a cell are separated by `;`; an empty cell is
  absent.  An unknown column is a mistake and said so, never dropped.
- Times need a zone (`2026-03-05T09:30:00+08:00`, or `Z`): a time without one means nothing elsewhere.
- CSV comes from office programs: UTF-8 with or without a mark, else GB 18030.
- A row has to speak of somebody: a case without officers would be no recording's.  `to` is after `from`.
- What cannot be printed (control characters, marks that turn the direction of writing) is a mistake: it would
  be on every screen, and two officers that look alike would be two.
- Every error names file, line and column.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from uplink import strictjson
from uplink.errors import BadTable, Refused
from uplink.messages.base import Wire
from uplink.messages.registry import MAX_ROWS, CameraRow, CaseRow, OfficerRow
from uplink.plain import is_plain, plain
from uplink.wanted import key_of, wanted

MAX_FILE_BYTES = 16 * 1024 * 1024
ROWS: dict[str, type[Wire]] = {"officers": OfficerRow, "cameras": CameraRow, "cases": CaseRow}
_KEYS = {"cases": "case", "cameras": "camera", "officers": "officer"}  # in order of telling kinds apart
_TIMES = ("from", "to")
_LISTS = ("officers",)


@dataclass(frozen=True)
class Table:
    """The rows of one file; `places`: file and line of each."""

    kind: str
    rows: tuple[Wire, ...]
    places: tuple[str, ...] = ()


def read(path: Path, kind: str | None, may_be_empty: bool = False) -> Table:
    """Read one file.  `kind`: officers, cases or cameras; None: as the columns say.  Raises BadTable."""
    try:
        with path.open("rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise BadTable(f"{path} cannot be read: {e.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadTable(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    is_json = path.suffix.lower() == ".json" or data.lstrip()[:1] in (b"[", b"{")
    cells = _json_cells(path, data) if is_json else _csv_cells(path, data)
    if not cells and not may_be_empty:
        raise BadTable(
            f"{path}: 0 rows: it would withdraw every row. If that is meant: --withdraw-all where it is"
            " published; at a dock, take the file out of [registries]"
        )
    if len(cells) > MAX_ROWS:
        raise BadTable(f"{path}: {len(cells)} rows; a snapshot has at most {MAX_ROWS}")
    columns = {name for _, row in cells for name in row}
    kind = kind or _kind(path, columns)
    _check_columns(path, kind, columns)
    places = tuple(f"{path}:{line}" for line, _ in cells)
    rows = tuple(_row(where, kind, values) for where, (_, values) in zip(places, cells, strict=True))
    _check_unique(path, kind, [line for line, _ in cells], rows)
    return Table(kind, rows, places)


def _csv_cells(path: Path, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(_text(path, data).splitlines(keepends=True), strict=True)
    found = []
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if len(set(names)) != len(names):
            raise BadTable(f"{path}:1: a column occurs twice: {', '.join(names)}")
        reader.fieldnames = names
        for row in reader:
            if None in row or None in row.values():
                raise BadTable(f"{path}:{reader.line_num}: not {len(names)} cells, as the first line has")
            cells = {name: str(cell).strip() for name, cell in row.items()}
            if any(cells.values()):
                found.append((reader.line_num, {name: _split(name, cell) for name, cell in cells.items()}))
    except csv.Error as e:
        raise BadTable(f"{path}:{reader.line_num}: no CSV: {e}") from None
    return found


def _split(name: str, cell: str) -> Any:
    if name in _LISTS:
        return [part.strip() for part in re.split("[;；]", cell) if part.strip()]
    return cell


def _text(path: Path, data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadTable(f"{path} is neither UTF-8 nor GB 18030: save it as CSV UTF-8")


def _json_cells(path: Path, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    try:
        value = strictjson.check(data, MAX_FILE_BYTES)
    except Refused as e:
        raise BadTable(f"{path}: {e}") from None
    rows = value.get("rows") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadTable(f"{path}: a list of rows is wanted, or an object with `rows`")
    return list(enumerate(rows, 1))


def _kind(path: Path, columns: set[str]) -> str:
    for kind, key in _KEYS.items():
        if key in columns:
            return kind
    raise BadTable(f"{path}: no column case, camera or officer: which kind is it? Give --kind")


def _check_columns(path: Path, kind: str, columns: Iterable[str]) -> None:
    fields = ROWS[kind].model_fields.items()
    allowed = [info.alias or name for name, info in fields]
    for column in sorted(columns):
        if column not in allowed:
            raise BadTable(f"{path}:1: column {column!r} is none of {kind}: {', '.join(allowed)}")


def _row(where: str, kind: str, values: dict[str, Any]) -> Wire:
    stripped = {name: _stripped(where, name, value) for name, value in values.items()}
    given = {name: _value(where, name, value) for name, value in stripped.items() if value not in ("", None)}
    try:
        row = ROWS[kind].model_validate_json(json.dumps(given))
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        shown = "" if first["type"] == "missing" else f" = {first['input']!r}"
        raise BadTable(f"{where}: column {key_of(first['loc'])}{shown}: {wanted(first)}") from None
    _check_sense(where, row)
    return row


def _check_sense(where: str, row: Wire) -> None:
    if isinstance(row, CaseRow) and not row.officers:
        raise BadTable(
            f"{where}: column officers: case {row.case!r} names nobody, so no recording would get it: write"
            " its officers, `;` between them"
        )
    if not isinstance(row, CaseRow | CameraRow) or row.since is None or row.until is None:
        return
    if row.until <= row.since:
        raise BadTable(
            f"{where}: column to = {row.until.isoformat()} is not after from = {row.since.isoformat()}: it"
            " would hold at no time. Mend one of them, or leave `to` empty while it is open"
        )


def _stripped(where: str, name: str, value: Any) -> Any:
    """Return text without white space around it; every text is checked to be printable."""
    if isinstance(value, list):
        return [part for item in value if (part := _stripped(where, name, item)) != ""]
    if not isinstance(value, str):
        return value
    odd = next((char for char in value.strip() if not is_plain(char)), None)
    if odd is not None:
        raise BadTable(
            f"{where}: column {name} = {plain(value)[:80]} holds a character that cannot be printed"
            f" (U+{ord(odd):04X}): type the cell anew"
        )
    return value.strip()


def _value(where: str, name: str, value: Any) -> Any:
    if name not in _TIMES or not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise BadTable(f"{where}: column {name} = {value!r}: no time (2026-03-05T09:30:00+08:00)") from None
    if time.tzinfo is None:
        raise BadTable(f"{where}: column {name} = {value!r}: the zone is missing (+08:00, or Z)")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check_unique(path: Path, kind: str, lines: Sequence[int], rows: Sequence[Wire]) -> None:
    if kind == "cameras":
        return  # a camera passes from hand to hand: a row for each time
    seen: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=True):
        key = getattr(row, _KEYS[kind])
        if key in seen:
            raise BadTable(f"{path}:{line}: column {_KEYS[kind]} = {key!r} is in line {seen[key]} already")
        seen[key] = line

"""Reading registry files, CSV or JSON, into rows (trust.md, registry).

- Columns are the fields of the row models; lists in a cell are separated by `;`; an empty cell is
  absent.  An unknown column is a mistake and said so, never dropped.
- Times need a zone (`2026-03-05T09:30:00+08:00`, or `Z`): a time without one means nothing elsewhere.
- CSV comes from office programs: UTF-8 with or without a mark, else GB 18030.
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

from center.errors import BadTable
from uplink import strictjson
from uplink.errors import Refused
from uplink.messages.base import Wire
from uplink.messages.registry import MAX_ROWS, CameraRow, CaseRow, OfficerRow

MAX_FILE_BYTES = 16 * 1024 * 1024
ROWS: dict[str, type[Wire]] = {"officers": OfficerRow, "cameras": CameraRow, "cases": CaseRow}
_KEYS = {"cases": "case", "cameras": "camera", "officers": "officer"}  # in order of telling kinds apart
_TIMES = ("from", "to")
_LISTS = ("officers",)


@dataclass(frozen=True)
class Table:
    """The rows of one file."""

    kind: str
    rows: tuple[Wire, ...]


def read(path: Path, kind: str | None) -> Table:
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
    if not 1 <= len(cells) <= MAX_ROWS:
        raise BadTable(f"{path}: {len(cells)} rows; a snapshot has 1 to {MAX_ROWS}")
    columns = {name for _, row in cells for name in row}
    kind = kind or _kind(path, columns)
    _check_columns(path, kind, columns)
    rows = tuple(_row(f"{path}:{line}", kind, values) for line, values in cells)
    _check_unique(path, kind, [line for line, _ in cells], rows)
    return Table(kind, rows)


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
    given = {name: _value(where, name, value) for name, value in values.items() if value not in ("", None)}
    try:
        return ROWS[kind].model_validate_json(json.dumps(given))
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        column = ".".join(str(part) for part in first["loc"])
        shown = "" if first["type"] == "missing" else f" = {first['input']!r}"
        raise BadTable(f"{where}: column {column}{shown}: {first['msg']}") from None


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

"""Rule sets: what each finding weighs.  Data in, severities out; no I/O but reading the one file.

- A code has an article and `severity`, and/or tables of thresholds for info, review and violation.
- A table is met when every number in it is exceeded; the worst table met counts.
- `severity` is for what no table measures: a finding that brings one of the tables' measures and meets
  none of them is no finding.
- For gaps between files the severity goes by the kind of place; one side unknown is unknown.
- A rule set names every finding code, and nothing that is not known: a slip must not silence a check.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from transcoder.errors import BadRules
from transcoder.report import FINDING_CODES, Severity
from transcoder.request import Place

_TABLES = ("info", "review", "violation")
_PLACES: tuple[Place, ...] = ("same", "unknown", "different")


@dataclass(frozen=True)
class CodeRule:
    article: str
    severity: Severity | None = None
    tables: Mapping[Severity, Mapping[str, float]] = field(default_factory=dict)
    places: Mapping[Place, Severity] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRules:
    split_gap_s: float
    split_overlap_s: float
    same_place_unknown_s: float
    shift_break_s: float
    joint_metric_s: float


@dataclass(frozen=True)
class NoticeRules:
    required: Mapping[str, bool]
    in_time_s: float
    search_s: float


@dataclass(frozen=True)
class RuleSet:
    name: str
    version: int
    sha256: str
    runs: RunRules
    notice: NoticeRules
    codes: Mapping[str, CodeRule]

    def article_of(self, code: str) -> str:
        return self.codes[code].article

    def severity_of(
        self, code: str, measured: Mapping[str, float] | None = None, place: Place | None = None
    ) -> Severity | None:
        """The severity of `code` for what was measured; None when it is no finding.

        Raises KeyError for an unknown code.
        """
        rule = self.codes[code]
        if place is not None and place in rule.places:
            return rule.places[place]
        measured = measured or {}
        names = {name for table in rule.tables.values() for name in table}
        if not names & measured.keys():
            return rule.severity
        met = [
            severity
            for severity, table in rule.tables.items()
            if all(measured.get(name, 0.0) > limit for name, limit in table.items())
        ]
        return max(met, default=None)

    def threshold_of(self, code: str, name: str) -> float | None:
        """The mildest limit of `name` in the tables of `code`: beyond it there is a finding at all."""
        return min((t[name] for t in self.codes[code].tables.values() if name in t), default=None)


def load_rules(path: Path | None) -> RuleSet:
    """Read a rule set; None is the one shipped as `config/rules/default.toml`.

    Raises BadRules with file, key, value and what is allowed.
    """
    try:
        where = str(path) if path else "config/rules/default.toml"
        data = path.read_bytes() if path else files("config").joinpath("rules/default.toml").read_bytes()
    except OSError as error:
        raise BadRules(f"规则文件无法读取 / rule set cannot be read: {where}: {error.strerror}") from error
    return parse_rules(data, where)


def parse_rules(data: bytes, where: str) -> RuleSet:
    """Read a rule set from TOML bytes; `where` names it in errors.  Raises BadRules."""
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRules(f"{where}: not TOML: {error}") from error
    reader = _Reader(where)
    name = reader.text("name", raw.pop("name", None))
    version = int(reader.number("version", raw.pop("version", None)))
    runs = RunRules(**reader.numbers("runs", raw.pop("runs", None), tuple(RunRules.__annotations__)))
    notice = reader.table("notice", raw.get("notice"))
    required = reader.required(notice.pop("required", None))
    codes = {code: reader.code(code, _take(raw, code)) for code in FINDING_CODES}
    times = {key: reader.number(f"notice.{key}", notice.pop(key, None)) for key in ("in_time_s", "search_s")}
    for group, rest in raw.items():
        if rest:
            key = f"{group}.{next(iter(rest))}" if isinstance(rest, dict) else group
            raise BadRules(f"{where}: {key} is not known; allowed are {', '.join(FINDING_CODES)}")
    return RuleSet(
        name, version, hashlib.sha256(data).hexdigest(), runs, NoticeRules(required, **times), codes
    )


def _take(raw: dict[str, Any], code: str) -> object:
    group, name = code.split(".")
    table = raw.get(group)
    return table.pop(name, None) if isinstance(table, dict) else None


@dataclass(frozen=True)
class _Reader:
    where: str

    def bad(self, key: str, value: object, allowed: str) -> BadRules:
        shown = "missing" if value is None else repr(value)
        return BadRules(f"{self.where}: {key} is {shown}; allowed: {allowed}")

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.bad(key, value, "a text")
        return value

    def number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise self.bad(key, value, "a number from 0 up")
        return value

    def table(self, key: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.bad(key, value, "a table")
        return value

    def numbers(self, key: str, value: object, names: tuple[str, ...]) -> dict[str, float]:
        table = self.table(key, value)
        for name in table:
            if name not in names:
                raise self.bad(f"{key}.{name}", table[name], f"only {', '.join(names)}")
        return {name: float(self.number(f"{key}.{name}", table.get(name))) for name in names}

    def required(self, value: object) -> dict[str, bool]:
        table = self.table("notice.required", value)
        for kind in ("video", "audio", "photo"):
            if not isinstance(table.get(kind), bool):
                raise self.bad(f"notice.required.{kind}", table.get(kind), "true or false")
        return dict(table)

    def severity(self, key: str, value: object) -> Severity:
        if value not in list(Severity):
            raise self.bad(key, value, ", ".join(Severity))
        return Severity(str(value))

    def code(self, code: str, value: object) -> CodeRule:
        table = dict(self.table(code, value))
        article = self.text(f"{code}.article", table.pop("article", None))
        severity = self.severity(f"{code}.severity", table.pop("severity")) if "severity" in table else None
        limits: dict[Severity, Mapping[str, float]] = {}
        for name in [name for name in _TABLES if name in table]:
            limits[Severity(name)] = {
                key: float(self.number(f"{code}.{name}.{key}", number))
                for key, number in self.table(f"{code}.{name}", table.pop(name)).items()
            }
        places: dict[Place, Severity] = {
            place: self.severity(f"{code}.{place}_place", table.pop(f"{place}_place"))
            for place in _PLACES
            if f"{place}_place" in table
        }
        for rest, wrong in table.items():
            allowed = "article, severity, info, review, violation, same_place, unknown_place, different_place"
            raise self.bad(f"{code}.{rest}", wrong, allowed)
        if severity is None and not limits and not places:
            raise self.bad(f"{code}.severity", None, ", ".join(Severity))
        return CodeRule(article, severity, limits, places)

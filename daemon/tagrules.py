"""What a tag has to say, and how its marks are ordered: data from `config/rules/tags.toml`.

- Required fields (article 15(3)) are asked for once there is a case: the matter's list, else the default.
- Of two confidentiality marks (article 23) or reasons of long-term keeping (article 20) the later in its
  list is the higher; no mark is the lowest.
- Every mark and matter that the wire knows has its place: a slip must not silence a rule.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from daemon.errors import BadSettings
from uplink.messages.command import Confidential, LongTerm, Matter

FIELDS = ("officer", "place", "matter", "stage", "marks")


@dataclass(frozen=True)
class TagRules:
    """`confidential`, `long_term`: least to most.  `required`: by matter; "" is the default."""

    confidential: tuple[str, ...]
    long_term: tuple[str, ...]
    required: Mapping[str, tuple[str, ...]]

    def required_for(self, matter: str | None) -> tuple[str, ...]:
        return self.required.get(matter or "", self.required[""])

    def rank(self, field: str, mark: str | None) -> int:
        """Return how high a mark stands; 0 is none.  `field`: confidential or long_term."""
        order = self.confidential if field == "confidential" else self.long_term
        # A mark of a later version that this rule set does not know ranks above all: never lowered by one.
        return 0 if mark is None else order.index(mark) + 1 if mark in order else len(order) + 1


@cache
def shipped_rules() -> TagRules:
    """Return `config/rules/tags.toml`."""
    return parse_rules(files("config").joinpath("rules/tags.toml").read_bytes(), "config/rules/tags.toml")


def load_tag_rules(path: Path | None) -> TagRules:
    """Read an office's rules; None: as shipped.  Raises BadSettings: file, key, what is allowed."""
    if path is None:
        return shipped_rules()
    try:
        return parse_rules(path.read_bytes(), str(path))
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from None


def parse_rules(data: bytes, where: str) -> TagRules:
    """Read rules from TOML; `where` names them in errors.  Raises BadSettings."""
    try:
        raw: dict[str, Any] = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{where}: no TOML: {error}") from None
    required = raw.get("required")
    if not isinstance(required, dict) or not isinstance(required.get("matters", {}), dict):
        raise BadSettings(f"{where}: required: a table with `default` and, perhaps, [required.matters]")
    by_matter = {"": _names(where, "required.default", required.get("default"), FIELDS)}
    for matter, fields in required.get("matters", {}).items():
        if matter not in get_args(Matter):
            raise BadSettings(f"{where}: required.matters.{matter}: allowed: {', '.join(get_args(Matter))}")
        by_matter[matter] = _names(where, f"required.matters.{matter}", fields, FIELDS)
    return TagRules(
        _order(where, "confidential", raw, get_args(Confidential)),
        _order(where, "long_term", raw, get_args(LongTerm)),
        by_matter,
    )


def _order(where: str, key: str, raw: dict[str, Any], all_of: tuple[str, ...]) -> tuple[str, ...]:
    names = _names(where, key, raw.get(key), all_of)
    if set(names) != set(all_of):
        raise BadSettings(f"{where}: {key}: every one of {', '.join(all_of)} has its place, least first")
    return names


def _names(where: str, key: str, value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list) or any(name not in allowed for name in value):
        raise BadSettings(f"{where}: {key} = {value!r}: a list of {', '.join(allowed)}")
    if len(set(value)) != len(value):
        raise BadSettings(f"{where}: {key}: one is named twice")
    return tuple(value)

"""Registry snapshots: officers, cameras and cases, whole, one kind each, signed (trust.md).

- The highest version ever taken wins; an empty or lower retained one changes nothing.
- `from`/`to` bound when a binding or case holds; null means open.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uplink.messages.base import Name, Positive, Short, Text, Utc, Wire

RegistryKind = Literal["officers", "cameras", "cases"]
MAX_ROWS = 50_000


class OfficerRow(Wire):
    officer: Annotated[str, Field(min_length=1, max_length=128)]
    name: Short
    unit: Short = ""
    role: Short = "officer"


class CameraRow(Wire):
    camera: Annotated[str, Field(min_length=1, max_length=128)]
    officer: Annotated[str, Field(min_length=1, max_length=128)]
    since: Annotated[Utc | None, Field(alias="from")] = None
    until: Annotated[Utc | None, Field(alias="to")] = None


class CaseRow(Wire):
    case: Annotated[str, Field(min_length=1, max_length=128)]
    title: Text = ""
    kind: Literal["penalty", "inspection", "other"] = "other"
    matter: Short | None = None
    place: Text | None = None
    officers: Annotated[list[Short], Field(max_length=256)] = []
    since: Annotated[Utc | None, Field(alias="from")] = None
    until: Annotated[Utc | None, Field(alias="to")] = None


class Registry(Wire):
    """Payload type `registry`.  `rows` are of the one kind that `kind` names."""

    platform: Name
    scope: Name  # the site
    kind: RegistryKind
    version: Positive
    time: Utc


class OfficerRegistry(Registry):
    kind: Literal["officers"]
    rows: Annotated[list[OfficerRow], Field(max_length=MAX_ROWS)]


class CameraRegistry(Registry):
    kind: Literal["cameras"]
    rows: Annotated[list[CameraRow], Field(max_length=MAX_ROWS)]


class CaseRegistry(Registry):
    kind: Literal["cases"]
    rows: Annotated[list[CaseRow], Field(max_length=MAX_ROWS)]


REGISTRIES: dict[str, type[OfficerRegistry] | type[CameraRegistry] | type[CaseRegistry]] = {
    "officers": OfficerRegistry,
    "cameras": CameraRegistry,
    "cases": CaseRegistry,
}

"""The TOML form of a camera profile, and its validation.

A mistake stops the start, and names the file, the key, the value and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from datetime import date, datetime
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from dock.errors import ProfileError

_FIELDS = frozenset({"time", "serial", "officer", "sequence", "chapter"})
_PATTERN_CHARACTERS = 500

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Suffix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_~-]{1,12}$")]
UsbId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Match(_Part):
    """Signs by which the camera is recognised; labels are shell patterns."""

    usb: list[UsbId] = []
    labels: list[Text] = []
    markers: list[Text] = []
    except_folders: list[Text] = []

    @cached_property
    def usb_ids(self) -> frozenset[tuple[str, str]]:
        """(vendor, product) pairs, lower-case hexadecimal."""
        return frozenset((ids[:4], ids[5:]) for ids in self.usb)


class Kinds(_Part):
    """Suffixes without their dot, lower case; what is in no list is pulled as an attachment."""

    video: list[Suffix]
    audio: list[Suffix] = []
    photo: list[Suffix] = []
    left_out: list[Suffix] = []
    left_out_names: list[Text] = []
    left_out_folders: list[Text] = []


class Marks(_Part):
    """How the officer's *important* shows in names: the very end of the stem, or a folder."""

    stem_ends: list[Text] = []
    folders: list[Text] = []


class Origin(_Part):
    """What the camera's own files bear: `software` are shell patterns over the marks of its firmware.

    Left out, nobody knows; then only marks of editing programs count (transcoder/software.py).
    """

    software: list[Text] = []


class ClockText(_Part):
    """Where the camera burns its clock into the picture: edges as shares of the picture's *width*, from the
    left and from the top, of cells of equal width.

    `layout` has a letter for each cell: Y M D h m s for digits, anything else is passed over.  The seconds
    have to be there.
    """

    left: Annotated[float, Field(ge=0, lt=1)]
    top: Annotated[float, Field(ge=0, lt=2)]
    right: Annotated[float, Field(gt=0, le=1)]
    bottom: Annotated[float, Field(gt=0, le=2)]
    layout: Annotated[str, StringConstraints(min_length=2, max_length=40)] = "YYYY-MM-DD hh:mm:ss"

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("left has to be less than right, and top less than bottom")
        if any(self.layout.count(letter) not in (0, 2) for letter in "MDhms") or "ss" not in self.layout:
            raise ValueError("layout needs two letters for each of M D h m s that it has, and the seconds")
        if self.layout.count("Y") not in (0, 2, 4):
            raise ValueError("layout needs two or four Y, or none")
        return self


class NamePattern(_Part):
    """A regular expression over the stem, its mark taken off; `path`: over all of the path but the suffix.

    Groups: time, serial, officer, sequence, and chapter: one recording in several files, which are in order
    by number, then chapter (C06): the sequence is then number times 100 plus chapter.  `own = false`: another
    family writes the same shape, so it recognises no camera.
    """

    pattern: Annotated[str, StringConstraints(min_length=1, max_length=_PATTERN_CHARACTERS)]
    whole: bool = True
    path: bool = False
    own: bool = True
    time_format: Text = "%Y%m%d%H%M%S"

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            groups = set(re.compile(value, re.ASCII).groupindex)
        except re.error as error:
            raise ValueError(f"must be a regular expression ({error})") from error
        if not groups or groups - _FIELDS:
            raise ValueError(f"must have groups among {', '.join(sorted(_FIELDS))}")
        return value

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, with digits and the like meaning ASCII only."""
        return re.compile(self.pattern, re.ASCII)


class Housekeeping(_Part):
    """What the camera itself removes from its card: of such files nobody asks where they are.

    `names` and `folders` are shell patterns; `loop`: it overwrites its oldest recordings when the card is
    full.
    """

    names: list[Text] = []
    folders: list[Text] = []
    loop: bool = False


class Continuity(_Part):
    """How recordings of this camera lie to each other.

    `split_tolerance_s`: what it loses itself between two pieces of one recording (left out: the rule set's).
    `counter`: whether photographs and notes count together with the video.  `container_time`: which end of
    the recording `creation_time` says.  `factory_dates`: the days on which its clock begins when it was
    never set (left out: the usual ones).  `clock_file`: a file that the camera writes when it is plugged
    in, as a shell pattern over its path: its time is the camera's clock at that moment.
    """

    split_tolerance_s: Annotated[float, Field(ge=0, le=60)] | None = None
    counter: Literal["shared", "separate", "unknown"] = "unknown"
    container_time: Literal["start", "end", "either"] = "either"
    factory_dates: list[date] | None = None
    clock_file: Text | None = None


class NameExample(_Part):
    """A path and what it says; the tests read them."""

    name: Text
    kind: Annotated[str, StringConstraints(pattern="^(video|audio|photo|attachment|left_out)$")] = "video"
    named_at: datetime | None = None
    sequence: int | None = None
    serial: str | None = None
    officer: str | None = None
    marked: bool = False

    @field_validator("named_at")
    @classmethod
    def _is_naive(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("must be a local time without offset")
        return value


class ProfileFile(_Part):
    """One profile as its file says it."""

    name: Name
    title: Text
    basis: Text
    time_zone: Text = ""  # left out: the zone of the dock
    pre_record_s: Annotated[float, Field(ge=0, le=300)] | None = None
    match: Match = Match()
    kinds: Kinds
    marks: Marks = Marks()
    origin: Origin = Origin()
    housekeeping: Housekeeping = Housekeeping()
    continuity: Continuity = Continuity()
    clock_text: ClockText | None = None
    names: list[NamePattern] = []
    examples: Annotated[list[NameExample], Field(min_length=1)]

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("must be a zone of the IANA database, like Asia/Shanghai") from error
        return value


def read_profile(file: Path | Traversable) -> ProfileFile:
    """Read one profile.  Raises ProfileError."""
    where = str(file)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(where, "(file)", error.strerror, "must be readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(where, "(file)", str(error), "must be TOML in UTF-8") from error
    try:
        return ProfileFile.model_validate(content)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ProfileError(where, key, first["input"], first["msg"]) from error

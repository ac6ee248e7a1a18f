"""The TOML form of a camera profile, and its validation.  How files are read: `dock.profile_reading`."""

from __future__ import annotations

import re
import zoneinfo
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

GENERIC = "generic"

# What a group of a pattern may be called.  `id1` … `id4`: something that stays the same, and nobody has said
# yet whose it is; `[identity]` says which of the groups is the camera's number and which the officer's.
_TIMES = frozenset({"time", "date", "clock"})
_IDENTITIES = frozenset({"serial", "officer", "officer_name", "unit", "user", "id1", "id2", "id3", "id4"})
_FIELDS = _TIMES | _IDENTITIES | {"sequence", "chapter", "view", "mark"}
_PATTERN_CHARACTERS = 500
# Fields of fixed width; seconds are not always there.
_TIME_FORMAT = re.compile(r"(?:%[YymbdHMS]){5,6}")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Suffix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_~-]{1,12}$")]
UsbId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Match(_Part):
    """Signs by which the camera is recognised; labels and markers are shell patterns."""

    usb: list[UsbId] = []
    labels: list[Text] = []
    markers: list[Text] = []
    except_folders: list[Text] = []

    @cached_property
    def usb_ids(self) -> frozenset[tuple[str, str]]:
        """(vendor, product) pairs, lower-case hexadecimal."""
        return frozenset((ids[:4], ids[5:]) for ids in self.usb)


class Kinds(_Part):
    """Suffixes without their dot, lower case; what is in no list is pulled as an attachment.

    What `left_out` calls small (thumbnails, proxies, what computers leave) is looked into all the same where
    it is too large for that; `left_out_footage` are folders whose footage is left out whatever its size.
    """

    video: list[Suffix]
    audio: list[Suffix] = []
    photo: list[Suffix] = []
    left_out: list[Suffix] = []
    left_out_names: list[Text] = []
    left_out_folders: list[Text] = []
    left_out_footage: list[Text] = []


class Places(_Part):
    """In which folders it keeps what: shell patterns over one folder's name.

    Sound in a container that is usually video (or the other way round) is what its folder says.
    """

    video: list[Text] = []
    audio: list[Text] = []
    photo: list[Text] = []
    notes: list[Text] = []
    logs: list[Text] = []


class Identity(_Part):
    """Whose the footage is: which named field of the patterns is the officer's, which the camera's number.

    Empty: no field is; nothing is ever guessed.  `label`: what the volume label says.  `usb_serial = false`:
    cameras of this family share the serial that their USB side shows, so it tells none of them.
    `files`: texts on the card that say who wears it, in `encoding`; they are kept beside the footage, and
    read by people.
    """

    officer: Annotated[str, StringConstraints(max_length=16)] = "officer"
    serial: Annotated[str, StringConstraints(max_length=16)] = "serial"
    label: Literal["nothing", "serial"] = "nothing"
    usb_serial: bool = True
    encoding: Literal["auto", "utf-8", "gbk"] = "auto"
    files: list[Text] = []

    @field_validator("officer", "serial")
    @classmethod
    def _is_field(cls, value: str) -> str:
        if value and value not in _IDENTITIES:
            raise ValueError(f"must be empty or one of {', '.join(sorted(_IDENTITIES))}")
        return value


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

    Groups: time (or date and clock, where something stands between them), sequence, and chapter: one
    recording in several files, which are in order by number, then chapter (C06): the sequence is then number
    times 100 plus chapter; view: which lens of several; mark: what stands there only for the important ones;
    and those of identity (`Identity`).  `own = false`:
    another family writes the same shape, so it recognises no camera.  `time_format`: as strptime's, for the
    digits of the time alone, of date and clock one after the other; with `%b`, English months count as well.
    """

    pattern: Annotated[str, StringConstraints(min_length=1, max_length=_PATTERN_CHARACTERS)]
    whole: bool = True
    path: bool = False
    own: bool = True
    time_format: Text = "%Y%m%d%H%M%S"

    @field_validator("time_format")
    @classmethod
    def _is_format(cls, value: str) -> str:
        fields = value[1::2].replace("y", "Y").replace("b", "m")
        if not _TIME_FORMAT.fullmatch(value) or sorted(fields.replace("S", "", 1)) != sorted("YmdHM"):
            raise ValueError("must be %Y (or %y), %m (or %b), %d, %H, %M, %S, each once, %S maybe not at all")
        return value

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            groups = set(re.compile(value, re.ASCII).groupindex)
        except re.error as error:
            raise ValueError(f"must be a regular expression ({error})") from error
        if not groups or groups - _FIELDS:
            raise ValueError(f"must have groups among {', '.join(sorted(_FIELDS))}")
        if ("date" in groups) != ("clock" in groups) or {"date", "time"} <= groups:
            raise ValueError("must have date and clock together, and not with time")
        return value

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, with digits and the like meaning ASCII only."""
        return re.compile(self.pattern, re.ASCII)

    @property
    def chaptered(self) -> bool:
        """Whether it says a chapter."""
        return "chapter" in self.compiled.groupindex

    @cached_property
    def timed(self) -> bool:
        """Whether it says a time."""
        return not _TIMES.isdisjoint(self.compiled.groupindex)


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

    `split_s`: after how many seconds it begins a new file, the usual first; `split_bytes`: after how many
    bytes.
    `split_tolerance_s`: what it loses itself between two pieces of one recording (left out: the rule set's).
    `counter`: whether photographs and notes count together with the video.  `container_time`: which end of
    the recording `creation_time` says.  `factory_dates`: the days on which its clock begins when it was
    never set (left out: the usual ones).  `clock_file`: a file that the camera writes when it is plugged
    in, as a shell pattern over its path: its time is the camera's clock at that moment.
    """

    split_s: list[Annotated[float, Field(gt=0, le=86400)]] = []
    split_bytes: Annotated[int, Field(gt=0)] | None = None
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
    view: str | None = None

    @field_validator("named_at")
    @classmethod
    def _is_naive(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("must be a local time without offset")
        return value


class TreeExample(_Part):
    """A small card, and what is made of it: by which profile it is read, and in which order its footage is.

    `serial`: which camera it is taken for (`unknown-card`: nothing on it says).  `order`: names without
    folders.
    """

    names: Annotated[list[Text], Field(min_length=1, max_length=100)]
    usb: UsbId | None = None
    label: str = ""
    profile: Name | None = None  # left out: this one
    serial: str | None = None
    order: list[Text] = []


class ProfileFile(_Part):
    """One profile as its file says it.

    `basis`: where its facts come from, in a word; `sources`: which code, manual or rule.  `tried_on_device`:
    whether footage of such a device was ever read by it.  `extends`: the shipped profile that it changes.
    """

    name: Name
    title: Text
    basis: Text
    sources: list[Text] = []
    tried_on_device: bool = False
    extends: Name | None = None
    time_zone: Text = ""  # left out: the zone of the dock
    pre_record_s: Annotated[float, Field(ge=0, le=300)] | None = None
    match: Match = Match()
    kinds: Kinds
    places: Places = Places()
    identity: Identity = Identity()
    marks: Marks = Marks()
    origin: Origin = Origin()
    housekeeping: Housekeeping = Housekeeping()
    continuity: Continuity = Continuity()
    clock_text: ClockText | None = None
    names: list[NamePattern] = []
    examples: Annotated[list[NameExample], Field(min_length=1)]
    trees: list[TreeExample] = []

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("must be a zone of the IANA database, like Asia/Shanghai") from error
        return value

    @field_validator("names")
    @classmethod
    def _are_no_identities(cls, value: list[NamePattern], info: ValidationInfo) -> list[NamePattern]:
        if info.data.get("name") == GENERIC and any(_IDENTITIES & set(p.compiled.groupindex) for p in value):
            raise ValueError("must name nobody: what no profile knows says neither officer nor camera")
        return value

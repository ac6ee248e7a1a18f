"""What an inspection is asked: plain frozen values that also cross the pipe to the inspector as JSON.

- Names are not parsed here: the caller says what a file's name claims (`named_at`, `named_sequence`).
- `path` may hold bytes that are no UTF-8 (surrogate escapes); JSON is therefore written in ASCII.
- `name` is for display only and is made clean text.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from transcoder.camera import CameraFacts, camera_facts
from transcoder.errors import BadRequest
from transcoder.report import Depth, MediaKind

Place = Literal["same", "different", "unknown"]
TimeSource = Literal["container", "name", "mtime"]
Counter = Literal["shared", "separate", "unknown"]
ContainerTime = Literal["start", "end", "either"]

# Where the clocks of cameras begin again after a flat battery (known fault C20); a profile may name its own.
FACTORY_DATES = ("2000-01-01", "2005-01-01", "2008-01-01", "2010-01-01", "2012-01-01", "2015-01-01")


@dataclass(frozen=True)
class Failed:
    """Why an earlier inspection of a file did not finish: a limit's name, and the reason for people."""

    limit: str  # crash, memory, time
    reason: str
    reason_zh: str


@dataclass(frozen=True)
class InspectItem:
    """One file to look at.  Times are aware UTC; `None` means nobody says."""

    path: Path
    name: str = ""  # what the card called it, for display; the path's last part when empty
    kind: MediaKind | None = None  # None: find out
    recording: str | None = None  # the dock's id
    sha256: str | None = None  # of the bytes as pulled: checked when the depth hashes
    size_bytes: int | None = None
    named_at: datetime | None = None  # start, as the file's name claims
    named_sequence: int | None = None
    modified_at: datetime | None = None  # end, as the file system claims
    view: str | None = None  # which of several lenses that film the same, as the name claims
    failed: Failed | None = None  # its inspector failed before: not to be opened, only reported

    @property
    def display_name(self) -> str:
        name = self.name or self.path.name
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True)
class ClockBox:
    """Where a camera burns its clock in: edges as shares of the picture's *width*, from the left and the top.

    `layout`: one letter a cell of equal width: Y M D h m s for digits, anything else is passed over.
    """

    left: float
    top: float
    right: float
    bottom: float
    layout: str = "YYYY-MM-DD hh:mm:ss"


@dataclass(frozen=True)
class JoinRules:
    """How one camera profile's files join; the thresholds are the rule set's."""

    profile: str = "generic"
    pre_record_s: float | None = None  # seconds before the button at the head of a run; None: unknown
    time_order: tuple[TimeSource, ...] = ("container", "name", "mtime")  # most trusted first
    time_tolerance_s: float = 5.0  # sources that differ by no more agree
    named_resolution_s: float = 1.0
    modified_resolution_s: float = 2.0  # FAT stores 2 s steps
    place: Place = "unknown"
    software: tuple[str, ...] = ()  # marks that the camera's own files bear, shell patterns; none: not known
    split_tolerance_s: float | None = (
        None  # what the camera itself loses between its pieces; None: the rules'
    )
    chaptered: bool = False  # sequence is number x 100 + chapter: one recording in several files
    counter: Counter = "unknown"  # whether photographs, notes and video count together
    time_zone: str | None = None  # the camera's own, IANA: tells a local time that is stamped as UTC
    container_time: ContainerTime = "either"  # what creation_time says; `either`: what fits name or mtime
    factory_dates: tuple[str, ...] = FACTORY_DATES  # local days on which a clock that was never set begins
    loop: bool = False  # the camera overwrites its oldest recordings by itself
    clock_text: ClockBox | None = None  # None: it burns none in, or nobody knows where


@dataclass(frozen=True)
class InspectRequest:
    """Several files at one depth.

    `one_shift`: the files are one camera's shift, so a gap between them is a finding; without it files
    are only joined where their times fit.
    """

    items: tuple[InspectItem, ...]
    depth: Depth = Depth.STANDARD
    rules: Path | None = None  # None: the rule set as shipped
    join: JoinRules = field(default_factory=JoinRules)
    speech_model: Path | None = None  # a local model directory; None: do not listen
    one_shift: bool = True
    speech_limit_s: float = 90.0  # processor time for one run's notice, then it stays unverified
    max_packets: int = 20_000_000  # a file with more is stopped: file.limits
    max_pixels: int = 80_000_000  # of one picture: larger ones are not decoded: file.limits
    camera: CameraFacts = field(default_factory=CameraFacts)

    def to_json(self) -> str:
        """One line of ASCII JSON; paths are made absolute."""
        return json.dumps(asdict(self), default=_plain, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> "InspectRequest":
        """Read a request; raises BadRequest naming what is wrong."""
        try:
            raw = json.loads(line)
            items = tuple(_item(item) for item in raw.pop("items"))
            join = raw.pop("join")
            for name in ("time_order", "factory_dates", "software"):
                join[name] = tuple(join[name])
            if join.get("clock_text") is not None:
                join["clock_text"] = ClockBox(**join["clock_text"])
            raw["camera"] = camera_facts(raw["camera"])
            depth = Depth(raw.pop("depth"))
            rules, model = (_path(raw.pop(key)) for key in ("rules", "speech_model"))
            return cls(items, depth, rules, JoinRules(**join), model, **raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRequest(f"not an inspection request: {error!r}") from error


def _item(raw: dict[str, Any]) -> InspectItem:
    known = {f.name for f in fields(InspectItem)}
    values = {key: value for key, value in raw.items() if key in known}
    values["path"] = Path(values["path"])
    for key in ("named_at", "modified_at"):
        if values.get(key) is not None:
            values[key] = datetime.fromisoformat(values[key])
    if values.get("failed") is not None:
        values["failed"] = Failed(**values["failed"])
    return InspectItem(**values)


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value.absolute())  # whoever reads it works in another folder
    raise TypeError(f"cannot send {type(value).__name__}")

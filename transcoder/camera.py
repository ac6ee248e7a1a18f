"""What the dock knows of a camera besides the files to inspect: plain frozen values for a request.

- Names are parsed by the caller, as for items; nothing of a card is trusted, so texts are clean and short.
- A clock's offset is the camera's time minus the dock's: above zero the camera is ahead.  A side that nothing
  bounds is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from transcoder.report import MediaKind

ClockBasis = Literal["clock_file", "newest_file"]


@dataclass(frozen=True)
class Seen:
    """A file of this camera that is not among the items: of an earlier docking, or one that did not arrive.

    `arrived`: the dock has, or had, its bytes.  `reason`: why it did not arrive, in the dock's words.
    """

    name: str
    kind: MediaKind | None = None
    sequence: int | None = None
    named_at: datetime | None = None
    modified_at: datetime | None = None
    size_bytes: int = 0
    arrived: bool = True
    reason: str | None = None


@dataclass(frozen=True)
class Deleted:
    """A directory entry that was deleted on the card; its content was not looked for.

    `first_lost`: the first character of the name is not known (it is shown as `?`).  `housekeeping`: the
    profile says that the camera itself removes such files.
    """

    name: str
    kind: MediaKind | None = None
    size_bytes: int = 0
    sequence: int | None = None
    named_at: datetime | None = None
    modified_at: datetime | None = None
    first_lost: bool = False
    housekeeping: bool = False


@dataclass(frozen=True)
class CameraClock:
    """How far the camera's clock was from the dock's when it was plugged in, in seconds."""

    measured_at: datetime
    least_s: float | None
    most_s: float | None
    basis: ClockBasis


@dataclass(frozen=True)
class CameraFacts:
    """All of it; the default is what nobody knows.  `lost_bytes`: clusters that no file owns."""

    seen: tuple[Seen, ...] = ()
    deleted: tuple[Deleted, ...] = ()
    lost_bytes: int | None = None
    clock: CameraClock | None = None
    docked_at: datetime | None = None


def camera_facts(raw: dict[str, Any]) -> CameraFacts:
    """Read what `dataclasses.asdict` made of it, times as ISO text.

    Raises TypeError, ValueError, KeyError.
    """
    clock = raw.get("clock")
    return CameraFacts(
        seen=tuple(Seen(**_timed(one)) for one in raw.get("seen", ())),
        deleted=tuple(Deleted(**_timed(one)) for one in raw.get("deleted", ())),
        lost_bytes=raw.get("lost_bytes"),
        clock=None if clock is None else CameraClock(**_timed(clock)),
        docked_at=_timed({"docked_at": raw.get("docked_at")})["docked_at"],
    )


def _timed(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value) if key.endswith("_at") and value is not None else value
        for key, value in raw.items()
    }

"""What all messages share: strict, frozen models and bounded field types.

- Unknown fields are allowed when reading (a later version adds; the signed bytes are kept as they
  are), known ones are strict: no string becomes a number.
- Every text and list has a bound; wall times are aware and UTC (RFC 3339, ending in Z).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from uplink import strictjson
from uplink.errors import Refused

MAX_COUNT = strictjson.MAX_INTEGER
LOCAL = "local"  # the platform of a dock that has none


def _utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        raise ValueError("not UTC")
    return value.astimezone(UTC)


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Utc = Annotated[
    AwareDatetime,
    AfterValidator(_utc),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Digest = Sha256  # of a signed thing: SHA-256 of its PAE
KeyId = Sha256
Hex128 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RecordingId = Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{26}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]  # of a dock, site or platform
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Short = Annotated[str, StringConstraints(max_length=128)]
Text = Annotated[str, StringConstraints(max_length=2048)]
PathB64 = Annotated[str, StringConstraints(max_length=8192, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class Wire(BaseModel):
    """A message, or a part of one."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)

    @classmethod
    def parse(cls, data: bytes, max_bytes: int = 256 * 1024) -> Self:
        """Read a payload that came from outside.  Raises Refused (`shape` and those of strictjson)."""
        strictjson.check(data, max_bytes)
        try:
            return cls.model_validate_json(data)
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])[:200]
            raise Refused("shape", f"{cls.__name__}.{where}: {first['msg']}"[:500]) from None

    def to_bytes(self) -> bytes:
        """Return the payload: UTF-8 JSON without needless white space."""
        return self.model_dump_json(by_alias=True).encode()


class Clock(Wire):
    """What the dock's clock is worth.  `floor`: the dock's time never goes below it (trust.md, Time)."""

    synced: bool
    source: Short  # ntp, rtc, none
    floor: Utc


class ChainPoint(Wire):
    """A place in a dock's chain: event `n` of `epoch`, whose digest is `head`."""

    epoch: Hex128
    n: Count
    head: Digest


class Actor(Wire):
    """Who did something.  `proven`: the way of asking proves the person."""

    person: Short
    by: Annotated[str, StringConstraints(pattern=r"^(socket|pin|card|command|registry|qr|machine)$")]
    proven: bool


MACHINE = Actor(person="bodydock", by="machine", proven=True)


class CameraClaim(Wire):
    """Whose footage it is, and what that rests on; `usb` and `idcode` outrank the rest (trust.md)."""

    serial: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    by: Annotated[str, StringConstraints(pattern=r"^(usb|idcode|name|label|file|disk)$")]

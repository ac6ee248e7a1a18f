"""Commands and answers (trust.md, Ids and payloads; mqtt.md, `down/cmd/{verb}`).

- `base` is the digest of a manifest revision whose tag and holds are still the current ones (`tag`,
  `release`), or of the settings it amends (`config`): so a replayed command does nothing.
- What only adds (`tag`, `hold`) needs one `operate` signature; what takes away (`release`, and a `tag`
  whose `replaces` is true) is a *destroy* act: signatures by two persons' `destroy` keys over one payload.
- `ping` and `rescan` may come unsigned: they change nothing that lasts.
- A `command` id that was seen before gets the answer it got.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from uplink.messages.base import Count, Digest, Hex128, Name, RecordingId, Short, Text, Utc, Wire

VERBS = ("tag", "hold", "release", "rescan", "resend", "config", "ping")
UNSIGNED_VERBS = ("ping", "rescan")
Stage = Literal["opening", "investigation", "review", "service", "archiving"]  # articles 2, 3
Matter = Literal[  # article 10
    "entry_inspection",
    "random_sampling",
    "evidence_collection",
    "evidence_preservation",
    "service_of_documents",
    "dispute_prone",
]
LongTerm = Literal["objection", "obstruction", "mass_incident", "other"]  # article 20
Confidential = Literal["state_secret", "trade_secret", "privacy"]  # article 23, least to most by rule set
KeyContent = Literal["perishable_evidence", "words_and_looks", "interview", "documents"]  # article 14

Nothing = Literal["none"]  # takes a mark away: only together with `replaces`
Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]


class Signer(Wire):
    person: Short
    role: Short


class KeyMark(Wire):
    """A key-content mark (article 14): seconds from the start of the recording."""

    start_s: Annotated[float, Field(ge=0)]
    end_s: Annotated[float, Field(ge=0)]
    content: KeyContent
    note: Short = ""

    @model_validator(mode="after")
    def _runs_forward(self) -> KeyMark:
        if self.end_s < self.start_s:
            raise ValueError("a mark ends before it starts")
        return self


class TagArgs(Wire):
    """`tag`: what is given is added; what is not given stays.

    `replaces`: what is given here stands instead of what was there, "none" where nothing shall (a
    destroy act).
    """

    recording: RecordingId
    officer: Short | None = None
    cases: Annotated[list[Short], Field(max_length=64)] = []
    place: Text | None = None
    matter: Matter | None = None
    stage: Stage | None = None
    marks: Annotated[list[KeyMark], Field(max_length=64)] = []
    long_term: LongTerm | Nothing | None = None
    confidential: Confidential | Nothing | None = None
    replaces: bool = False


class HoldArgs(Wire):
    """`hold`: the recording is not cleared, whatever else holds.  `hold` names it (drawn by who asks)."""

    recording: RecordingId
    hold: Hex128


class ReleaseArgs(Wire):
    """`release` (a destroy act): the named hold ends."""

    recording: RecordingId
    hold: Hex128


class RescanArgs(Wire):
    """`rescan`: look at the slots again (all, or one)."""

    slot: Count | None = None


class ResendArgs(Wire):
    """`resend`: the named receipts are void; their recordings go again under a new attempt."""

    receipts: Annotated[list[Hex128], Field(min_length=1, max_length=1000)]


class ConfigArgs(Wire):
    """`config`: limits of the uplink.  `hours`: local times in which footage is sent; [] is always."""

    bytes_per_second: Count | None = None
    hours: Annotated[list[Hours], Field(max_length=8)] | None = None
    marked_first: bool | None = None


class PingArgs(Wire):
    """`ping`: answered with what `up/health` says."""


ARGS: dict[str, type[Wire]] = {
    "tag": TagArgs,
    "hold": HoldArgs,
    "release": ReleaseArgs,
    "rescan": RescanArgs,
    "resend": ResendArgs,
    "config": ConfigArgs,
    "ping": PingArgs,
}


class Command(Wire):
    """Payload type `command`.  `base` and `challenge` make it harmless when replayed."""

    platform: Name
    dock: Name
    verb: Short
    args: dict[str, Any]
    command: Hex128
    by: Annotated[list[Signer], Field(max_length=8)]
    reason: Text
    base: Digest | None = None
    challenge: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Answer(Wire):
    """Payload type `answer`.  `outcome`: done, refused, unsupported."""

    platform: Name
    dock: Name
    command: Hex128
    verb: Short
    outcome: Short
    text: Text
    data: dict[str, Any] = {}
    time: Utc

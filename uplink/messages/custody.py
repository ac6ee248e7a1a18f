"""The chain of custody: what happened to footage at a dock, one signed event after the other.

- `n` counts from 0 in each epoch without gaps; `prev` is the digest of event n-1, null for event 0.
- Event 0 of a later epoch is `restarted` (or `enrolled` anew): its `after` and `branch` are its parents.
- `data` has one shape for each kind, below; what this version does not know is kept as it came.
- `data.manifest` names the revision that the event commits (architecture.md: facts have revisions).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from uplink.messages.base import (
    Actor,
    CameraClaim,
    ChainPoint,
    Clock,
    Count,
    Digest,
    Hex128,
    KeyId,
    Name,
    PathB64,
    Positive,
    PublicKey,
    RecordingId,
    Sha256,
    Short,
    Text,
    Utc,
    Wire,
)

EventKind = Literal[
    "enrolled",
    "restarted",
    "merged",
    "key_rolled",
    "attached",
    "listed",
    "stored",
    "closed",
    "removed_early",
    "inspected",
    "tagged",
    "held",
    "released",
    "delivered",
    "cleared",
    "commanded",
    "refused",
    "decided",
    "erased",
    "exported",
]


class CustodyEvent(Wire):
    """One link of a dock's chain (payload type `event`)."""

    dock: Name
    platform: Name
    epoch: Hex128
    n: Count
    prev: Digest | None
    run: Hex128
    time: Utc
    clock: Clock
    kind: EventKind
    actor: Actor
    recording: RecordingId | None = None
    data: dict[str, Any]

    @model_validator(mode="after")
    def _joined(self) -> CustodyEvent:
        if (self.n == 0) != (self.prev is None):
            raise ValueError("event 0, and only event 0, has no prev")
        return self


class PlatformKey(Wire):
    key: KeyId
    public: PublicKey
    role: Annotated[str, Field(pattern=r"^(root|receipt|registry|operate|destroy)$")]


class Enrolled(Wire):
    """The first event: who the platform is, by which keys it is known, and what this dock is."""

    platform: Name
    keys: Annotated[list[PlatformKey], Field(max_length=64)]
    site: Name
    dock_key: KeyId
    public: PublicKey
    host: Sha256 | None
    certificate: Sha256 | None = None
    after: ChainPoint | None = None


class KeyRolled(Wire):
    """Another key of the dock takes the place of the one that signed so far: signed by both.

    `before`, `before_public`: the key that goes, `dock_key`, `public`: the one that comes.
    """

    before: KeyId
    before_public: PublicKey
    dock_key: KeyId
    public: PublicKey
    reason: Text = ""


class Restarted(Wire):
    """A new epoch of a restored dock: joins if the platform's head is either parent."""

    after: ChainPoint | None
    branch: ChainPoint | None


class Total(Wire):
    count: Count
    bytes: Count


class Explained(Total):
    """Listed, but not in the vault, and why: `reason` is one of the dock's stable words."""

    reason: Short


class Attached(Wire):
    """A camera came into a slot.

    `stay`: what joins a stay later (another disk of the same camera) is a docking of its own and names the
    one that the stay began with; null in that one.  `file_system` and `volume` are those of its first volume.
    """

    docking: Hex128
    stay: Hex128 | None = None
    slot: Positive
    camera: CameraClaim
    profile: Short
    vendor_id: Short | None = None
    product_id: Short | None = None
    file_system: Short | None = None
    volume: Short | None = None


class ListedVolume(Total):
    """One file system of a camera.

    `note`: `empty`, or why it has no listing: `no_file_system`, `unreadable`.  `deleted`: entries of deleted
    files that it still shows, and what sizes they claim; `lost_bytes`: clusters that no file owns; null where
    nobody looked or could.
    """

    file_system: Short = ""
    label: Short | None = None
    listing: Sha256 | None = None
    note: Short = ""
    deleted: Total | None = None
    lost_bytes: Count | None = None


class Listed(Wire):
    """Committed before the first byte is pulled.  `listing`: SHA-256 over the listings of all volumes.

    With one volume its listing's digest; with several SHA-256 over `bodydock volumes v1`, a line feed, their
    number as 8 bytes big-endian, and their digests in the order of `volumes` (those without one left out).
    """

    docking: Hex128
    count: Count
    bytes: Count
    listing: Sha256
    volumes: Annotated[list[ListedVolume], Field(max_length=64)] = []


class Stored(Wire):
    """A file is in the vault: hashed, fsynced, committed.  `already`: it was there before."""

    docking: Hex128
    index: Count
    path_b64: PathB64
    size: Count
    sha256: Sha256
    zero_bytes: Count
    already: bool = False


class Closed(Wire):
    """The sum of a docking: listed = stored + already stored + explained (architecture.md)."""

    docking: Hex128
    listed: Total
    stored: Total
    already_stored: Total
    explained: Annotated[list[Explained], Field(max_length=32)]

    @model_validator(mode="after")
    def _adds_up(self) -> Closed:
        parts = [self.stored, self.already_stored, *self.explained]
        if self.listed.count != sum(part.count for part in parts):
            raise ValueError("files listed are not files stored + already stored + explained")
        if self.listed.bytes != sum(part.bytes for part in parts):
            raise ValueError("bytes listed are not bytes stored + already stored + explained")
        return self


class RemovedEarly(Wire):
    """What left with the camera unread; what is *known by samples* is not in it: `closed` names that."""

    docking: Hex128
    missing: Total


class Revised(Wire):
    """Shared by the kinds that commit a manifest revision."""

    manifest: Digest
    revision: Positive


class Inspected(Revised):
    depth: Literal["fast", "standard", "deep"]
    verdict: Literal["compliant", "unchecked", "needs_review", "violation"]
    report: Sha256


class Tagged(Revised):
    by: Short  # what the tag rests on: name, registry, declaration, command, none
    officer: Short | None = None
    cases: Annotated[list[Short], Field(max_length=64)] = []
    command: Hex128 | None = None
    persons: Annotated[list[Short], Field(max_length=8)] = []  # who signed, where two were needed
    carried_by: Short | None = None
    reason: Text | None = None  # as the command says


class Held(Revised):
    hold: Short
    reason: Text = ""
    command: Hex128 | None = None


class Released(Revised):
    """`persons`: who signed the command; `carried_by`: who brought it to the dock, if somebody did.

    `reason`: as the command says.
    """

    hold: Short
    command: Hex128
    persons: Annotated[list[Short], Field(max_length=8)] = []
    carried_by: Short | None = None
    reason: Text | None = None


class Merged(Revised):
    """A line that parted became one: a revision on top of `history`, united with what `own` says."""

    history: Digest
    own: Digest


class ReceiptTaken(Wire):
    recording: RecordingId
    revision: Positive
    receipt: Digest


class Delivered(Wire):
    """One for a batch of receipts that were verified and kept."""

    receipts: Annotated[list[ReceiptTaken], Field(min_length=1, max_length=1000)]


class Cleared(Wire):
    recordings: Annotated[list[RecordingId], Field(max_length=1000)]


class Commanded(Wire):
    """`config`, `resend`, `rescan`: what was asked, and the settings' digest after it."""

    command: Hex128
    verb: Short
    outcome: Short
    args: dict[str, Any] = {}
    settings: Sha256 | None = None


class RefusedByPlatform(Wire):
    """The platform refused a recording for a reason that cannot pass."""

    code: Short
    reason: Text
    manifest: Digest | None = None


DATA: dict[str, type[Wire]] = {
    "enrolled": Enrolled,
    "restarted": Restarted,
    "merged": Merged,
    "key_rolled": KeyRolled,
    "attached": Attached,
    "listed": Listed,
    "stored": Stored,
    "closed": Closed,
    "removed_early": RemovedEarly,
    "inspected": Inspected,
    "tagged": Tagged,
    "held": Held,
    "released": Released,
    "delivered": Delivered,
    "cleared": Cleared,
    "commanded": Commanded,
    "refused": RefusedByPlatform,
}

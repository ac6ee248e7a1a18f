"""File transfer payloads (mqtt.md, Files): unsigned, believed for nothing but the order of sending.

- The receipt decides what is delivered; these only say which bytes need not be sent again.
- Ranges are [start, end) in bytes, sorted, not touching; they belong to one lease.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uplink.messages.base import Count, Digest, Hex128, Name, Positive, RecordingId, Sha256, Text, Wire

MAX_RANGES = 1000


class FileInit(Wire):
    """`up/file/{file_id}/init`."""

    name: Annotated[str, Field(pattern=r"^[a-z2-7]{26}\.[a-z0-9]{1,8}$")]
    recording: RecordingId
    attempt: Positive
    size: Count
    sha256: Sha256
    manifest: Digest
    role: Literal["footage", "preview"] = "footage"
    nonce: Hex128


class FileFin(Wire):
    """`up/file/{file_id}/fin`."""

    nonce: Hex128


class FileAnswer(Wire):
    """`down/file/{file_id}`: answers to init and fin carry their nonce, credit carries none.

    `status`: `ranges` (credit, or the answer to init), `verifying`, `complete`, `missing`, `checksum`
    (all ranges dropped, a new attempt starts), `unknown` (init wanted), `conflict`, `full`, `error`.
    """

    receiver: Name
    lease: Count
    nonce: Hex128 | None = None
    status: Literal[
        "ranges", "verifying", "complete", "missing", "checksum", "unknown", "conflict", "full", "error"
    ]
    ranges: Annotated[list[tuple[Count, Count]], Field(max_length=MAX_RANGES)]
    text: Text = ""

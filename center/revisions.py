"""Whether a manifest is taken (trust.md, Ids and payloads; Delivered, released, refused).

- The payload's dock, platform and recording are the topic's; else `not_allowed`.
- The recording's id recomputes from camera serial, path, size and SHA-256; else `never`.
- Revisions come one after the other, each naming the digest of the one before; the newest again is
  answered as before.
- A revision that is held with another digest, or does not name the newest, is a `conflict` (both are
  kept); so is a known one that is older than the newest: the refusal carries `current`, from which a
  restored dock learns what it forgot.
- More than one ahead is `later`, reason `missing`, with `current`: the dock sends all after it.  Where
  it comes again and nothing lower has, the dock has none left: the line is taken, marked incomplete.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import Enum

from uplink import ids
from uplink.messages.manifest import Manifest
from uplink.messages.receipt import RefusalCode

MISSING_WAIT_S = 20.0  # twice the dock's first repeat


@dataclass(frozen=True)
class Topic:
    """Where a manifest came in, and who we are."""

    platform: str
    dock: str
    recording: str


@dataclass(frozen=True)
class Newest:
    """The newest revision held of a recording."""

    revision: int
    digest: str


@dataclass(frozen=True)
class Held:
    """What is held of a recording: the newest revision, and the digest of the one that came in again."""

    newest: Newest | None
    same: str | None


class Outcome(Enum):
    TAKE = "take"
    TAKE_INCOMPLETE = "take_incomplete"  # revisions before it are lost at the dock
    AGAIN = "again"  # the newest, once more
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What becomes of a manifest.  `evidence`: it is to be kept in quarantine."""

    outcome: Outcome
    code: RefusalCode = "later"
    reason: str = ""
    with_current: bool = False
    evidence: bool = False


def decide(manifest: Manifest, digest: str, topic: Topic, held: Held, asked_s: float | None) -> Decision:
    """Return what becomes of `manifest`.

    `asked_s`: since this very manifest was first answered with `missing` and nothing below it has come;
    None if it never was.
    """
    address = (manifest.platform, manifest.dock, manifest.recording)
    if address != (topic.platform, topic.dock, topic.recording):
        return _refuse("not_allowed", f"the manifest is of {'/'.join(address)}, sent for {topic}")
    if not recomputes(manifest):
        return _refuse("never", "the recording's id does not recompute from serial, path, size and hash")
    return _in_line(manifest, digest, held, asked_s)


def recomputes(manifest: Manifest) -> bool:
    """Return whether the recording's id is the one that its own facts give."""
    try:
        path = base64.b64decode(manifest.path_b64, validate=True)
    except binascii.Error:
        return False
    made = ids.recording_id(manifest.camera.serial, path, manifest.size, manifest.sha256)
    return made == manifest.recording


def _in_line(manifest: Manifest, digest: str, held: Held, asked_s: float | None) -> Decision:
    revision, newest = manifest.revision, held.newest
    last = 0 if newest is None else newest.revision
    if newest is not None and digest == newest.digest:
        return Decision(Outcome.AGAIN)
    if revision <= last:
        if digest == held.same:
            older = f"older: revision {last} is held, this is {revision}"
            return Decision(Outcome.REFUSE, "conflict", older, with_current=True)
        return _conflict(f"revision {revision} is held with another digest")
    if newest is not None and revision == last + 1 and manifest.prev_manifest != newest.digest:
        return _conflict(f"revision {revision} does not follow on the revision {last} that is held")
    if revision == last + 1:
        return Decision(Outcome.TAKE)
    if asked_s is not None and asked_s >= MISSING_WAIT_S:
        return Decision(Outcome.TAKE_INCOMPLETE)
    return Decision(Outcome.REFUSE, "later", f"missing: revision {last + 1} comes next", with_current=True)


def _conflict(reason: str) -> Decision:
    return Decision(Outcome.REFUSE, "conflict", reason, with_current=True, evidence=True)


def _refuse(code: RefusalCode, reason: str) -> Decision:
    return Decision(Outcome.REFUSE, code, reason, evidence=True)

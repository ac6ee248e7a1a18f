"""What the dock believes of what the platform signs: pure (trust.md, Delivered, released, refused).

- A receipt counts under a `receipt` key of our own ring, if platform, dock and dock key are ours, and
  recording, size, SHA-256, manifest and revision are those that we hold: no more and no less.  A dock key
  that was rolled stays ours: bytes and manifest are bound by their digests.
- A refusal is bound in the same way; it never is a ground to delete anything.
- What is signed for another dock or platform, or by a key of another role, is refused.
- Times in a receipt are kept, and never decide (known-faults K05): signature and digests do.
- Which of several heads, registries or receipts is newer, the dock decides, who keeps the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from uplink import envelope
from uplink.envelope import MAX_REGISTRY_BYTES, Envelope
from uplink.errors import Refused
from uplink.keys import KeyRing, Role
from uplink.messages.receipt import Binding, Head, Receipt, Reconciliation, Refusal
from uplink.messages.registry import REGISTRIES, CameraRegistry, CaseRegistry, OfficerRegistry


@dataclass(frozen=True)
class RecordingFacts:
    """What the dock holds of one recording.  `manifests`: digest to revision, of all its revisions.

    `dock_key`: the dock's key; `before`: those that it was rolled from (receipts may be under way).
    """

    platform: str
    dock: str
    dock_key: str
    recording: str
    size: int
    sha256: str
    manifests: Mapping[str, int]
    before: frozenset[str] = frozenset()


def check_receipt(raw: bytes, ring: KeyRing, facts: RecordingFacts) -> tuple[Envelope, Receipt | Refusal]:
    """Verify what came on `down/receipts/{recording}`.

    Raises Refused: those of `unseal` and `parse`, and `platform`, `dock`, `dock_key`, `recording`,
    `size`, `sha256`, `manifest` (none of ours), `revision` (not that manifest's).
    """
    kind = envelope.declared_kind(raw)
    message: Receipt | Refusal
    if kind == "refusal":
        signed = envelope.unseal(raw, "refusal", ring, Role.RECEIPT)
        message = Refusal.parse(signed.payload)
    else:
        signed = envelope.unseal(raw, "receipt", ring, Role.RECEIPT)
        message = Receipt.parse(signed.payload)
    _check_binding(message, facts)
    return signed, message


def check_head(raw: bytes, ring: KeyRing, platform: str, dock: str) -> tuple[Envelope, Head]:
    """Verify what came on `down/head`.  Raises Refused (as above; `platform`, `dock`)."""
    signed = envelope.unseal(raw, "head", ring, Role.RECEIPT)
    head = Head.parse(signed.payload)
    _same("platform", head.platform, platform)
    _same("dock", head.dock, dock)
    return signed, head


def check_registry(
    raw: bytes, ring: KeyRing, platform: str, site: str, kind: str
) -> tuple[Envelope, OfficerRegistry | CameraRegistry | CaseRegistry]:
    """Verify what came on `registry/{kind}`.  Raises Refused (as above; `platform`, `scope`, `kind`)."""
    shape = REGISTRIES.get(kind)
    if shape is None:
        raise Refused("kind", f"no registry is called {kind[:40]!r}")
    signed = envelope.unseal(raw, "registry", ring, Role.REGISTRY, MAX_REGISTRY_BYTES)
    registry = shape.parse(signed.payload, MAX_REGISTRY_BYTES)
    _same("platform", registry.platform, platform)
    _same("scope", registry.scope, site)
    return signed, registry


def check_reconciliation(
    raw: bytes, ring: KeyRing, platform: str, dock: str
) -> tuple[Envelope, Reconciliation]:
    """Verify a page of `down/reconciliation`.  Raises Refused (as above; `platform`, `dock`)."""
    signed = envelope.unseal(raw, "reconciliation", ring, Role.RECEIPT)
    page = Reconciliation.parse(signed.payload)
    _same("platform", page.platform, platform)
    _same("dock", page.dock, dock)
    return signed, page


def _check_binding(message: Binding, facts: RecordingFacts) -> None:
    _same("platform", message.platform, facts.platform)
    _same("dock", message.dock, facts.dock)
    if message.dock_key not in facts.before:
        _same("dock_key", message.dock_key, facts.dock_key)
    _same("recording", message.recording, facts.recording)
    _same("size", message.size, facts.size)
    _same("sha256", message.sha256, facts.sha256)
    revision = facts.manifests.get(message.manifest)
    if revision is None:
        raise Refused("manifest", f"manifest {message.manifest[:16]} is none of ours")
    _same("revision", message.revision, revision)


def _same(code: str, given: object, ours: object) -> None:
    if given != ours:
        raise Refused(code, f"{str(given)[:80]!r}, ours is {str(ours)[:80]!r}")

"""Keys, their ids and roles (trust.md, Signing and the chain).

- Key id = SHA-256(alg, a zero byte, public key), whole, in hex.
- Algorithm, role and owner come from our own record of a key, never from a message.
- A key signs for its role and no other.
- Ed25519 keys of small order are refused: one of them verifies any message (RFC 8032, 8.9, and
  "Taming the many EdDSAs", 2020); so are encodings that are not canonical (RFC 8032, 5.1.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from uplink import keyfiles
from uplink.errors import BadKey

ED25519 = "ed25519"
_FIELD = 2**255 - 19
# y of the points of order 8 (one of the two; the other is its negative).
_ORDER_8_Y = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
# y of the eight points of small order (each but two stands for two points, by the sign of x).
_SMALL_ORDER_Y = {0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y}


class Role(Enum):
    """What a key may sign, and nothing else."""

    ROOT = "root"
    RECEIPT = "receipt"  # receipts, refusals, heads, reconciliations
    REGISTRY = "registry"  # registry snapshots and case cards
    OPERATE = "operate"  # commands
    DESTROY = "destroy"  # two persons' signatures
    DOCK = "dock"  # manifests, events, answers, identity


def key_id(public: bytes, alg: str = ED25519) -> str:
    """Return the id of a public key: 64 hex digits."""
    return hashlib.sha256(alg.encode() + b"\0" + public).hexdigest()


def check_public(public: bytes) -> None:
    """Raise BadKey unless `public` is a canonical Ed25519 key that is not of small order."""
    if len(public) != 32:
        raise BadKey(f"an Ed25519 public key has 32 bytes, not {len(public)}")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _FIELD:
        raise BadKey("the public key is not in canonical form")
    if y in _SMALL_ORDER_Y:
        raise BadKey("the public key is of small order: it would verify any message")
    try:
        Ed25519PublicKey.from_public_bytes(public)
    except ValueError as e:
        raise BadKey(f"no Ed25519 public key: {e}") from None


@dataclass(frozen=True)
class KeyRecord:
    """A public key as *we* know it.  `owner`: dock id, platform id or person."""

    public: bytes
    role: Role
    owner: str
    alg: str = ED25519
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        check_public(self.public)
        object.__setattr__(self, "key_id", key_id(self.public, self.alg))

    def verifies(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class KeyRing:
    """The keys that count, by id and role.  Immutable."""

    def __init__(self, records: Iterable[KeyRecord] = ()) -> None:
        self._by_id = {(record.key_id, record.role): record for record in records}

    def find(self, wanted: str, role: Role) -> KeyRecord | None:
        return self._by_id.get((wanted, role))

    def of_role(self, role: Role) -> list[KeyRecord]:
        return [record for record in self._by_id.values() if record.role is role]


class SigningKey:
    """A private key, and the file that keeps it (mode 0600, PKCS #8 PEM)."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.key_id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    def record(self, role: Role, owner: str) -> KeyRecord:
        return KeyRecord(self.public, role, owner)

    @classmethod
    def draw(cls) -> SigningKey:
        """Return a new key that is in no file."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a key.  Raises BadKey: not there, readable by others, or no Ed25519 key."""
        pem = keyfiles.read(path)
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as e:
            raise BadKey(f"key file {path} holds no private key: {e}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise BadKey(f"key file {path} holds no Ed25519 key")
        return cls(private)

    @classmethod
    def load_or_make(cls, path: Path) -> tuple[SigningKey, bool]:
        """Read the key at `path`, or draw one and keep it there durably.  Returns (key, made)."""
        if path.exists():
            return cls.load(path), False
        key = cls.draw()
        if not key.keep(path):
            return cls.load(path), False
        return key, True

    def keep(self, path: Path) -> bool:
        """Keep it at `path`, durably; False, with nothing changed, where a file is there.  Raises OSError."""
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return keyfiles.keep(path, pem)

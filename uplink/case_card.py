"""Case cards as the text of a QR code: small, signed, read back as hostile input.

- Text: `BD1:` and base45 (RFC 9285: the characters of QR's alphanumeric mode) of the first 8 bytes of the
  key's id, the Ed25519 signature (64 bytes) over the payload's PAE, and the payload.
- The key's id only chooses in our own ring; the role is `registry` (trust.md).
- What does not begin so is somebody else's code, and none of our business.
"""

from __future__ import annotations

from datetime import datetime

from uplink import envelope
from uplink.errors import Refused
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages.card import CaseCard

PREFIX = "BD1:"
MAX_TEXT = 1024  # characters; a card has about 250
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_KEY_BYTES = 8
_SIGNATURE_BYTES = 64


def seal(card: CaseCard, key: SigningKey) -> str:
    """Return the text of a signed card."""
    payload = card.to_bytes()
    signature = key.sign(envelope.pae(envelope.payload_type("card"), payload))
    return PREFIX + base45_encode(bytes.fromhex(key.key_id)[:_KEY_BYTES] + signature + payload)


def is_card(text: str) -> bool:
    """Whether a code claims to be a case card."""
    return text.startswith(PREFIX)


def unseal(text: str, ring: KeyRing, platform: str, at: datetime) -> CaseCard:
    """Verify a card that was shown at `at` (aware).

    Raises Refused: `size`, `shape`, `key` (of nobody we know), `signature`, `platform`, `expired`.
    """
    if len(text) > MAX_TEXT:
        raise Refused("size", f"a card of {len(text)} characters, at most {MAX_TEXT}")
    if not is_card(text):
        raise Refused("shape", "no case card")
    data = base45_decode(text.removeprefix(PREFIX))
    named, rest = data[:_KEY_BYTES], data[_KEY_BYTES:]
    signature, payload = rest[:_SIGNATURE_BYTES], rest[_SIGNATURE_BYTES:]
    keys = [k for k in ring.of_role(Role.REGISTRY) if bytes.fromhex(k.key_id).startswith(named)]
    if len(named) < _KEY_BYTES or not keys:
        raise Refused("key", f"signed by a key that is not the platform's: {named.hex()}")
    to_verify = envelope.pae(envelope.payload_type("card"), payload)
    if not any(key.verifies(to_verify, signature) for key in keys):
        raise Refused("signature", "the signature does not verify")
    card = CaseCard.parse(payload)
    if card.platform != platform:
        raise Refused("platform", f"a card of platform {card.platform}, not {platform}")
    if at >= card.expires:
        raise Refused("expired", f"the card was valid until {card.expires.isoformat()}")
    return card


def base45_encode(data: bytes) -> str:
    """Encode bytes (RFC 9285)."""
    letters = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(3 if len(pair) == 2 else 2):
            value, digit = divmod(value, 45)
            letters.append(_ALPHABET[digit])
    return "".join(letters)


def base45_decode(text: str) -> bytes:
    """Decode base45.  Raises Refused (`shape`)."""
    try:
        digits = [_VALUES[letter] for letter in text]
    except KeyError:
        raise Refused("shape", "not base45") from None
    data = bytearray()
    for start in range(0, len(digits), 3):
        group = digits[start : start + 3]
        value = sum(digit * 45**power for power, digit in enumerate(group))
        size = len(group) - 1
        if not size or value >= 256**size:
            raise Refused("shape", "not base45")
        data += value.to_bytes(size, "big")
    return bytes(data)

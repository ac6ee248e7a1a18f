"""A dock's identity, as `bodydock identity` prints it and `center docks add` reads it (trust.md)."""

from __future__ import annotations

from uplink.messages.base import Name, PublicKey, Sha256, Utc, Wire


class Identity(Wire):
    """Payload type `identity`, signed by the key it names."""

    dock: Name
    site: Name
    public: PublicKey
    host: Sha256 | None
    time: Utc

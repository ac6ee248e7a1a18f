"""A dock's identity, as `bodydock identity` prints it and `center docks add` reads it (trust.md)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from uplink.messages.base import Name, PublicKey, Sha256, Utc, Wire


class Identity(Wire):
    """Payload type `identity`, signed by the key it names.

    `tls_request`: a certificate request (PKCS #10, DER, base64) for the dock's other key, the one it shows to
    the broker; bound to the dock by the signature over all of this.

    `rolled`: the `key_rolled` events (envelopes) of this dock at the platform in its settings, oldest first:
    by them a platform that never knew the first key, or forgot it, can verify the chain from its start.
    """

    dock: Name
    site: Name
    public: PublicKey
    host: Sha256 | None
    time: Utc
    tls_request: Annotated[str, Field(max_length=8192, pattern=r"^[A-Za-z0-9+/]*={0,2}$")] | None = None
    rolled: Annotated[list[dict[str, Any]], Field(max_length=64)] = []

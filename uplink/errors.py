"""What can go wrong on the uplink, and who mends it."""

from __future__ import annotations


class UplinkError(Exception):
    """Base of all errors of this package."""


class Refused(UplinkError):
    """Something received does not hold: signature, role, shape, addressee, size.

    Counted by the caller, kept where it may be evidence, never acted on.  Needs a person only if it
    goes on.  `code` is short and stable (it is counted by it), the message is for a log.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class BadKey(UplinkError):
    """A key file or public key cannot be used.  Needs a person."""


class NotLoopback(UplinkError):
    """Plain MQTT to an address that is not a literal loopback address (trust.md).  Needs a person."""


class TlsUnusable(UplinkError):
    """Certificate, key or CA file cannot be used.  Needs a person: which file and why is in it."""


class TooLarge(UplinkError):
    """A message is larger than the broker's MaximumPacketSize.  Retry after splitting."""


class BadTable(UplinkError):
    """A registry file does not hold: file, line and column are in the message.  Needs a person."""


class Offline(UplinkError):
    """There is no connection to the broker now.  Retry."""


class Busy(Offline):
    """Too much waits for the broker's acknowledgement already.  Retry when some has come."""

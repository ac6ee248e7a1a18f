"""What can go wrong in the center, and who mends it."""

from __future__ import annotations


class CenterError(Exception):
    """Base of all errors of this package.  The message says what, where and what to do."""


class BadFolder(CenterError):
    """The center's folder or its settings cannot be used.  Needs a person."""


class BadAuthority(CenterError):
    """The certificate authority cannot do what was asked.  Needs a person."""


class NotEnrolled(CenterError):
    """An identity cannot be taken, or a dock is not known.  Needs a person."""


class BadPerson(CenterError):
    """A person or their key cannot be used.  Needs a person."""


class BadOrder(CenterError):
    """An order cannot be given, or was not answered.  Needs a person."""


class NotFound(CenterError):
    """What was asked for is not in the catalogue.  Needs a person."""


class StoreFull(CenterError):
    """There is no room for these bytes now.  Retry, or make room."""

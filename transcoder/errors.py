"""What can go wrong in inspection, and who has to act.

- `needs_person`: the input or the configuration has to be looked at; trying again changes nothing.
- `retry`: the surroundings failed; the same request may succeed later.
- Anything else that escapes is a bug.
"""

from typing import Literal


class TranscoderError(Exception):
    """Base of everything this package raises on purpose."""

    remedy: Literal["retry", "needs_person", "bug"] = "bug"


class Unreadable(TranscoderError):
    """A file that is no readable media: the message says why, for people to read."""

    remedy = "needs_person"


class CannotRead(TranscoderError):
    """The disk or the system does not give a file's bytes: nothing is said of what is in them."""

    remedy = "retry"


class BadRules(TranscoderError):
    """A rule set that cannot be used: the message names file, key, value and what is allowed."""

    remedy = "needs_person"


class BadRequest(TranscoderError):
    """A request to the inspector that cannot be understood."""

    remedy = "bug"


class SpeechUnavailable(TranscoderError):
    """The speech extra or its model is missing or damaged; the notice stays unverified."""

    remedy = "needs_person"


class InspectorFailed(TranscoderError):
    """The inspector process could not be started at all."""

    remedy = "retry"

"""What can go wrong in the service, and who mends it."""

from __future__ import annotations


class DaemonError(Exception):
    """Base of all errors of this package.  `code`: of a refused act, short and stable."""

    code: str = ""


class Declined(DaemonError):
    """The dock understood and will not do it, as the rules are.  Needs a person, or two."""


class BadSettings(DaemonError):
    """The settings cannot be used.  Needs a person: file, key, value and what is allowed are in it."""


class NotRunning(DaemonError):
    """Nobody answers on the control socket.  Retry, or start the service."""


class NoSuchThing(DaemonError):
    """Somebody asked for a recording, docking or slot that is not there.  Needs a person."""


class WrongKey(DaemonError):
    """The dock's key is not the one that signed the store's chain.  Needs a person."""


class CannotRoll(DaemonError):
    """The dock's key cannot be rolled here, so, or by this user.  Needs a person."""


class WrongSite(DaemonError):
    """The settings name another site than the one that the dock was enrolled in.  Needs a person."""


class CouldNotRead(DaemonError):
    """Files in the vault could not be read.  Retry: nothing is said of what is in them."""


class StoreFull(DaemonError):
    """The disk has no room for a commit.  Retry: the reserve is free now (daemon/reserve.py)."""


class AlreadyRunning(DaemonError):
    """Another daemon uses this control socket or this folder of mounts.  Needs a person."""


class StoreBusy(DaemonError):
    """Another daemon uses this state folder.  Needs a person."""

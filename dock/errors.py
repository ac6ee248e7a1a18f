"""What can go wrong on the hardware side, as one small tree.

Every error says by `kind` what its catcher is to do: RETRY (again later, nothing to decide), PERSON (show
it, a person has to act) or BUG (log it with its traceback; it costs one recording, never the daemon).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What the catcher of an error is to do."""

    RETRY = "retry"
    PERSON = "person"
    BUG = "bug"


class DockError(Exception):
    """The root of everything `dock` raises on purpose."""

    kind: ClassVar[Kind] = Kind.BUG


class MountFailed(DockError):
    """A file system could not be mounted; nothing was written, nothing gets repaired (A11, B09, B10)."""

    kind = Kind.PERSON

    def __init__(self, node: str, fs_type: str, reason: str, advice: str) -> None:
        super().__init__(f"{node} ({fs_type or 'no file system'}): {reason}. {advice}")
        self.node = node
        self.fs_type = fs_type
        self.reason = reason
        self.advice = advice


class CameraGone(DockError):
    """The camera left its slot; what was copied so far is kept and resumed at the next docking."""

    kind = Kind.RETRY


class Unreadable(DockError):
    """Parts of a file cannot be read although the camera is still there.

    `ranges` are (first byte, one past the last byte) in the file, ascending.
    """

    kind = Kind.PERSON

    def __init__(self, name: str, ranges: Sequence[tuple[int, int]]) -> None:
        self.name = name
        self.ranges = tuple(ranges)
        shown = ", ".join(f"{start}-{end - 1}" for start, end in self.ranges[:4])
        more = f" and {len(self.ranges) - 4} more" if len(self.ranges) > 4 else ""
        super().__init__(
            f"{name}: the card cannot be read at bytes {shown}{more}. "
            "Keep the card as it is and hand it to a technician."
        )


class ChangedWhileReading(DockError):
    """A file is not what was listed: the camera, or something else, is still writing to the card."""

    kind = Kind.RETRY


class DiskFull(DockError):
    """The vault has no room; the partial copy stays and is resumed when there is some."""

    kind = Kind.RETRY


class VaultFailed(DockError):
    """The vault could not be written for another reason than room."""

    kind = Kind.PERSON


class Refused(DockError):
    """An entry of a card crossed a limit or is nothing that is ever read (a link, a device, a pipe)."""

    kind = Kind.PERSON


class PullCancelled(DockError):
    """The caller's `cancel` said so; the partial copy stays and can be resumed."""

    kind = Kind.RETRY


class NameTaken(DockError):
    """A name in the vault that had to be new exists: ids were drawn or used wrongly."""

    kind = Kind.BUG


class ProfileError(DockError):
    """A camera profile is wrong; the start stops with file, key, value and what is allowed."""

    kind = Kind.PERSON

    def __init__(self, file: str, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{file}: {key} = {value!r}: {allowed}")
        self.file = file
        self.key = key
        self.value = value
        self.allowed = allowed

"""A card, mounted read-only at a path of its own for as long as a `with` block lasts.

- The device itself is set read-only first, so that not even a driver's journal can write to it (A11).  It
  stays so until it is unplugged.
- The path is fresh each time and nobody else may enter it: a mount that lingers after a yank is never in
  the way of the next card (B18).
- On the way out the open files of the card are closed first, then it is unmounted; detached ("lazily") only
  where something still holds it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dock import linux
from dock.devices import BlockDevice
from dock.errors import CameraGone, MountFailed
from dock.filesystems import Attempt, attempts_for, known_types
from dock.presence import is_present
from dock.reader import Handles

_LOG = logging.getLogger(__name__)

_FLAGS = (
    linux.MS_RDONLY
    | linux.MS_NOSUID
    | linux.MS_NODEV
    | linux.MS_NOEXEC
    | linux.MS_NOATIME
    | linux.MS_NODIRATIME
)
# A scanner or a desktop that peeks into new mounts is gone in a moment; nobody should wait longer for it.
_UNMOUNT_PATIENCE_S = 2.0
_UNMOUNT_STEP_S = 0.02


@dataclass(frozen=True)
class MountedCard:
    """A mounted card: `path` is readable until the context ends; `attempt` is how it was mounted."""

    device: BlockDevice
    path: Path
    attempt: Attempt
    handles: Handles = field(default_factory=Handles, compare=False)


@contextlib.contextmanager
def mounted(device: BlockDevice, at: Path) -> Iterator[MountedCard]:
    """Mount `device` below the folder `at` and yield it; unmount whatever happens inside.

    Raises MountFailed (a person should look at the card) or CameraGone (it left meanwhile).
    """
    attempts = attempts_for(device.fs_type)
    if not attempts:
        raise MountFailed(
            device.node,
            device.fs_type,
            f"only {', '.join(known_types())} are read here",
            "Set the camera to FAT or exFAT, or hand the card to a technician; it was not touched.",
        )
    at.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="card-", dir=at))
    try:
        _set_read_only(device)
        card = MountedCard(device, path, _mount(device, path, attempts))
        try:
            yield card
        finally:
            card.handles.close_all()
            _unmount(path)
    finally:
        _remove(path)


def clear_stale(at: Path) -> int:
    """Unmount what a killed daemon left mounted below `at`; return how many mounts there were."""
    if not at.is_dir():
        return 0
    stale = linux.mounts_below(at)
    for path in stale:
        with contextlib.suppress(OSError):
            linux.unmount(path, detach=True)
    for path in at.glob("card-*"):
        _remove(path)
    return len(stale)


def _set_read_only(device: BlockDevice) -> None:
    try:
        linux.set_read_only(device.node)
    except OSError as error:
        # The mount is read-only all the same, and checked below: some drivers know no such request.
        _LOG.warning("%s cannot be set read-only: %s", device.node, error)


def _mount(device: BlockDevice, path: Path, attempts: tuple[Attempt, ...]) -> Attempt:
    error: OSError | None = None
    for attempt in attempts:
        try:
            linux.mount(device.node, path, attempt.driver, _FLAGS, attempt.options)
        except OSError as failed:
            error = failed
            # EINVAL is an option the kernel does not know (a code page above all), ENODEV a missing driver.
            if failed.errno not in (errno.EINVAL, errno.ENODEV):
                break
            continue
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            _unmount(path)
            raise MountFailed(
                device.node, device.fs_type, "the kernel mounted it writable", "Report this as a fault."
            )
        return attempt
    if not is_present(device):
        raise CameraGone(f"{device.node} left before it was mounted") from error
    raise MountFailed(device.node, device.fs_type, *_explain(device, error)) from error


def _explain(device: BlockDevice, error: OSError | None) -> tuple[str, str]:
    number = error.errno if error is not None else None
    reason = error.strerror if error is not None else "unknown"
    if number in (errno.EPERM, errno.EACCES):
        return f"mounting is not allowed ({reason})", "Start the dock as root or with CAP_SYS_ADMIN."
    if number == errno.EBUSY:
        return (
            f"something else uses it ({reason})",
            "Switch off automatic mounting for the ports of the dock (udisks, a desktop), then dock again.",
        )
    if number == errno.ENODEV:
        return (
            f"this kernel has no {device.fs_type} driver",
            f"Install or load the module for {device.fs_type} (modprobe {device.fs_type}).",
        )
    return (
        f"the file system cannot be read ({reason})",
        "Keep the card as it is and hand it to a technician; nothing on it was changed.",
    )


def _unmount(path: Path) -> None:
    give_up_at = time.monotonic() + _UNMOUNT_PATIENCE_S
    while True:
        try:
            linux.unmount(path)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not mounted any more: somebody was faster
                return
            if error.errno == errno.EBUSY and time.monotonic() < give_up_at:
                time.sleep(_UNMOUNT_STEP_S)
                continue
            _LOG.warning("%s stays in use (%s): detached", path, error)
            with contextlib.suppress(OSError):
                linux.unmount(path, detach=True)
        return


def _remove(path: Path) -> None:
    try:
        path.rmdir()
    except OSError as error:
        _LOG.warning("%s stays behind: %s", path, error)

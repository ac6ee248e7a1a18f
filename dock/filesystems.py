"""How each file system of a card is mounted.

- Read-only always, and `nosuid,nodev,noexec`: mount flags, not options here.  Nothing is ever formatted,
  checked, repaired or forced (A11, B09, B10); what is not listed here is refused.
- Every naming option is given, never left to the distribution (field-facts.md, "vfat names"): with its
  defaults several 8.3 names in GBK show as one, and opening any of them returns the first file's bytes.
- `codepage=936` needs nls_cp936; where the kernel lacks it the mount fails with EINVAL and the next attempt
  follows (with 437 names stay distinct, only their reading suffers).
- Times are read as UTC whatever the machine's zone is, so that they do not move with it (B05, B07); which
  zone the camera meant is the profile's to say.
- FAT's read-only attribute shows as a mode without write bits: the masks are fixed so that only it does
  (A15).
- ext4: `noload`, since replaying the journal writes to the card.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One way to mount: the kernel's name of the file system and its options, flags not included."""

    driver: str
    options: str


_MASKS = "uid=0,gid=0,fmask=0133,dmask=0022"

_ATTEMPTS: dict[str, tuple[Attempt, ...]] = {
    "vfat": tuple(
        Attempt("vfat", f"{names},tz=UTC,{_MASKS}")
        for names in ("codepage=936,utf8=1", "codepage=437,utf8=1", "utf8=1", "utf8=1,iocharset=utf8")
    ),
    "exfat": (
        # time_offset is minutes east of UTC for times that carry no offset of their own (Linux 5.10).
        Attempt("exfat", f"iocharset=utf8,time_offset=0,{_MASKS}"),
        Attempt("exfat", f"iocharset=utf8,{_MASKS}"),
    ),
    "ntfs": (Attempt("ntfs3", f"iocharset=utf8,{_MASKS}"),),
    "ext4": (Attempt("ext4", "noload"),),
    "ext3": (Attempt("ext4", "noload"),),
    "ext2": (Attempt("ext4", "noload"), Attempt("ext2", "")),
}


def attempts_for(fs_type: str) -> tuple[Attempt, ...]:
    """Return the ways to mount `fs_type` (udev's name), best first; empty for one that is never mounted."""
    return _ATTEMPTS.get(fs_type, ())


def known_types() -> tuple[str, ...]:
    """Return the file systems that are mounted at all."""
    return tuple(_ATTEMPTS)

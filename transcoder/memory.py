"""Resident memory of a child, watched from outside.

RLIMIT_AS cannot do this: a near limit on address space turns good files into errors (field-facts.md).
"""

from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """VmRSS of a process in bytes; None when it is gone or a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return None

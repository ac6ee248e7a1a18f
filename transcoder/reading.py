"""Whether a file's bytes can be had at all: what a disk or a right refuses is no fault of the recording.

- FFmpeg tells a broken disk and a broken file in the same words, or takes the one for the end of the other:
  where a finding would rest on that, the bytes are read once more, by us.
- `CannotRead` says nothing of the file's content, and the same request may succeed later.
"""

import errno
import os
from typing import BinaryIO

from transcoder.errors import CannotRead

READ_ERROR = "read_error"  # the limit that says: nothing is known of the file, ask again
_PIECE_BYTES = 1 << 20
_ENDS_BYTES = 32 << 20
SURROUNDINGS = {
    errno.EIO,
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENXIO,
    errno.ENODEV,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.EMFILE,
    errno.ENFILE,
}


def of_surroundings(error: BaseException) -> bool:
    """Whether an error may be the disk's or the system's.  FFmpeg uses the same numbers for bad content."""
    return getattr(error, "errno", None) in SURROUNDINGS


def confirm(file: BinaryIO, *, whole: bool = True) -> None:
    """Read it through; not `whole`: its beginning and its end.  Raises CannotRead."""
    try:
        size_bytes = os.fstat(file.fileno()).st_size
        stretches = [(0, size_bytes)]
        if not whole and size_bytes > 2 * _ENDS_BYTES:
            stretches = [(0, _ENDS_BYTES), (size_bytes - _ENDS_BYTES, size_bytes)]
        for start, end in stretches:
            for at in range(start, end, _PIECE_BYTES):
                os.pread(file.fileno(), min(_PIECE_BYTES, end - at), at)
    except OSError as error:
        raise cannot_read(error) from error


def cannot_read(error: OSError) -> CannotRead:
    """What people are told."""
    return CannotRead(f"could not be read ({error.strerror or error})")

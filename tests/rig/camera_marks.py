"""Media that tests make bear FFmpeg's marks, which no body camera's files should be judged with: overwrite
them.

Same length, other letters, so that no size or offset changes; `origin.software` then finds nothing, as in a
camera's own file.  A test about that finding leaves its file as FFmpeg made it.
"""

import re
from pathlib import Path

_MARKS = re.compile(rb"Lav[fc]\d+\.\d+\.\d+|FFMP")
_ENCODERS = (
    bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"),  # x264
    bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e"),  # x265
)
_CAMERA = b"DSJ camera 1.0.0"


def sign_as_camera(path: Path) -> Path:
    """Overwrite the marks in the file at `path`; returns it."""
    data = _MARKS.sub(lambda mark: _CAMERA[: len(mark[0])].ljust(len(mark[0]), b"-"), path.read_bytes())
    for uuid in _ENCODERS:
        data = data.replace(uuid, _CAMERA)
    path.write_bytes(data)
    return path

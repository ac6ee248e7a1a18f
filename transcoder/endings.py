"""The ends of files of bare sound: a last frame that is not whole, bytes that are no sound at all.

- An ADTS frame says its own length (13 bits): a last packet that is shorter was cut.
- A frame of MPEG audio has at most 2881 bytes, of ADTS 8191, of AMR 61: a "packet" far beyond is foreign
  bytes that the demuxer swept up.
"""

import os
from typing import BinaryIO

from transcoder.facts import MediaFacts
from transcoder.findings import FindingList

_LARGEST = {"mp3": 2881, "mp2": 2881, "aac": 8191, "amr": 61, "amrnb": 61, "amrwb": 61}
_FOREIGN_BYTES = 4096


def check_sound_end(file: BinaryIO, media: MediaFacts, end_s: float | None, found: FindingList) -> None:
    """Name what stands at the end of a file of bare sound and is no whole frame, with byte offsets."""
    largest = _LARGEST.get(media.container)
    stream = media.main("audio")
    if largest is None or stream is None:
        return
    samples = stream.samples
    pos, size = int(samples.pos[-1]), int(samples.size[-1])
    if size > max(largest, _FOREIGN_BYTES):
        found.add(
            "file.partial/foreign",
            start_s=end_s,
            value=float(size),
            bytes=size,
            evidence={"bytes": [pos, pos + size]},
        )
    elif media.container == "aac" and pos >= 0:
        head = os.pread(file.fileno(), 7, pos)
        stated = int.from_bytes(head[3:6], "big") >> 5 & 0x1FFF if len(head) == 7 else 0
        if stated > size:
            found.add(
                "file.partial/last_sound",
                start_s=end_s,
                value=float(stated - size),
                evidence={"bytes": [pos, pos + size], "frame_bytes": stated},
            )

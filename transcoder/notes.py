"""What is worth knowing about how a file had to be read, and is no finding."""

import os
from typing import BinaryIO

from transcoder.facts import MediaFacts
from transcoder.report import Text
from transcoder.seen import PRIVATE_HEADER, seen

_PACK = b"\0\0\1\xba"


def notes_of(file: BinaryIO, media: MediaFacts) -> tuple[Text, ...]:
    """The notes on one file that could be opened."""
    head = os.pread(file.fileno(), 4096, 0)
    repaired = seen(file).repaired
    if head.startswith(PRIVATE_HEADER) and media.container == "mpeg":
        size = max(0, head.find(_PACK))
        return (
            Text(
                zh=f"文件以厂商私有文件头（IMKH，{size} 字节）开始，其后是节目流（PS），已按节目流读取。",
                en=f"The file begins with a maker's private header (IMKH, {size} bytes) before a program"
                " stream; it was read as a program stream.",
            ),
        )
    if repaired and media.container == "mpeg":
        return (
            Text(
                zh="节目流中的声音是 G.711，已按 A 律或 μ 律读取。",
                en="The sound in the program stream is G.711 and was read as such.",
            ),
        )
    if repaired:
        return (
            Text(
                zh="文件中有一个空闲块（free）的长度小于其块头，读取时已跳过，原件未作改动。",
                en="A free box of the file claims to be smaller than its own header; it was stepped over in"
                " reading, the original was not changed.",
            ),
        )
    return ()

"""A program of its own that measures one file for its pictures, and ends.

- One JSON line in (`measured.Asked`), JSON lines out (`measured.take`): levels, speech, frames, then `done`.
- Like the inspector it lets go of what it can; its parent watches time and resident memory.
- What was sent stays, whatever happens to the rest.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from typing import BinaryIO

from transcoder.drawing.measured import Asked, levels_out
from transcoder.inspector import drop_privileges, limit_memory

_MAX_LINE_BYTES = 4 << 20
_BACKSTOP_BYTES = 3 << 30


def main() -> int:
    """Serve one request; returns 0."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    sys.stdout = sys.stderr
    drop_privileges()
    limit_memory(_BACKSTOP_BYTES)
    line = requests.readline(_MAX_LINE_BYTES)
    if line:
        sample(Asked.from_line(line), answers)
    return 0


def sample(asked: Asked, answers: BinaryIO) -> None:
    """Measure a file and send what comes of it."""
    from pathlib import Path

    from transcoder.errors import TranscoderError
    from transcoder.media import TooManyPackets, open_regular

    begun = time.monotonic()
    try:
        with open_regular(Path(asked.path)) as file:
            _measure(asked, file, answers, begun)
    except (TranscoderError, OSError):
        _send(answers, {"trouble": "unreadable"})
    except TooManyPackets:
        _send(answers, {"trouble": "size"})
    _send(answers, {"done": True})


def _measure(asked: Asked, file: BinaryIO, answers: BinaryIO, begun: float) -> None:
    from transcoder.drawing.hearing import hear
    from transcoder.drawing.looking import look
    from transcoder.media import read_facts
    from transcoder.timeline import timeline_of

    media = read_facts(file, asked.max_packets)
    timeline = timeline_of(media)
    zero_s = timeline.start_s if timeline is not None else 0.0
    audio, video = media.main("audio"), media.main("video")
    if asked.sound and audio is not None and audio.decodable and asked.duration_s > 0:
        heard = hear(file, audio.index, zero_s, asked.duration_s, asked.windows, begun + asked.sound_s)
        _send(answers, {"levels": levels_out(heard.levels)})
        for number, levels in enumerate(heard.close):
            _send(answers, {"close": number, "of": levels_out(levels)})
        if heard.speech is not None:
            _send(answers, {"speech": heard.speech, "until": heard.until_s})
        if heard.until_s is not None:
            _send(answers, {"trouble": "time"})
    if not asked.moments or video is None or not video.decodable:
        return
    if (video.width or 0) * (video.height or 0) > asked.max_pixels:
        _send(answers, {"trouble": "size"})
        return
    deadline = time.monotonic() + asked.frames_s
    for one in look(file, video.index, zero_s, asked.moments, deadline, max_pixels=asked.max_pixels):
        coded = base64.b64encode(one.jpeg).decode("ascii")
        _send(answers, {"frame": one.number, "at": one.at_s, "jpeg": coded})
    if time.monotonic() > deadline:
        _send(answers, {"trouble": "time"})


def _send(answers: BinaryIO, message: dict[str, object]) -> None:
    answers.write(json.dumps(message, ensure_ascii=True).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())

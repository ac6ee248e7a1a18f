"""What the two ends of a file look and sound like, for the joint to its neighbour: a little decoding.

- The first picture, or the last one of the last group; as a grid of brightness, so that sensor noise and a
  hand that moves do not matter.
- The quietest parts of the first or last second of sound: the room's own tone.
- What cannot be decoded is not known; nothing here is a finding.
"""

from typing import Any

import numpy as np

from transcoder.errors import Unreadable
from transcoder.joints import GRID, Edge
from transcoder.media import MEDIA_ERRORS, open_media, open_regular, packets_of
from transcoder.recording import Inspected
from transcoder.timeline import Track

_LAST_S = 3.0  # of picture that is decoded to come to the last one; a longer group is not followed to its end
_SOUND_S = 1.0
_MOST_PACKETS = 600
_PIECE_S = 0.05
_QUIET_SHARE = 0.2
_SILENCE_DB = -100.0


def edge_of(one: Inspected, *, last: bool) -> Edge | None:
    """The first or the last edge of an inspected recording; None where nothing of it is to be decoded."""
    if one.media is None or one.timeline is None or not one.finished:
        return None
    if any(finding.code in ("file.limits", "file.unreadable") for finding in one.found.findings):
        return None
    try:
        with open_regular(one.item.path) as file, open_media(file) as container:
            picture = _picture(container, one.timeline.track("video"), last)
        with open_regular(one.item.path) as file, open_media(file) as container:
            room = _room_db(container, one.timeline.track("audio"), last)
    except Unreadable:
        return None
    except MEDIA_ERRORS:
        return None
    return Edge(picture, room)


def _picture(container: Any, track: Track | None, last: bool) -> bytes | None:
    if track is None:
        return None
    live = _ready(container, track, _LAST_S if last else None)
    found = None
    for frame in _frames(container, live):
        found = frame
        if not last:
            break
    if found is None:
        return None
    grid = found.reformat(width=GRID[0], height=GRID[1], format="gray", interpolation="AREA")
    return np.ascontiguousarray(grid.to_ndarray()).tobytes()


def _room_db(container: Any, track: Track | None, last: bool) -> float | None:
    if track is None:
        return None
    live = _ready(container, track, _SOUND_S if last else None)
    pieces: list[Any] = []
    seconds = 0.0
    rate = 0
    for frame in _frames(container, live):
        rate = frame.sample_rate
        samples = frame.to_ndarray().astype(np.float64)
        if frame.format.name.startswith(("s16", "s32")):
            samples /= 2.0 ** (8 * frame.format.bytes - 1)
        elif frame.format.name.startswith("u8"):
            samples = samples / 128.0 - 1.0
        pieces.append(samples.mean(axis=0) if frame.format.is_planar else samples.reshape(-1))
        seconds += frame.samples / rate
        if not last and seconds >= _SOUND_S:
            break
    if not pieces or not rate:
        return None
    sound = np.concatenate(pieces)[-round(2 * rate * _SOUND_S) :]
    width = max(1, round(rate * _PIECE_S))
    levels = [
        float(np.sqrt(np.mean(np.square(sound[at : at + width]))))
        for at in range(0, len(sound) - width + 1, width)
    ]
    if not levels:
        return None
    quiet = float(np.quantile(levels, _QUIET_SHARE))
    return max(_SILENCE_DB, round(20 * float(np.log10(quiet)), 1)) if quiet > 0 else _SILENCE_DB


def _ready(container: Any, track: Track, before_end_s: float | None) -> Any:
    """The stream of a track, with the container at its beginning or before its end."""
    live = container.streams[track.stream]
    live.codec_context.thread_count = 1
    live.codec_context.thread_type = "NONE"
    if before_end_s is not None and track.end_s - track.start_s > before_end_s:
        container.seek(round((track.end_s - before_end_s) / float(live.time_base)), stream=live)
    return live


def _frames(container: Any, live: Any) -> Any:
    """Frames packet by packet: what is damaged costs only itself."""
    for count, packet in enumerate(packets_of(container, live)):
        if count > _MOST_PACKETS:
            return
        try:
            yield from live.codec_context.decode(packet if packet.size else None)
        except EOFError:
            return
        except MEDIA_ERRORS:
            continue

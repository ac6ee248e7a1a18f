"""Recordings without an index: name the sibling that could serve, and say what is in them (article 15(3)).

- A sibling is another file of the same request whose movie header holds parameters to find pictures by; the
  nearest one in the order given is taken, earlier before later.
- `file.unreadable` stays: no player opens the file as it is.  `file.partial` beside it says what is there,
  with byte offsets, the measured count of pictures, and a duration marked as an estimate.
- From standard depth on key pictures are decoded with the sibling's parameters.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import BinaryIO

import av

from transcoder.errors import CannotRead, Unreadable
from transcoder.facts import StreamFacts
from transcoder.findings import rounded
from transcoder.media import MEDIA_ERRORS, open_regular
from transcoder.recording import Inspected
from transcoder.recovery import Recovered, can_serve, recover
from transcoder.report import StreamInfo
from transcoder.structure import Structure, read_structure

_MAX_DECODED = 60


def recover_unfinished(inspected: Sequence[Inspected], *, decode: bool) -> None:
    """Look into every file of a request that has no index and add what was found."""
    for index, one in enumerate(inspected):
        if one.media is not None or one.unread or one.item.failed is not None or not one.size_bytes:
            continue
        sibling = _sibling(inspected, index)
        try:
            with open_regular(one.item.path) as file:
                structure = read_structure(file, one.size_bytes)
                if structure.family != "mp4" or structure.has_index is not False:
                    continue
                _say_how_much_lacks(one, structure, one.size_bytes)
                if sibling is not None:
                    _look_into(file, one, sibling, inspected[sibling], decode=decode)
        except (OSError, CannotRead, Unreadable):
            continue  # said already, when it was read the first time
        except Exception:  # noqa: BLE001 - a bug must cost what it was to find, never the shift
            traceback.print_exc(file=sys.stderr)


def _say_how_much_lacks(one: Inspected, structure: Structure, size_bytes: int) -> None:
    """A box that ends beyond the file: it was cut off, whatever else ails it."""
    claimed = structure.claimed_end
    if claimed is not None and claimed > size_bytes:
        evidence = {"size_bytes": size_bytes, "claimed_bytes": claimed}
        one.found.add("continuity.truncated/claimed", value=claimed - size_bytes, evidence=evidence)


def _sibling(inspected: Sequence[Inspected], index: int) -> int | None:
    serving = [
        i
        for i, one in enumerate(inspected)
        if one.media is not None
        and one.media.structure.family == "mp4"
        and not one.media.structure.encrypted
        and can_serve(one.media.main("video"))
    ]
    return min(serving, key=lambda i: (abs(i - index), i), default=None)


def _look_into(file: BinaryIO, one: Inspected, number: int, sibling: Inspected, *, decode: bool) -> None:
    stream = sibling.media.main("video") if sibling.media else None
    assert stream is not None
    assert one.size_bytes is not None
    found = recover(file, one.size_bytes, stream)
    evidence: dict[str, object] = {"sibling": number, "sibling_path": sibling.item.display_name}
    if not found.starts:
        one.found.add("file.partial/sibling", sibling=sibling.item.display_name, evidence=evidence)
        return
    rate = stream.frame_rate
    estimate = len(found.starts) / rate if rate else None
    evidence |= {
        "pictures": len(found.starts),
        "key_pictures": sum(found.keys),
        "bytes": [found.starts[0], found.starts[-1] + found.sizes[-1]],
        "other_bytes": found.other_bytes,
        "duration_s_estimated": rounded(estimate),
        "estimated_by": "the sibling's frame rate",
    }
    if decode:
        decoded, failed = _decode(file, stream, found)
        evidence |= {"key_pictures_decoded": decoded, "key_pictures_failed": failed}
    one.kind = one.kind or "video"
    one.streams = [
        StreamInfo(
            kind="video",
            codec=stream.codec,
            width=stream.width,
            height=stream.height,
            frame_rate=stream.frame_rate,
            packets=len(found.starts),
        )
    ]
    one.found.add(
        "file.partial/recovered",
        value=float(len(found.starts)),
        count=len(found.starts),
        seconds="?" if estimate is None else f"{estimate:.1f}",
        sibling=sibling.item.display_name,
        evidence=evidence,
    )


def _decode(file: BinaryIO, stream: StreamFacts, found: Recovered) -> tuple[int, int]:
    """How many of some key pictures decode and how many do not."""
    decoded = failed = 0
    for start, size in found.key_pictures(_MAX_DECODED):
        context = av.CodecContext.create(stream.codec or "", "r")
        context.extradata = stream.extradata
        context.options = {"err_detect": "explode"}
        try:
            packet = av.Packet(os.pread(file.fileno(), size, start))
            frames = len([*context.decode(packet), *context.decode(None)])  # type: ignore[attr-defined]
        except MEDIA_ERRORS:
            frames = 0
        decoded += frames > 0
        failed += frames == 0
    return decoded, failed

"""Plain numbers about one media file, copied out of PyAV before its objects are gone.

Nothing here refers to a library: an index entry touched after its container is closed ends the process.
Times inside `Samples` are in ticks of the stream's time base; `None` is `NO_TIME`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from transcoder.structure import Structure

NO_TIME = int(np.iinfo(np.int64).min)
Ticks = NDArray[np.int64]
Flags = NDArray[np.bool_]
StreamKind = Literal["video", "audio", "subtitle", "data", "picture"]


@dataclass(frozen=True, eq=False)
class Samples:
    """The packets of one stream in file order; `pts` and `duration` are unknown from an index."""

    dts: Ticks
    pts: Ticks
    duration: Ticks
    pos: Ticks  # byte offset, -1 where the container does not say
    size: Ticks
    key: Flags
    discard: Flags  # hidden by an edit list, or encoder priming
    corrupt: Flags

    def __len__(self) -> int:
        return len(self.dts)

    def where(self, keep: Flags) -> "Samples":
        return Samples(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class StreamFacts:
    """One stream as announced, and its samples."""

    index: int
    kind: StreamKind
    codec: str | None
    decodable: bool
    time_base: Fraction
    samples: Samples
    start_ticks: int | None = None  # as the container states
    duration_ticks: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    id: int = 0  # the container's own number: the PID of a transport stream
    extradata: bytes = b""  # the sample description: parameter sets
    samples_per_packet: int | None = None  # sound of a fixed frame size
    tags: Mapping[str, str] = field(default_factory=dict)
    as_decoded: bool = False  # the container's own tables show pictures when they are decoded, in that order


@dataclass(frozen=True)
class MediaFacts:
    """One file that could be opened."""

    container: str
    size_bytes: int
    structure: Structure
    streams: tuple[StreamFacts, ...]
    created_at: datetime | None
    from_index: bool  # samples come from the index: their data were not looked for
    stopped: str | None = None  # why reading packets ended early
    late_streams: tuple[int, ...] = ()  # tracks that begin in mid-file, unannounced
    tags: Mapping[str, str] = field(default_factory=dict)

    def of_kind(self, kind: StreamKind) -> tuple[StreamFacts, ...]:
        return tuple(stream for stream in self.streams if stream.kind == kind)

    def main(self, kind: Literal["video", "audio"]) -> StreamFacts | None:
        """The stream of a kind that carries most samples; None when none carries any."""
        streams = [stream for stream in self.of_kind(kind) if len(stream.samples)]
        return max(streams, key=lambda stream: len(stream.samples), default=None)

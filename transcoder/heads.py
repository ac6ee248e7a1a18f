"""The first bytes of packets, read once at standard depth: where the bitstream says what stamps cannot.

- Of each picture only its head is read: 64 bytes, 4 KiB of a key picture or where the head holds no slice
  yet.
- A plain MP4 or MOV is read at the places that its index gives; everything else is demuxed once more.
- A head that cannot be understood is skipped, and nothing is concluded across it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from transcoder import h264, h265
from transcoder.bits import OutOfBits
from transcoder.facts import MediaFacts, StreamFacts
from transcoder.losses import Hole, ReferenceCount, ShowOrder
from transcoder.media import MEDIA_ERRORS, open_media, packets_of
from transcoder.nal import length_size_of, units, units_of_extradata
from transcoder.parameters import KEY_HEAD_BYTES, Change, ParameterWatch

_HEAD_BYTES = 64
_WATCHED = frozenset({"h264", "hevc", "mpeg4", "mjpeg", "aac"})
_MAX_IDS = 100_000


@dataclass
class Heads:
    """What the heads of one stream's packets say."""

    stream: int
    changes: list[Change] = field(default_factory=list)
    encoder_texts: list[str] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    idr_ids: list[tuple[int, int]] = field(default_factory=list)  # sample, idr_pic_id
    unread: int = 0  # heads that could not be understood


def read_heads(file: BinaryIO, media: MediaFacts) -> list[Heads]:
    """Look at the heads of the main picture's packets, and of ADTS sound outside MP4.

    Raises Unreadable where the file cannot be opened again.
    """
    readers = {
        stream.index: _Reader(stream)
        for stream in (media.main("video"), media.main("audio"))
        if stream is not None and stream.codec in _WATCHED and not media.structure.encrypted
    }
    if media.from_index:
        readers = {index: r for index, r in readers.items() if r.stream.kind == "video"}
        for reader in readers.values():
            _read_by_index(file, reader)
    elif readers:
        _read_by_demuxing(file, readers)
    return [reader.heads() for reader in readers.values()]


class _Reader:
    """Feeds one stream's heads to the watchers that fit its codec."""

    def __init__(self, stream: StreamFacts) -> None:
        self.stream = stream
        self.codec = stream.codec or ""
        self.length_size = length_size_of(stream.extradata, self.codec)
        self.parameters = ParameterWatch(self.codec)
        self.parameters.start(stream.extradata)
        self.references = ReferenceCount()
        self.order = ShowOrder()
        self.idr_ids: list[tuple[int, int]] = []
        self.unread = 0
        self._sps: dict[int, h264.Sps] = {}
        self._sps_of_pps: dict[int, int] = {}
        self._by_pps: dict[int, h264.Sps] = {}
        self._sps5: dict[int, h265.Sps] = {}
        self._pps5: dict[int, h265.Pps] = {}
        for unit in units_of_extradata(stream.extradata, self.codec) if self._counts else ():
            self._set(unit)

    @property
    def _counts(self) -> bool:
        return self.codec in ("h264", "hevc")

    def feed(self, at: int, head: bytes, *, key: bool) -> bool:
        """Take a packet's first bytes; False where a longer head is needed to find the slice."""
        if key or self.codec == "mjpeg":
            self.parameters.feed(at, head, self.length_size)
        if not self._counts:
            return True
        try:
            for unit in units(head, self.length_size):
                if self._is_slice(unit):
                    self._slice(at, unit)
                    return True
                self._set(unit)
        except (OutOfBits, IndexError):
            pass
        return False

    def lost(self) -> None:
        """A head without a readable slice."""
        self.unread += 1
        self.references.forget()
        self.order.forget()
        if len(self.idr_ids) < _MAX_IDS:
            self.idr_ids.append((-1, -1))  # one may have been here

    def _is_slice(self, unit: bytes) -> bool:
        if self.codec == "h264":
            return unit[0] & 31 in h264.SLICES
        return unit[0] >> 1 & 63 < 32

    def _set(self, unit: bytes) -> None:
        try:
            if self.codec == "h264":
                self._set_h264(unit)
            elif unit[0] >> 1 & 63 == h265.SPS:
                sps5 = h265.parse_sps(unit)
                self._sps5[sps5.id] = sps5
            elif unit[0] >> 1 & 63 == h265.PPS:
                pps5 = h265.parse_pps(unit)
                self._pps5[pps5.id] = pps5
        except (OutOfBits, IndexError):
            return

    def _set_h264(self, unit: bytes) -> None:
        kind = unit[0] & 31
        if kind == h264.SPS:
            sps = h264.parse_sps(unit)
            self._sps[sps.id] = sps
        elif kind == h264.PPS:
            pps, goes_by = h264.parse_pps(unit)
            self._sps_of_pps[pps] = goes_by
        else:
            return
        self._by_pps = {p: self._sps[s] for p, s in self._sps_of_pps.items() if s in self._sps}

    def _slice(self, at: int, unit: bytes) -> None:
        if self.codec == "hevc":
            self._slice_h265(at, unit)
            return
        head = h264.parse_slice(unit, self._by_pps)
        if head is None:
            self.lost()
            return
        sps = next(iter(self._by_pps.values()))
        if not sps.gaps_allowed:
            self.references.feed(
                at, head.frame_num, sps.log2_max_frame_num, idr=head.idr, reference=head.is_reference
            )
        if head.poc_lsb is not None and not head.field:
            self.order.feed(
                at, head.poc_lsb, sps.log2_max_poc_lsb, restarts=head.idr, carries=head.is_reference
            )
        if head.idr_id is not None and len(self.idr_ids) < _MAX_IDS:
            self.idr_ids.append((at, head.idr_id))

    def _slice_h265(self, at: int, unit: bytes) -> None:
        head = h265.parse_slice(unit, self._pps5, self._sps5)
        if head is None:
            self.lost()
            return
        bits = next(iter(self._sps5.values())).log2_max_poc_lsb
        self.order.feed(at, head.poc_lsb, bits, restarts=head.restarts, carries=head.carries)

    def heads(self) -> Heads:
        holes = self.order.holes()
        near = {hole.after for hole in holes}
        alone = [h for h in self.references.holes if not near & set(range(h.before - 16, h.after + 17))]
        return Heads(
            self.stream.index,
            self.parameters.changes,
            self.parameters.encoder_texts,
            sorted([*holes, *alone], key=lambda hole: hole.after),
            self.idr_ids,
            self.unread,
        )


def _read_by_index(file: BinaryIO, reader: _Reader) -> None:
    fd = file.fileno()
    samples = reader.stream.samples
    table = zip(samples.pos.tolist(), samples.size.tolist(), samples.key.tolist(), strict=True)
    for at, (pos, size, key) in enumerate(table):
        if pos < 0:
            continue
        first = KEY_HEAD_BYTES if key or reader.codec == "mjpeg" else _HEAD_BYTES
        head = os.pread(fd, min(size, first), pos)
        if reader.feed(at, head, key=key):
            continue
        if len(head) < min(size, KEY_HEAD_BYTES) and reader.feed(
            at, os.pread(fd, min(size, KEY_HEAD_BYTES), pos), key=False
        ):
            continue
        reader.lost()


def _read_by_demuxing(file: BinaryIO, readers: Mapping[int, _Reader]) -> None:
    counts = dict.fromkeys(readers, 0)
    with open_media(file) as container:
        for index, key, head in _packet_heads(container, set(readers)):
            reader, at = readers[index], counts[index]
            counts[index] += 1
            if at < len(reader.stream.samples) and not reader.feed(at, head, key=key):
                reader.lost()


def _packet_heads(container: Any, wanted: set[int]) -> Iterator[tuple[int, bool, bytes]]:
    streams = [stream for stream in container.streams if stream.index in wanted]
    try:
        for packet in packets_of(container, streams):
            if packet.size and packet.stream_index in wanted:
                yield packet.stream_index, packet.is_keyframe, bytes(memoryview(packet)[:KEY_HEAD_BYTES])
    except MEDIA_ERRORS:
        return  # what stops reading was found by the first pass

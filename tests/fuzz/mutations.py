"""Media broken on purpose by their structure (boxes, chunks, packets, parameter sets) and at random.

- The same seed file, number and kind give the same bytes; nothing here opens a file.
- A mutant is one to four changes, each of a kind that fits the file, or any of the blind ones.
"""

import random
import re
import struct
from collections.abc import Callable

Change = Callable[[bytearray, random.Random], None]
_EDGES = (0, 1, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_TABLES = (b"stsz", b"stts", b"stco", b"co64", b"ctts", b"stsc", b"stss", b"elst", b"trun", b"stsd", b"sidx")
_BOXES = re.compile(
    rb"ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|stbl|stsd|stts|stss|ctts|stsc|stsz|stco|co64|"
    rb"mdat|moof|mfhd|traf|tfhd|tfdt|trun|mvex|trex|udta|meta|avc1|hvc1|mp4a|avcC|hvcC|esds|sidx|free"
)
_CHUNKS = re.compile(rb"RIFF|LIST|avih|strh|strf|idx1|indx|movi|fmt |data|00dc|01wb|JUNK")
_ELEMENTS = re.compile(
    rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\x1c\x53\xbb\x6b|\xa3|\xae|\x63\xa2"
)
_START_CODE = re.compile(rb"\x00\x00\x01[\x00-\xff]")
_SETS = re.compile(
    rb"\x00\x00\x01[\x67\x68\x40\x42\x44]|[\x67][\x42\x4d\x58\x64\x6e]\x00?|\xff\xdb|\xff\xc0|\xff\xda"
)


def mutated(seed: bytes, number: int, other: bytes = b"") -> tuple[bytes, list[str]]:
    """The mutant `number` of a seed file and what was done to it; `other`: a file to splice in."""
    chance = random.Random(f"{number}/{len(seed)}")
    data = bytearray(seed)
    fitting = [one for one, fits in _FITTING if fits(seed)]
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        changes: tuple[Change, ...] = tuple(fitting) if fitting and chance.random() < 0.7 else _BLIND
        change = chance.choice(changes)
        if len(data) < 16:
            break
        change(data, chance)
        done.append(change.__name__.strip("_"))
    if other and chance.random() < 0.05:
        at = chance.randrange(len(data) + 1)
        data[at:] = other[chance.randrange(len(other)) :]
        done.append("spliced")
    if data == seed:  # nothing there that the change is about
        _bits(data, chance)
        done.append("bits")
    return bytes(data), done


def _number(data: bytearray, at: int, size: int, chance: random.Random, order: str = "big") -> None:
    """Put an odd number, or one a little off, in place."""
    if at < 0 or at + size > len(data):
        return
    now = int.from_bytes(data[at : at + size], "big" if order == "big" else "little")
    value = chance.choice(
        (*_EDGES, now + chance.randrange(-9, 10), now * 2, now // 2, chance.getrandbits(32))
    )
    value &= (1 << 8 * size) - 1
    data[at : at + size] = value.to_bytes(size, "big" if order == "big" else "little")


def _place(pattern: re.Pattern[bytes], data: bytearray, chance: random.Random) -> int | None:
    places = [found.start() for found, _ in zip(pattern.finditer(data), range(4000), strict=False)]
    return chance.choice(places) if places else None


def _box_size(data: bytearray, chance: random.Random) -> None:
    at = _place(_BOXES, data, chance)
    if at is not None:
        _number(data, at - 4, 4, chance)


def _box_wide(data: bytearray, chance: random.Random) -> None:
    """A box that states its size in 64 bits, and what."""
    at = _place(_BOXES, data, chance)
    if at is not None and at >= 4 and at + 12 <= len(data):
        data[at - 4 : at] = b"\0\0\0\1"
        struct.pack_into(
            ">Q", data, at + 4, chance.choice((0, 15, 1 << 40, (1 << 64) - 1, chance.getrandbits(64)))
        )


def _box_kind(data: bytearray, chance: random.Random) -> None:
    at, other = _place(_BOXES, data, chance), _place(_BOXES, data, chance)
    if at is not None and other is not None:
        data[at : at + 4] = data[other : other + 4]


def _box_moved(data: bytearray, chance: random.Random) -> None:
    """A box again somewhere else, within another or after it, or gone."""
    at, other = _place(_BOXES, data, chance), _place(_BOXES, data, chance)
    if at is None or other is None or at < 4:
        return
    size = min(int.from_bytes(data[at - 4 : at], "big"), 1 << 16, len(data) - at + 4)
    piece = bytes(data[at - 4 : at - 4 + size])
    if chance.random() < 0.3:
        del data[at - 4 : at - 4 + size]
    else:
        data[max(0, other - 4) : max(0, other - 4)] = piece * chance.choice((1, 1, 2, 40))


def _table(data: bytearray, chance: random.Random) -> None:
    """The count of a sample table, or one of its entries."""
    kind = chance.choice(_TABLES)
    at = data.find(kind, chance.randrange(max(1, len(data) // 2)))
    at = at if at >= 0 else data.find(kind)
    if at >= 0:
        _number(data, at + 8 + 4 * chance.choice((0, 0, 1, 2, 3, 4, chance.randrange(200))), 4, chance)


def _chunk(data: bytearray, chance: random.Random) -> None:
    at = _place(_CHUNKS, data, chance)
    if at is not None:
        _number(data, at + 4 + 4 * chance.choice((0, 0, 0, 1, 2, 5, 8)), 4, chance, "little")


def _index(data: bytearray, chance: random.Random) -> None:
    at = data.rfind(b"idx1")
    if at >= 0:
        _number(data, at + 8 + 4 * chance.randrange(400), 4, chance, "little")


def _element(data: bytearray, chance: random.Random) -> None:
    """The length of an EBML element, or what follows it."""
    at = _place(_ELEMENTS, data, chance)
    if at is not None and at + 13 < len(data):
        size = 4 if data[at] < 0x20 else 2 if data[at] < 0x80 else 1
        data[at + size] = chance.choice((0, 1, 0x08, 0x10, 0x40, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.5:
            data[at + size + 1 : at + size + 5] = chance.randbytes(4)


def _packet(data: bytearray, chance: random.Random) -> None:
    """A transport packet: its head, its adaptation field, gone, twice, or torn."""
    count = len(data) // 188
    if not count:
        return
    at = chance.randrange(count) * 188
    kind = chance.randrange(5)
    if kind == 0:
        data[at + chance.randrange(6)] = chance.randrange(256)
    elif kind == 1:
        data[at + 3] |= 0x20
        data[at + 4] = chance.choice((0, 1, 183, 184, 255))
    elif kind == 2:
        del data[at : at + 188 * chance.choice((1, 1, 7, 100))]
    elif kind == 3:
        data[at:at] = data[at : at + 188] * chance.choice((1, 3, 60))
    else:
        del data[at : at + chance.randrange(1, 188)]


def _start(data: bytearray, chance: random.Random) -> None:
    """What follows a start code: the length and the stamps of a packet, or a unit's head."""
    at = _place(_START_CODE, data, chance)
    if at is not None:
        _number(data, at + chance.choice((3, 4, 4, 6, 8, 9, 11)), chance.choice((1, 2, 4)), chance)


def _parameters(data: bytearray, chance: random.Random) -> None:
    """Bits of a parameter set, a table or a picture's head."""
    at = _place(_SETS, data, chance)
    for _ in range(chance.choice((1, 2, 8))):
        where = None if at is None else at + chance.randrange(2, 40)
        if where is not None and where < len(data):
            data[where] ^= 1 << chance.randrange(8)


def _bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 10, 200))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _head(data: bytearray, chance: random.Random) -> None:
    """Bits near the beginning, where headers are."""
    for _ in range(chance.choice((1, 4, 30))):
        data[chance.randrange(min(len(data), 2048))] = chance.randrange(256)


def _stretch(data: bytearray, chance: random.Random) -> None:
    size = min(len(data), chance.choice((16, 512, 4096, 70_000)))
    at = chance.randrange(len(data) - size + 1)
    data[at : at + size] = bytes(size) if chance.random() < 0.5 else chance.randbytes(size)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data)) :]


def _taken_out(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 3, 188, 5000))]


def _twice(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.choice((8, 188, 9000))]


def _any_number(data: bytearray, chance: random.Random) -> None:
    _number(
        data, chance.randrange(len(data)), chance.choice((1, 2, 4)), chance, chance.choice(("big", "little"))
    )


_BLIND: tuple[Change, ...] = (_bits, _head, _stretch, _cut, _taken_out, _twice, _any_number)
_FITTING: tuple[tuple[Change, Callable[[bytes], bool]], ...] = (
    *(
        (one, lambda seed: seed[4:8] in (b"ftyp", b"moov", b"mdat"))
        for one in (_box_size, _box_wide, _box_kind)
    ),
    *((one, lambda seed: seed[4:8] in (b"ftyp", b"moov", b"mdat")) for one in (_box_moved, _table, _table)),
    *((one, lambda seed: seed[:4] == b"RIFF") for one in (_chunk, _index)),
    (_element, lambda seed: seed[:4] == b"\x1a\x45\xdf\xa3"),
    (_packet, lambda seed: seed[:1] == b"\x47"),
    (_start, lambda seed: seed[:3] == b"\x00\x00\x01" or seed[:1] == b"\x47"),
    (_parameters, lambda seed: len(seed) > 64),
)

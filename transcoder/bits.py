"""Reading bits of H.264 and H.265 headers (ISO/IEC 14496-10, 23008-2; clauses 7.2 and 9): pure, bounded."""


class OutOfBits(Exception):
    """A header that ends before what it announces: damaged, or cut by a bounded read."""


def unescaped(data: bytes) -> bytes:
    """The bytes of a NAL unit without emulation prevention (00 00 03 is 00 00)."""
    return data.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in data else data


class Bits:
    """A cursor over bytes; every read raises OutOfBits at their end."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        self._left -= count
        if self._left < 0:
            raise OutOfBits
        result = self._value >> self._left
        self._value -= result << self._left
        return result

    def ue(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = self._left - self._value.bit_length()
        if zeros > 32:
            raise OutOfBits
        return self.u(2 * zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb number."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

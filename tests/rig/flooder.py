"""Somebody who publishes as fast as the broker reads: raw packets at QoS 1, acknowledgements thrown away."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

BURST_BYTES = 512 * 1024


class Flooder:
    """Sends `messages` (topic, payload, user properties), over and over, from `begin` until it is closed."""

    def __init__(
        self,
        address: tuple[str, int],
        client_id: str,
        messages: Sequence[tuple[str, bytes, Sequence[tuple[str, str]]]],
    ) -> None:
        self._socket = socket.create_connection(address, timeout=10)
        self._socket.sendall(_connect(client_id))
        answer = self._socket.recv(4)
        assert answer[0] >> 4 == 2, answer
        assert answer[3] == 0, f"refused: 0x{answer[3]:02x}"
        self._burst, self._in_burst = _burst(messages)
        self._begin = threading.Event()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._send, self._throw_away)]
        self.sent = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the flood; a second time does nothing."""
        self._stop.set()
        self._begin.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def begin(self) -> None:
        self._begin.set()

    @property
    def going(self) -> bool:
        """Whether it sends, and the broker has not cut it off."""
        return self._threads[0].is_alive()

    def _send(self) -> None:
        self._begin.wait()
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                self._socket.sendall(self._burst)
                self.sent += self._in_burst

    def _throw_away(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                try:
                    if not self._socket.recv(1 << 16):
                        return
                except TimeoutError:
                    continue


def _burst(messages: Sequence[tuple[str, bytes, Sequence[tuple[str, str]]]]) -> tuple[bytes, int]:
    packets: list[bytes] = []
    size_bytes = 0
    while size_bytes < BURST_BYTES and len(packets) < 60_000:
        topic, payload, properties = messages[len(packets) % len(messages)]
        packets.append(_publish(len(packets) + 1, topic, payload, properties))
        size_bytes += len(packets[-1])
    return b"".join(packets), len(packets)


def _connect(client_id: str) -> bytes:
    body = _text("MQTT") + b"\x05\x02\x00\x3c\x00" + _text(client_id)
    return b"\x10" + _length(len(body)) + body


def _publish(number: int, topic: str, payload: bytes, properties: Sequence[tuple[str, str]]) -> bytes:
    pairs = b"".join(b"\x26" + _text(name) + _text(value) for name, value in properties)
    body = _text(topic) + struct.pack(">H", number) + _length(len(pairs)) + pairs + payload
    return b"\x32" + _length(len(body)) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _length(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)

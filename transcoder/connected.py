"""An inspector behind a socket (bodydock-inspect.socket): systemd starts one process for each connection.

- The same lines as through a child's pipes; to end it, the connection is closed: an idle inspector then
  ends at the end of its input, one at work by SIGIO (transcoder.inspector).
- Its pid, needed to watch its memory, comes from the kernel with what it sends (SCM_CREDENTIALS), never from
  its own words; SO_PEERCRED would name systemd, which listens.
- Why it ended is in the journal of its unit: the connection does not tell.
"""

import queue
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from transcoder.errors import InspectorFailed

_MAX_LINE_BYTES = 256 << 20
_PART_BYTES = 1 << 16
_PATIENCE_S = 10
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class ConnectedInspector:
    """A connection to an inspector.  A context manager: leaving it ends the inspector."""

    def __init__(self, path: Path) -> None:
        """Connect.  Raises InspectorFailed."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            # An inspector that does not even read must not hold up its asker for ever.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE_S, 0))
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise InspectorFailed(
                f"no inspector at {path}: {error.strerror or error}; is bodydock-inspect.socket started?"
            ) from error
        self.lines: queue.Queue[bytes | None] = queue.Queue(maxsize=64)  # None: the connection ended
        self._pid: int | None = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read_lines, name="inspector-in", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int | None:
        """The process that answers; None until it has said something."""
        return self._pid

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def ended_how(self) -> str:
        return "connection closed; the journal of bodydock-inspect@ says why"

    def send(self, line: str) -> bool:
        """Write one line; False when nobody listens."""
        try:
            self._socket.sendall(line.encode("ascii") + b"\n")
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it at once: the kernel signals it that we have gone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        while self._reader.is_alive():
            with suppress(queue.Empty):
                self.lines.get(timeout=0.05)  # a full queue would keep the reader from seeing the end
        self._socket.close()

    def close(self) -> None:
        """Between two requests there is no difference: it reads the end of its input and ends."""
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_lines(self) -> None:
        begun = bytearray()
        with suppress(OSError):  # reset: ended like any other
            while part := self._receive():
                *whole, rest = part.split(b"\n")
                for line in whole:
                    self.lines.put(bytes(begun) + line + b"\n")
                    begun.clear()
                begun += rest
                if len(begun) > _MAX_LINE_BYTES:
                    break
        self._ended.set()
        self.lines.put(None)

    def _receive(self) -> bytes:
        part, extras, _, _ = self._socket.recvmsg(_PART_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
        for level, kind, data in extras:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                self._pid = _CREDENTIALS.unpack(data)[0] or None  # 0: out of our sight
        return part

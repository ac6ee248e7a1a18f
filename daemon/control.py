"""The control socket: JSON lines, one request a line, one answer a line (architecture.md).

Request `{"verb": ..., "args": {...}}`; answer `{"ok": true, "data": ...}` or
`{"ok": false, "error": ..., "kind": ...}`, of an act that is refused with its `code`.  Who asks is told by
SO_PEERCRED, never by the message.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.errors import DaemonError, Declined, NotRunning

_LOG = logging.getLogger(__name__)
_LINE_BYTES = 64 * 1024
_CLIENTS = 16
_OF_ONE_USER = 8  # of them: nobody keeps the others from holding or tagging
_PATIENCE_S = 10.0
_AFTER_FAULT_S = 0.2
# Codes of acts that say nothing of the rules: a slip in the asking, or nothing there (yet).
_ASKED_WRONGLY = ("args", "shape", "hours", "unknown", "gone", "later")
_FULL = b'{"ok": false, "kind": "busy", "error": "too many ask at once: try again"}\n'
_BUG = b'{"ok": false, "kind": "bug", "error": "the dock failed to answer; its journal says why"}'


@dataclass(frozen=True)
class Asker:
    """Who is on the other end of the socket."""

    pid: int
    uid: int


Handler = Callable[[Asker, dict[str, Any]], Any]


class ControlServer(threading.Thread):
    """Answers on the socket.

    Bounded: a client too many, in all or of one user, is turned away; one whose request is not there in time,
    however it trickles, is let go.
    """

    def __init__(self, path: Path, handlers: Mapping[str, Handler], release: Callable[[], None]) -> None:
        """`release` lets go of what a handler keeps for its thread, when that thread ends."""
        super().__init__(name="control", daemon=True)
        self._release = release
        self._path = path
        self._handlers = handlers
        self._closing = False
        self._lock = threading.Lock()
        self._clients: Counter[int] = Counter()  # by user
        self._turned_away: Counter[int] = Counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o660)
        self._socket.listen(_CLIENTS)

    def run(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError as error:
                if self._closing:
                    return
                _LOG.warning("control socket: %s", error)  # too many open files, a client that left: passes
                time.sleep(_AFTER_FAULT_S)
                continue
            try:
                asker = _asker(client)
            except OSError:  # it left
                client.close()
                continue
            if not self._let_in(asker.uid):
                with client, contextlib.suppress(OSError):
                    client.sendall(_FULL)
                continue
            args = (client, asker)
            threading.Thread(target=self._serve, args=args, name="control-client", daemon=True).start()

    def _let_in(self, uid: int) -> bool:
        with self._lock:
            if self._clients.total() < _CLIENTS and self._clients[uid] < _OF_ONE_USER:
                self._clients[uid] += 1
                return True
            self._turned_away[uid] += 1
            count = self._turned_away[uid]
        if count & (count - 1) == 0:  # 1, 2, 4, 8 ...
            _LOG.warning("control socket: user %d asks too much at once, turned away %d times", uid, count)
        return False

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _serve(self, client: socket.socket, asker: Asker) -> None:
        try:
            with client:
                lines = _Lines(client)
                while line := lines.next():
                    client.settimeout(_PATIENCE_S)
                    client.sendall(self._answer(asker, line) + b"\n")
                    if len(line) >= _LINE_BYTES and not line.endswith(b"\n"):
                        return  # what follows is no line of its own
        except OSError:
            pass  # the client went away, or let us wait
        finally:
            self._release()
            with self._lock:
                self._clients[asker.uid] -= 1

    def _answer(self, asker: Asker, line: bytes) -> bytes:
        try:
            return json.dumps(self._judged(asker, line)).encode()
        except Exception:  # noqa: BLE001 - a bug in one handler is an answer, not an end
            _LOG.exception("a control verb failed")
            return _BUG

    def _judged(self, asker: Asker, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb, args = request["verb"], request.get("args", {})
            handler = self._handlers[verb]
            if not isinstance(args, dict):
                raise TypeError("args is no object")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"ok": False, "kind": "request", "error": "no request this dock understands"}
        try:
            return {"ok": True, "data": handler(asker, args)}
        except DaemonError as error:
            said = {"ok": False, "kind": type(error).__name__, "error": str(error)}
            return said | ({"code": error.code} if error.code else {})


class _Lines:
    """The lines of a client, each within `_PATIENCE_S` as a whole."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._kept = b""

    def next(self) -> bytes:
        """Return the next line, at most `_LINE_BYTES` of it; empty at the end.  Raises OSError: too slow."""
        ends = time.monotonic() + _PATIENCE_S
        while b"\n" not in self._kept and len(self._kept) < _LINE_BYTES:
            self._client.settimeout(max(0.001, ends - time.monotonic()))
            got = self._client.recv(_LINE_BYTES)
            if not got:
                break
            self._kept += got
        end = self._kept.find(b"\n") + 1 or len(self._kept)
        end = min(end, _LINE_BYTES)
        line, self._kept = self._kept[:end], self._kept[end:]
        return line


def ask(path: Path, verb: str, **args: Any) -> Any:
    """Ask the daemon.

    Raises NotRunning, Declined; DaemonError for anything else that it answers: all with its own words.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_PATIENCE_S)
            client.connect(str(path))
            # A daemon that has too many clients answers and closes before it is asked.
            with contextlib.suppress(BrokenPipeError):
                client.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise NotRunning(
            f"nobody answers on {path} ({error.strerror or error}): is `bodydock run` up?"
        ) from None
    if not line:
        raise NotRunning(f"the daemon behind {path} went away")
    try:
        answer = json.loads(line)
    except ValueError:
        raise DaemonError(f"what answers on {path} does not speak as bodydock does") from None
    if not answer["ok"]:
        declined = answer.get("code", "") not in ("", *_ASKED_WRONGLY)
        raise (Declined if declined else DaemonError)(answer["error"])
    return answer["data"]


def _asker(client: socket.socket) -> Asker:
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", raw)
    return Asker(pid, uid)

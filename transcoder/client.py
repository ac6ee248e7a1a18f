"""The daemon's side of the inspector: asks, watches, kills, and always comes back with a report.

- A file can crash, hang or swell its inspector; that costs the file a `file.limits` finding (not checked,
  with what happened), never an exception and never `file.unreadable`.
- Several files in one request are asked together; if that fails they are asked one by one, so that one bad
  file costs one file.
- Time (scaled with size) and resident memory are watched from outside.
- Idle for `idle_s`, the child is ended: the speech model is not kept in memory for nothing.
- Not for two requests at a time: a lock makes the second wait.
- The inspector is a child of ours, or where `socket` is given whoever systemd starts behind it.
- One that ends twice before it began is no file's doing: InspectorFailed, to be tried again later.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from transcoder.child import Child, inspector_command
from transcoder.connected import ConnectedInspector
from transcoder.errors import BadRequest, BadRules, InspectorFailed
from transcoder.memory import resident_bytes
from transcoder.report import Depth, Report
from transcoder.request import Failed, InspectItem, InspectRequest
from transcoder.rules import load_rules

Progress = Callable[[int, float], None]

_LOOK_EVERY_S = 0.1
_BASE_LIMIT_S = 60.0
_SLOWEST_BYTES_PER_S = 1 << 20  # a busy single-board computer hashing, decoding and listening
_DEEP_SLOWER = 4  # every frame of low-rate footage there


class Process(Protocol):
    """An inspector that runs: a child's pipes or a connection."""

    lines: queue.Queue[bytes | None]

    @property
    def pid(self) -> int | None: ...

    @property
    def alive(self) -> bool: ...

    def ended_how(self) -> str: ...

    def send(self, line: str) -> bool: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


class _Stopped(Exception):
    """The child did not answer."""

    def __init__(self, limit: str, reason: str, reason_zh: str) -> None:
        super().__init__(reason)
        self.failed = Failed(limit, reason, reason_zh)


class Inspector:
    """Inspections in a process of their own.

    Memory limits are resident bytes; `idle_s` is how long an idle child is kept.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = 300 << 20,
        speech_memory_bytes: int = 700 << 20,
        idle_s: float = 60.0,
        command: tuple[str, ...] | None = None,
        socket: Path | None = None,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._speech_memory_bytes = speech_memory_bytes
        self._idle_s = idle_s
        self._command = command or inspector_command()
        self._socket = socket
        self._child: Process | None = None
        self._with_speech = False
        self._begun = False  # the child has said that it works on the request
        self._lock = threading.RLock()
        self._idle: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none, or it has not answered yet."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        """Inspect; always a report for every item.

        `deadline_s` replaces the time limit that is worked out from the sizes.  Raises BadRules for a rule
        set that cannot be used, BadRequest for a bug of ours, InspectorFailed when no child can be started.
        """
        load_rules(request.rules)  # said before anything is started
        with self._lock:
            self._stop_timer()
            try:
                return self._ask_all(request, progress, deadline_s)
            finally:
                self._start_timer()

    def _ask_all(
        self, request: InspectRequest, progress: Progress | None, deadline_s: float | None
    ) -> Report:
        try:
            return self._ask_twice(request, progress, deadline_s)
        except _Stopped as stopped:
            if len(request.items) == 1:
                return _without(request, {0: stopped.failed})
        lost: dict[int, Failed] = {}
        for index, item in enumerate(request.items):
            try:
                self._ask_twice(replace(request, items=(item,)), None, deadline_s)
            except _Stopped as stopped:
                lost[index] = stopped.failed
        try:
            return self._ask(_marked(request, lost), progress, deadline_s)
        except _Stopped as stopped:  # only together, then: nobody can say which
            return _without(request, dict.fromkeys(range(len(request.items)), stopped.failed))

    def _ask_twice(
        self, request: InspectRequest, progress: Progress | None, deadline_s: float | None
    ) -> Report:
        """A child that died before it began (killed while idle) is no fault of the files: once more."""
        try:
            return self._ask(request, progress, deadline_s)
        except _Stopped:
            if self._begun:
                raise
        try:
            return self._ask(request, progress, deadline_s)
        except _Stopped as stopped:
            if self._begun or stopped.failed.limit != "crash":
                raise
            raise InspectorFailed(f"the inspector does not start: {stopped}") from stopped

    def _ask(self, request: InspectRequest, progress: Progress | None, deadline_s: float | None) -> Report:
        child = self._ready()
        self._begun = False
        limit_s = deadline_s if deadline_s is not None else time_limit_s(request)
        self._with_speech = self._with_speech or request.speech_model is not None
        limit_bytes = self._speech_memory_bytes if self._with_speech else self._memory_bytes
        if not child.send(request.to_json()):
            self._drop(kill=True)
            raise _Stopped("crash", f"inspector ended ({child.ended_how()})", "检查程序意外退出")
        ends = time.monotonic() + limit_s
        while True:
            message = self._next(child, ends, limit_s, limit_bytes)
            self._begun = True
            if "progress" in message:
                if progress is not None:
                    progress(*message["progress"])
            elif "report" in message:
                return Report.from_bytes(message["report"].encode())
            else:
                kind = BadRules if message.get("kind") == "BadRules" else BadRequest
                raise kind(str(message.get("error")))

    def _next(self, child: Process, ends: float, limit_s: float, limit_bytes: int) -> dict[str, Any]:
        while True:
            try:
                line = child.lines.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._watch(child, ends, limit_s, limit_bytes)
                continue
            if line is None:
                how = child.ended_how()
                self._drop(kill=True)
                raise _Stopped("crash", f"inspector ended ({how})", "检查程序意外退出")
            self._watch(child, ends, limit_s, limit_bytes)
            try:
                return dict(json.loads(line))
            except ValueError as error:
                self._drop(kill=True)
                raise _Stopped("crash", "inspector spoke nonsense", "检查程序出错") from error

    def _watch(self, child: Process, ends: float, limit_s: float, limit_bytes: int) -> None:
        pid = child.pid
        used = resident_bytes(pid) if pid is not None else None
        if used is not None and used > limit_bytes:
            self._drop(kill=True)
            megabytes = limit_bytes >> 20
            raise _Stopped(
                "memory", f"more than {megabytes} MB of memory needed", f"所需内存超过 {megabytes} MB"
            )
        if time.monotonic() > ends:
            self._drop(kill=True)
            raise _Stopped("time", f"not finished within {limit_s:.0f} s", f"{limit_s:.0f} 秒内未完成")

    def _ready(self) -> Process:
        if self._child is not None and not self._child.alive:
            self._drop(kill=True)
        if self._child is None:
            self._child = ConnectedInspector(self._socket) if self._socket else Child(self._command)
            self._with_speech = False
        return self._child

    def _drop(self, *, kill: bool) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill() if kill else child.close()

    def _start_timer(self) -> None:
        if self._child is not None:
            self._idle = threading.Timer(self._idle_s, self._end_idle)
            self._idle.daemon = True
            self._idle.start()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end_idle(self) -> None:
        if self._lock.acquire(blocking=False):  # busy is not idle
            try:
                self._drop(kill=False)
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the child; a later request starts another."""
        with self._lock:
            self._stop_timer()
            self._drop(kill=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def time_limit_s(request: InspectRequest) -> float:
    """How long a request may take: a base per file, more for its size, more where it is listened to."""
    speech = request.speech_limit_s if request.speech_model and request.depth is not Depth.FAST else 0.0
    slowest = _SLOWEST_BYTES_PER_S / (_DEEP_SLOWER if request.depth is Depth.DEEP else 1)
    return sum(_BASE_LIMIT_S + speech + _size(item) / slowest for item in request.items)


def _marked(request: InspectRequest, lost: Mapping[int, Failed]) -> InspectRequest:
    items = tuple(replace(item, failed=lost.get(n, item.failed)) for n, item in enumerate(request.items))
    return replace(request, items=items)


def _without(request: InspectRequest, lost: Mapping[int, Failed]) -> Report:
    """The report of a request of which every file is lost: made here, since it opens none."""
    from transcoder.engine import inspect  # brings in PyAV

    return inspect(_marked(request, lost))


def _size(item: InspectItem) -> int:
    try:
        return item.path.stat().st_size
    except OSError:
        return 0


__all__ = ["BadRequest", "BadRules", "Inspector", "InspectorFailed", "time_limit_s"]

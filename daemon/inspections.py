"""The workers that have recordings inspected: one that sending waits for, and one thorough one to a core.

A thorough worker inspects one recording at a time in a process of its own; which shift is whose, they agree
among themselves (`stages.claims`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from daemon.feeding import FedInspector
from daemon.heartbeat import Heartbeats
from daemon.parts import Parts
from daemon.rulebook import RuleBook
from daemon.stages.claims import Claims
from daemon.stages.deep import DeepStage
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import RequestMaker
from daemon.stages.rejudging import RejudgeStage
from daemon.stages.retag import RetagStage
from daemon.stages.standard import StandardStage
from daemon.stages.told import ToldStage
from daemon.stages.tools import StageTools
from daemon.tagrules import TagRules
from daemon.worker import Stage, Worker
from transcoder.client import Inspector
from uplink.keys import KeyRing

_PIPELINE_LIMIT_S = 120.0
_THOROUGH_LIMIT_S = 120.0  # beside inspections, which feed it themselves
_BYTES_EACH = 1 << 30  # an inspector with its speech model, and what decoding needs


class Inspections:
    """All inspecting workers and the inspectors that are theirs."""

    def __init__(
        self,
        parts: Parts,
        rules: TagRules,
        busy: Callable[[], bool],
        beats: Heartbeats,
        stop: threading.Event,
        did: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._rules = rules
        self._busy = busy
        self._stop = stop
        self._did = did
        self._maker = RequestMaker(parts.vault, parts.settings.inspection, parts.settings.dock.time_zone)
        self._claims = Claims()
        said = parts.settings.inspection.workers
        count = said if said is not None else workers_for(_cores(), _memory_bytes())
        self._inspected_by = [self._pipeline(beats)]
        self._inspected_by += [self._thorough(number, beats) for number in range(1, count + 1)]
        self.workers = [worker for worker, _ in self._inspected_by]

    def wake(self) -> None:
        """There may be work."""
        for worker in self.workers:
            worker.wake()

    def close(self) -> None:
        """End the inspectors' processes."""
        for worker, inspector in self._inspected_by:
            if not worker.is_alive():  # else it inspects, and closing would wait for it; it ends with us
                inspector.close()

    def _pipeline(self, beats: Heartbeats) -> tuple[Worker, Inspector]:
        parts, beat = self._parts, beats.register("pipeline", _PIPELINE_LIMIT_S)
        inspector = self._inspector()
        stages: list[Stage] = [
            FirstStage(self._tools(inspector, beat)),
            RetagStage(parts.store, parts.custody, self._rules),
            RejudgeStage(parts.store, parts.custody, RuleBook(parts.store, parts.settings.inspection.rules)),
            ToldStage(parts.store, parts.custody),
            parts.counters,
        ]
        return self._worker("pipeline", stages, beat), inspector

    def _thorough(self, number: int, beats: Heartbeats) -> tuple[Worker, Inspector]:
        name = f"thorough-{number}"
        beat = beats.register(name, _THOROUGH_LIMIT_S)
        inspector = self._inspector()
        tools = self._tools(inspector, beat)
        stages: list[Stage] = [StandardStage(tools, self._claims)]
        if number == 1:  # it takes long, and the standard inspection shall not wait for all of them
            share = self._parts.settings.inspection.deep_share
            stages.append(DeepStage(tools, share, self._busy))
        return self._worker(name, stages, beat), inspector

    def _inspector(self) -> Inspector:
        return Inspector(socket=self._parts.settings.inspection.socket)

    def _worker(self, name: str, stages: Sequence[Stage], beat: Callable[[], None]) -> Worker:
        return Worker(name, stages, self._stop, beat, self._did)

    def _tools(self, inspector: Inspector, beat: Callable[[], None]) -> StageTools:
        parts, platform = self._parts, self._parts.settings.platform
        return StageTools(
            store=parts.store,
            custody=parts.custody,
            maker=self._maker,
            inspector=FedInspector(inspector, beat),
            profiles=parts.profiles,
            rules=self._rules,
            ring=KeyRing(platform.kept_records()) if platform else None,
        )


def workers_for(cores: int, memory_bytes: int) -> int:
    """How many thorough inspections a machine carries at a time: one to a core, if there is memory for it."""
    return max(1, min(cores, memory_bytes // _BYTES_EACH))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

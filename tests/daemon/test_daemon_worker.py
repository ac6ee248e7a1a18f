"""Workers: each stage has its turn, a bug costs a turn, they sleep while idle and wake when told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from daemon import worker as worker_module
from daemon.worker import Worker

WAIT_S = 10.0


class Scripted:
    """A stage that does as it is told, step by step, then has nothing to do."""

    def __init__(self, *steps: bool | Exception) -> None:
        self.steps = list(steps)
        self.idle = threading.Event()
        self.done = 0

    def step(self) -> bool:
        if not self.steps:
            self.idle.set()
            return False
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        self.done += step
        return step


def started(*stages: Scripted, did: Callable[[], None] = lambda: None) -> tuple[Worker, threading.Event]:
    stop = threading.Event()
    made = Worker("test", stages, stop, lambda: None, did)
    made.start()
    return made, stop


def end(made: Worker, stop: threading.Event) -> None:
    stop.set()
    made.wake()
    made.join(WAIT_S)
    assert not made.is_alive()


def test_a_stage_with_much_work_does_not_starve_the_next() -> None:
    order: list[str] = []

    class Noting(Scripted):
        def step(self) -> bool:
            order.append("second")
            return super().step()

    class First(Scripted):
        def step(self) -> bool:
            order.append("first")
            return super().step()

    first, second = First(*[True] * 3), Noting(True)
    made, stop = started(first, second)
    assert first.idle.wait(WAIT_S)
    end(made, stop)
    assert order[:4] == ["first", "second", "first", "second"]
    assert (first.done, second.done) == (3, 1)


def test_a_bug_costs_a_turn_and_never_the_thread_b17(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_AFTER_BUG_S", 0.01)
    stage = Scripted(RuntimeError("a bug"), True, OSError("disk full"), True)
    worked: list[int] = []
    made, stop = started(stage, did=lambda: worked.append(1))
    assert stage.idle.wait(WAIT_S)
    end(made, stop)
    assert (stage.done, len(worked)) == (2, 2)


def test_it_sleeps_until_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_IDLE_S", 3600.0)
    stage = Scripted()
    made, stop = started(stage)
    assert stage.idle.wait(WAIT_S)
    stage.idle.clear()
    stage.steps.append(True)
    made.wake()
    assert stage.idle.wait(WAIT_S)
    end(made, stop)
    assert stage.done == 1

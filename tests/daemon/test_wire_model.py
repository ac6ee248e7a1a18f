"""Sender, broker and receiver as a model: whatever is lost, doubled, reordered or restarted on the way.

The end is the right bytes and a valid receipt for the newest revision.  (Where the platform has a ground to
refuse, it says it: tests/center/test_receiver_refuses.py; here it has none.)

Real link, desk and store; real receiver, catalogue and blobs.  BODYDOCK_EXAMPLES makes it larger
(`script/soak`); BODYDOCK_SHRINK looks for a shorter way to a failure, which takes minutes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.daemon.wire_between import Ends
from uplink import delivery
from uplink.messages import Receipt

EXAMPLES = int(os.environ.get("BODYDOCK_EXAMPLES", "15"))
PLACES = st.integers(0, 5)
SIZES = st.sampled_from([0, 1, 20_000, 300_000, 1_200_000])


class Wire(RuleBasedStateMachine):
    """One dock and one center."""

    @initialize(sizes=st.lists(SIZES, min_size=1, max_size=3), rounds=st.integers(0, 12))
    def begin(self, sizes: list[int], rounds: int) -> None:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="bodydock-wire-", dir=memory))
        self.ends = Ends(self.folder)
        self.ends.connect_center()
        self.ends.between.connect()
        self.made = 0
        for size in sizes:
            self.a_recording_comes(size)
        for _ in range(rounds):
            self.ends.all_moves()

    # What there is to send

    @rule(size=SIZES)
    def a_recording_comes(self, size: int) -> None:
        self.made += 1
        self.ends.take_bytes(f"{self.made}.mp4", bytes([self.made % 251]) * size)

    @precondition(lambda self: self.ends.contents)
    @rule(which=PLACES, hold=st.booleans())
    def a_fact_comes(self, which: int, hold: bool) -> None:
        recording = self._recording(which)
        self.made += 1
        if hold:
            self.ends.hold(recording)
        else:
            self.ends.put_in_case(recording, f"c{self.made}")
        self.ends.link.wake()

    # What moves

    @rule(times=st.integers(1, 4))
    def dock_works(self, times: int) -> None:
        for _ in range(times):
            self.ends.dock_turns()

    @rule()
    def center_works(self) -> None:
        self.ends.center_turns()

    @rule(rounds=st.integers(1, 6))
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.ends.all_moves()

    @rule(seconds=st.sampled_from([0.05, 1.0, 12.0, 70.0, 400.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.ends.pass_time(seconds)

    @precondition(lambda self: self.ends.between.up and self.ends.between.center_online)
    @rule(at=PLACES, count=st.integers(1, 8), twice=st.booleans())
    def some_arrive(self, at: int, count: int, twice: bool) -> None:
        up = self.ends.between.up
        at %= len(up)
        taken = up[at : at + count]
        if not twice:
            del up[at : at + count]
        for _, message in taken:
            self.ends.center_hears(message)

    @precondition(lambda self: self.ends.between.down)
    @rule(at=PLACES, count=st.integers(1, 8), twice=st.booleans())
    def some_answers_arrive(self, at: int, count: int, twice: bool) -> None:
        down = self.ends.between.down
        at %= len(down)
        taken = down[at : at + count]
        if not twice:
            del down[at : at + count]
        for message in taken:
            self.ends.between.tell(message)

    # What goes wrong

    @rule(at=PLACES, up=st.booleans())
    def one_is_lost(self, at: int, up: bool) -> None:
        way: list[object] = self.ends.between.up if up else self.ends.between.down  # type: ignore[assignment]
        if way:
            way.pop(at % len(way))

    @rule(up=st.booleans())
    def they_turn_around(self, up: bool) -> None:
        way: list[object] = self.ends.between.up if up else self.ends.between.down  # type: ignore[assignment]
        way.reverse()

    @rule(swallowing=st.booleans())
    def pubacks_are_swallowed(self, swallowing: bool) -> None:
        self.ends.between.swallowing = swallowing

    @rule(size=st.sampled_from([8_000, 30_000, 100_000, 1_000_000]), at_once=st.booleans())
    def maximum_packet_size_changes(self, size: int, at_once: bool) -> None:
        self.ends.between.next_packet_bytes = size
        if at_once:
            self.ends.between.cut()
            self.ends.between.connect()

    @rule()
    def connection_is_cut(self) -> None:
        self.ends.between.cut()

    @rule()
    def dock_connects(self) -> None:
        self.ends.between.connect()

    @rule()
    def broker_is_restarted(self) -> None:
        self.ends.between.restart()

    @rule()
    def dock_is_killed(self) -> None:
        self.ends.kill_dock()

    @rule()
    def center_is_restarted(self) -> None:
        self.ends.restart_center()

    @rule()
    def center_connects(self) -> None:
        self.ends.connect_center()

    # The end

    def teardown(self) -> None:
        if not hasattr(self, "ends"):
            return
        try:
            self._come_to_rest()
            self._check()
            for which in range(len(self.ends.contents)):  # a fact after everything
                self.a_fact_comes(which, hold=True)
            self._come_to_rest()
            self._check()
        finally:
            self.ends.close()
            shutil.rmtree(self.folder)

    def _come_to_rest(self) -> None:
        ends = self.ends
        ends.between.swallowing = False
        ends.between.connect()
        ends.connect_center()
        step_s = 0.2
        for _ in range(400):
            ends.all_moves()
            if not ends.unsettled() and not ends.unheld_events():
                return
            ends.pass_time(step_s)
            step_s = min(step_s * 1.2, 60.0)

    def _check(self) -> None:
        ends = self.ends
        # Nothing here is a ground to refuse for good, so that delivered is the only right end.
        assert {recording: ends.reason(recording) for recording in ends.unsettled()} == {}
        for recording, content in ends.contents.items():
            held = ends.newest_there(recording)
            assert held is not None
            assert (ends.bench.folder.blob(held.sha256)).read_bytes() == content
            self._check_receipt(recording)
        assert ends.unheld_events() == []
        assert ends.flaws() == []

    def _check_receipt(self, recording: str) -> None:
        store = self.ends.dock.store
        facts = self.ends.desk._receipts.facts(recording)
        assert facts is not None
        newest = store.value("SELECT revision FROM recordings WHERE recording = ?", (recording,))
        rows = store.rows("SELECT raw FROM receipts WHERE recording = ? AND voided = 0", (recording,))
        found = [delivery.check_receipt(row["raw"], self.ends.bench.keys.ring(), facts)[1] for row in rows]
        assert newest in [receipt.revision for receipt in found if isinstance(receipt, Receipt)]

    def _recording(self, which: int) -> str:
        names = list(self.ends.contents)
        return names[which % len(names)]


TestWire = Wire.TestCase
TestWire.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[phase for phase in Phase if phase is not Phase.shrink or "BODYDOCK_SHRINK" in os.environ],
)

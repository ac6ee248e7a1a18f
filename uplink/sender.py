"""Sending one file, as the dock sees it: pure; what to do next, and what an answer changes.

Rules (mqtt.md, Files; trust.md, Ids and payloads):

- `init` is answered with the ranges held durably; only what is missing is sent; when all of it is
  credited, `fin`; `complete` is not delivered: only the receipt is.
- Answers to `init` and `fin` carry their nonce; one with another nonce is old and ignored.  Credit
  carries none.  What else carries none (an error on a segment) is a hint to ask again, no more.
- The highest lease wins.  Ranges belong to one lease: a higher one starts again with `init`, a lower
  one is ignored, two are never joined, and a shrinking one is believed.
- Never more than a window un-credited.  So after a cut or a kill at most a window goes twice.
- Silence for 10 s, doubling to 5 min: `init` again, after `fin` `fin`.
- Nothing here is signed: the worst that a false answer can do is to make bytes go again.  What does not get
  on, or was sent more than twice, gives way to other files, and is tried again later.
"""

from __future__ import annotations

from collections.abc import Callable

from uplink.messages.transfer import MAX_RANGES, FileAnswer, FileFin, FileInit
from uplink.ranges import Ranges
from uplink.steps import Action, Ended, FileFacts, Fin, Init, Outcome, Segment, Step, Wait
from uplink.window import LARGEST_WINDOW_BYTES, Patience, Rate, segment_bytes, window_bytes

# A receiver that keeps saying `missing` or `unknown` must not make a dock send for ever.
MAX_ROUNDS = 8
# Receipts may be held back for reasons of their own (a missing manifest, a fork): others go on.
RECEIPT_TRIES = 2
MAX_REFUSED_INITS = 4
# Somebody may keep what is sent from counting: so many rounds with next to nothing of it credited.
MAX_STANDSTILLS = 4
STANDSTILL_BYTES = 64 * 1024
SPARE_BYTES = 8 * LARGEST_WINDOW_BYTES  # beyond twice the file: what cuts cost, at most a window each
# After so many silences the highest lease seen is forgotten: a false one must not deafen the dock.
DEAF_AFTER = 3
# Heads come up to ten times a second: what was asked just now need not be asked again.
NUDGE_S = 1.0


class Transfer:
    """One attempt to send one file.

    `action` says what is due; when it has been published, `sent` is told.  `draw_nonce` returns 32 hex
    digits, `jitter` 0 to 1, `lease` the highest lease seen before.
    """

    def __init__(
        self, facts: FileFacts, *, draw_nonce: Callable[[], str], jitter: Callable[[], float], lease: int = 0
    ) -> None:
        self.facts = facts
        self.lease = lease
        self.step = Step.OFFLINE
        self.durable = Ranges()
        self.bytes_sent = 0
        self.bytes_resent = 0
        self.wants_manifest = False  # the receiver does not know this recording: send its revisions
        self.why = "waiting for the connection"
        self._sent = Ranges()  # sent or durable, since the last answer to init
        self._ever_sent = Ranges()
        self._in_flight_bytes = 0
        self._nonce: str | None = None
        self._asked_at: float | None = None  # None too where init was repeated: then nothing is measured
        self._round_trip_s: float | None = None
        self._patience = Patience(jitter)
        self._draw_nonce = draw_nonce
        self._spoke_at = 0.0
        self._unheard = False
        self._rounds = 0
        self._refused_inits = 0
        self._standstills = 0
        self._arrived_bytes = 0  # of what was sent, since the last answer to init
        self._first_answer = True
        self._ended: Ended | None = None
        self._rate = Rate()

    # What the link tells

    def connected(self, now: float) -> None:
        """Start, or go on after a cut: what was asked before is asked again, under a new nonce."""
        finishing = self.step in (Step.FINISHING, Step.VERIFYING, Step.COMPLETE)
        self._standstills = 0
        if self.step is not Step.ENDED:
            self._go(Step.FINISHING if finishing else Step.ASKING, now)

    def disconnected(self) -> None:
        """The connection is gone: what was on the way may or may not have arrived."""
        if self.step in (Step.ASKING, Step.SENDING):
            self.step = Step.OFFLINE
        self._rate.clear()
        self.why = "waiting for the connection"

    def nudge(self, now: float, *, anew: bool = False) -> None:
        """A receiver showed itself: what silence had slowed down is done now.

        `anew`: it began just now, so what is asked may not have reached it at all.
        """
        asks = self.step in (Step.ASKING, Step.FINISHING)
        silent = asks and (anew or self._patience.ran_out > 1)
        if self._unheard or silent:
            self._unheard = False
            self._patience.reset(now)
            self._patience.due_at = max(now, self._spoke_at + NUDGE_S)

    def nobody(self, now: float) -> None:
        """The broker refused what was published, or passed it on to nobody: it is not sent (D19)."""
        if self.step is Step.SENDING:
            self._go(Step.ASKING, now)
            self._patience.start(now)
        self._unheard = True
        self.why = "no receiver at the broker"

    def receipted(self) -> None:
        """A receipt for the recording was taken."""
        self._end(Outcome.DELIVERED, "receipt")

    def give_up(self, reason: str, outcome: Outcome = Outcome.AGAIN) -> None:
        """End for a reason of the dock's own (the file cannot be read, the platform refused it)."""
        self._end(outcome, reason)

    def action(self, now: float, max_packet_bytes: int) -> Action:
        """Return what is to be done now."""
        if self._ended is not None:
            return self._ended
        if self.step is Step.SENDING:
            return self._send(now, max_packet_bytes)
        if self.step is Step.OFFLINE:
            return Wait(None)
        if now < self._patience.due_at:
            return Wait(self._patience.due_at)
        if self._patience.ran_out >= DEAF_AFTER:
            self.lease = 0
        if self.step is Step.ASKING:
            return self._init()
        if self.step is Step.COMPLETE and self._patience.ran_out >= RECEIPT_TRIES:
            return self._end(Outcome.AGAIN, "the platform has all bytes, but no receipt came")
        return Fin(FileFin(nonce=self._the_nonce()))

    def sent(self, action: Init | Segment | Fin, now: float) -> None:
        """Note that `action` was published."""
        if isinstance(action, Segment):
            self._note_segment(action, now)
            return
        first = self._patience.ran_out == 0
        self._asked_at = now if first and isinstance(action, Init) else None
        self._spoke_at = now
        self._patience.start(now)
        if not first:
            self.why = "no answer from the platform"

    def take(self, answer: FileAnswer, now: float) -> None:
        """Take an answer for this file_id.  Raises Refused (`ranges`)."""
        if self.step in (Step.OFFLINE, Step.ENDED):
            return
        ranges = Ranges.checked(answer.ranges, self.facts.size_bytes, MAX_RANGES)
        if answer.lease < self.lease:
            return
        self._unheard = False
        if answer.nonce is None:
            self._take_credit(answer, ranges, now)
        elif answer.nonce == self._nonce:
            self.lease = answer.lease
            self._take_answer(answer, ranges, now)

    # What people want to know

    @property
    def in_flight_bytes(self) -> int:
        return self._in_flight_bytes

    @property
    def window_bytes(self) -> int:
        return window_bytes(self._round_trip_s)

    @property
    def durable_bytes(self) -> int:
        return self.durable.total

    @property
    def rate_bytes_per_s(self) -> float | None:
        return self._rate.bytes_per_s

    @property
    def time_left_s(self) -> float | None:
        rate = self._rate.bytes_per_s
        return (self.facts.size_bytes - self.durable_bytes) / rate if rate else None

    # Inside

    def _init(self) -> Init:
        facts = self.facts
        return Init(
            FileInit(
                name=facts.name,
                recording=facts.recording,
                attempt=facts.attempt,
                size=facts.size_bytes,
                sha256=facts.sha256,
                manifest=facts.manifest,
                nonce=self._the_nonce(),
            )
        )

    def _the_nonce(self) -> str:
        # Repeated with one nonce until answered: else a round trip above the timer is never heard.
        if self._nonce is None:
            self._nonce = self._draw_nonce()
        return self._nonce

    def _send(self, now: float, max_packet_bytes: int) -> Action:
        if self.durable.covers(self.facts.size_bytes):
            self._go(Step.FINISHING, now)
            return Fin(FileFin(nonce=self._the_nonce()))
        if self._in_flight_bytes and now >= self._patience.due_at:
            self._go(Step.ASKING, now)
            self.why = "no answer from the platform"
            return self._init()
        if self._standstills > MAX_STANDSTILLS:
            return self._end(Outcome.AGAIN, "what is sent does not arrive: others go first")
        gap = self._sent.first_gap(0, self.facts.size_bytes)
        if gap is None:
            return Wait(self._patience.due_at)
        length = min(segment_bytes(max_packet_bytes), gap[1] - gap[0])
        if self._in_flight_bytes + length > self.window_bytes:
            return Wait(self._patience.due_at)
        if self.bytes_sent > 2 * self.facts.size_bytes + SPARE_BYTES:
            return self._end(Outcome.AGAIN, "it was sent more than twice: others go first")
        return Segment(gap[0], length)

    def _note_segment(self, segment: Segment, now: float) -> None:
        end = segment.offset + segment.length
        if self._in_flight_bytes == 0:
            self._patience.reset(now)
        self._sent = self._sent.add(segment.offset, end)
        self._in_flight_bytes += segment.length
        self.bytes_sent += segment.length
        fresh = Ranges([(segment.offset, end)]).subtract(self._ever_sent).total
        self.bytes_resent += segment.length - fresh
        self._ever_sent = self._ever_sent.add(segment.offset, end)

    def _take_credit(self, answer: FileAnswer, ranges: Ranges, now: float) -> None:
        if self.step is not Step.SENDING:
            self.lease = max(self.lease, answer.lease)
            return
        if answer.lease > self.lease or answer.status != "ranges":
            self.lease = answer.lease
            self._go(Step.ASKING, now)
            if answer.status in ("full", "error"):
                self.why = answer.text or answer.status
                self._patience.start(now)  # what was refused just now would be again
            return
        if ranges != self.durable:
            waited_for = self._in_flight_bytes
            # What is not held any more goes again, without waiting for a timer.
            dropped = self.durable.subtract(ranges)
            self._hold(ranges, self._sent.union(ranges).subtract(dropped), now)
            arrived = waited_for - self._in_flight_bytes - dropped.total
            self._arrived_bytes += arrived
            if arrived > 0:  # what others make up is no sign of what we sent
                self._patience.reset(now)
                self.why = ""

    def _take_answer(self, answer: FileAnswer, ranges: Ranges, now: float) -> None:
        match answer.status:
            case "checksum" | "conflict":
                self._end(Outcome.NEW_ATTEMPT, answer.status)
            case "full":
                self._end(Outcome.FULL, "the platform has no room")
            case _ if self.step is Step.ASKING:
                self._take_init_answer(answer, ranges, now)
            case _:
                self._take_fin_answer(answer, ranges, now)

    def _take_init_answer(self, answer: FileAnswer, ranges: Ranges, now: float) -> None:
        match answer.status:
            case "ranges" | "missing":
                self._arrived_bytes += self._in_flight_bytes - self._sent.subtract(ranges).total
                self._begin(ranges, now)
            case "complete" | "verifying":
                self._begin(Ranges([(0, self.facts.size_bytes)]), now)  # it has all: go on to fin
            case _:
                self._refused_init(answer, now)

    def _take_fin_answer(self, answer: FileAnswer, ranges: Ranges, now: float) -> None:
        match answer.status:
            case "verifying" if self.step is not Step.COMPLETE:
                self.step = Step.VERIFYING
                self._patience.reset(now)
                self.why = "the platform reads back what it stored"
            case "complete":
                if self.step is not Step.COMPLETE:
                    self._patience.reset(now)
                self.step = Step.COMPLETE
                self.why = "waiting for the receipt"
            case "verifying" | "ranges":
                pass  # a repeated fin, or an answer that no receiver gives to one
            case "missing" if not ranges.covers(self.facts.size_bytes):
                self._round(now)
                if self._ended is None:
                    self._begin(ranges, now)
            case _:
                self._round(now)

    def _begin(self, ranges: Ranges, now: float) -> None:
        """Send what `ranges` lack; whatever was on the way before does not count any more."""
        if self._asked_at is not None:
            self._round_trip_s = now - self._asked_at
        stood_still = not self._first_answer and self._arrived_bytes < STANDSTILL_BYTES
        self._standstills = self._standstills + 1 if stood_still else 0
        self._arrived_bytes = 0
        if self._first_answer:
            # What an earlier run sent and the ranges do not show was lost on the way: it goes again.
            lost = self.facts.sent_before_bytes - ranges.total
            self.bytes_resent += max(0, min(lost, self.facts.size_bytes - ranges.total))
            self._first_answer = False
        self._nonce = None
        self.step = Step.SENDING
        self.why = ""
        self._refused_inits = 0
        self._ever_sent = self._ever_sent.union(ranges)
        self._hold(ranges, ranges, now)
        self._patience.reset(now)

    def _hold(self, durable: Ranges, sent: Ranges, now: float) -> None:
        self.durable = durable
        self._sent = sent
        self._in_flight_bytes = sent.subtract(durable).total
        self._rate.note(now, durable.total)

    def _refused_init(self, answer: FileAnswer, now: float) -> None:
        self.wants_manifest = True
        self.why = answer.text or "the platform does not know this recording yet"
        self._refused_inits += 1
        self._nonce = None
        if self._refused_inits >= MAX_REFUSED_INITS:
            self._end(Outcome.AGAIN, self.why)
        elif self._refused_inits > 1:  # the first time at once: its manifest goes before it
            self._patience.start(now)
        else:
            self._patience.expire()

    def _round(self, now: float) -> None:
        """Ask again from the beginning, not for ever."""
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            self._end(Outcome.AGAIN, "the platform keeps asking for what it had")
        else:
            self._go(Step.ASKING, now)

    def _go(self, step: Step, now: float) -> None:
        self.step = step
        self._nonce = None
        self._patience.reset(now)
        self._patience.expire()

    def _end(self, outcome: Outcome, reason: str) -> Ended:
        if self._ended is None:
            self._ended = Ended(outcome, reason)
            self.step = Step.ENDED
            self.why = reason
        return self._ended

"""Pictures missing by the stream's own count, whatever the stamps say.  Pure, constant memory.

- H.264 `frame_num` grows by one from reference picture to reference picture (7.4.3): a jump is a loss, unless
  the parameter set allows gaps.  An encoder that leaves pictures out does not count them: a jump is exact
  evidence that pictures were written and are not there.
- The order count (POC) grows by one fixed step in most encoders.  Where nearly all steps are the same, a step
  of several is pictures missing, non-reference ones as well.  Where steps vary, the count says nothing.
- Nothing is concluded across a picture whose head could not be read, nor across an IDR picture.
- A hole says at which samples (in file order) it lies; whether the stamps show it too is for the caller.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field

_REORDER = 32  # pictures; the standards allow 16
_MAX_HOLES = 5000
_DOMINANT = 0.9
_FEWEST_STEPS = 12


@dataclass(frozen=True)
class Hole:
    """`missing` pictures between two samples, given by their places in file order."""

    before: int
    after: int
    missing: int


@dataclass
class ReferenceCount:
    """Follows `frame_num` of H.264."""

    holes: list[Hole] = field(default_factory=list)
    _last: int | None = None
    _at: int = 0

    def feed(self, at: int, frame_num: int, log2_max: int, *, idr: bool, reference: bool) -> None:
        """Take the next picture in decoding order; `at` is its sample's place."""
        if idr or self._last is None or frame_num == 0:  # 0 also follows a reset (memory management 5)
            self._last, self._at = frame_num, at
            return
        step = (frame_num - self._last) % (1 << log2_max)
        if step > 1 and len(self.holes) < _MAX_HOLES:
            self.holes.append(Hole(self._at, at, step - 1))
        self._at = at
        if reference or step > 1:
            self._last = frame_num if reference else (frame_num - 1) % (1 << log2_max)

    def forget(self) -> None:
        """A picture could not be read: what comes next is compared with nothing."""
        self._last = None


@dataclass
class ShowOrder:
    """Follows the order count: sorts it within the depth of reordering and looks at the steps."""

    _heap: list[tuple[int, int]] = field(default_factory=list)
    _last: tuple[int, int] | None = None
    _steps: Counter[int] = field(default_factory=Counter)
    _odd: list[tuple[int, int, int]] = field(default_factory=list)  # before, after, step
    _reference: int = 0

    def feed(self, at: int, lsb: int, log2_max: int, *, restarts: bool, carries: bool) -> None:
        """Take the next picture in decoding order by the lowest bits of its count."""
        if restarts:
            self.forget()
        half, whole = 1 << (log2_max - 1), 1 << log2_max
        previous = self._reference % whole
        count = self._reference - previous + lsb
        if lsb < previous and previous - lsb >= half:
            count += whole
        elif lsb > previous and lsb - previous > half:
            count -= whole
        if self._last is not None and count <= self._last[0]:  # a restart that was not seen
            self.forget()
            count = lsb
        if carries:
            self._reference = count
        heapq.heappush(self._heap, (count, at))
        if len(self._heap) > _REORDER:
            self._pop()

    def forget(self) -> None:
        """The count starts anew, or a picture could not be read."""
        while self._heap:
            self._pop()
        self._last = None
        self._reference = 0

    def _pop(self) -> None:
        count, at = heapq.heappop(self._heap)
        if self._last is not None:
            step = count - self._last[0]
            self._steps[step] += 1
            if len(self._steps) > 1000:  # a stream that counts like this says nothing
                self._steps = Counter(dict(self._steps.most_common(100)))
            if len(self._odd) < _MAX_HOLES and step != self._steps.most_common(1)[0][0]:
                self._odd.append((self._last[1], at, step))
        self._last = (count, at)

    def holes(self) -> list[Hole]:
        """All holes, once the last picture was fed."""
        self.forget()
        total = sum(self._steps.values())
        if total < _FEWEST_STEPS:
            return []
        usual, times = self._steps.most_common(1)[0]
        if usual <= 0 or times < _DOMINANT * total:
            return []
        wide = [(b, a, step) for b, a, step in self._odd if step > usual]
        if any(step % usual for _b, _a, step in wide):
            return []
        return [Hole(before, after, step // usual - 1) for before, after, step in wide]

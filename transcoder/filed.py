"""One item of a request as far as it was inspected, seen from its neighbours."""

from dataclasses import dataclass

from transcoder.clocks import Dated
from transcoder.counting import Counting, Numbered
from transcoder.report import MediaKind
from transcoder.request import InspectItem, JoinRules
from transcoder.times import Readings


@dataclass(frozen=True)
class Filed:
    """One item as far as it was inspected; `takes_part`: it belongs into a run."""

    index: int
    item: InspectItem
    kind: MediaKind | None
    readings: Readings
    duration_s: float | None
    takes_part: bool = True

    def dated(self, numbered: bool = False, follows: int | None = None) -> Dated:
        return Dated(self.index, self.kind, self.readings, self.duration_s, numbered, follows)

    def numbered(self) -> Numbered:
        """Its number; only for an item that has one."""
        start, number = self.dated().start, self.item.named_sequence
        assert number is not None
        stamp = start.earliest.timestamp() if start else None
        return Numbered(self.index, number, self.kind, stamp, self.dated().unset)


def counting_of(join: JoinRules) -> Counting:
    """How a profile's cameras count; what `generic` finds at the end of a name is a guess."""
    return Counting(join.chaptered, join.counter, known=join.profile != "generic")

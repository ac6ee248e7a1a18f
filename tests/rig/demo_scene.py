"""What happens in the demonstration, in order.  Nothing is judged here; what cannot go on raises Failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.rig.demo_cameras import Cameras
from tests.rig.demo_cards import DemoCamera, contents
from tests.rig.demo_evidence import Again, name_of
from tests.rig.demo_screen import Screen, Seen
from tests.rig.small_office import SmallOffice
from tests.rig.wire import WireObserver

OFFICERS = (
    "officer,name,unit,role\n"
    "J0H42A,王伟,兴隆台区发展和改革局,officer\n"
    "J0H42B,李娜,兴隆台区发展和改革局,officer\n"
    "J0H42C,张强,兴隆台区发展和改革局,officer\n"
)
CASES = (
    "case,title,kind,matter,place,officers,from,to\n"
    "XLT-2026-0042,粮食库存检查,inspection,entry_inspection,振兴街道光明路12号,J0H42A,"
    "2026-11-24T09:00:00+08:00,2026-11-24T12:00:00+08:00\n"
    "XLT-2026-0043,粮食收购检查,inspection,entry_inspection,兴盛街道红旗路8号,J0H42B,"
    "2026-11-24T13:00:00+08:00,2026-11-24T15:00:00+08:00\n"
)
OUTAGE_S = 4.0
AGAIN_S = 60.0
BROKER, KILL, REST = "the broker's outage", "the kill", "nothing at all"


class Failed(Exception):
    """The demonstration did not come to the point that it should."""


class Scene:
    """One run.  Afterwards: `twice_bytes`, `again`."""

    def __init__(
        self,
        office: SmallOffice,
        cameras: Cameras,
        screen: Screen,
        observer: WireObserver,
        cards: Sequence[DemoCamera],
    ) -> None:
        self._office = office
        self._cameras = cameras
        self._screen = screen
        self._observer = observer
        self._files = [contents(card.folder) for card in cards]
        self._seen = Seen()
        self.twice_bytes: dict[str, int] = {}
        self.again = Again()

    def play(self, folder: Path) -> None:
        """`folder`: where registries may be written.  Raises Failed, OfficeError, RigError."""
        self._publish(folder / "officers.csv", OFFICERS)
        self._start_dock()
        for slot in range(1, len(self._cameras.slots) + 1):
            self._cameras.plug(slot)
        self._screen.say("four cameras are plugged in at once")
        self._stop_broker()
        self._kill_dock()
        first = {name for files in self._files[:-1] for name in files}
        self._until("everything is delivered", lambda: self._delivered(first), 90)
        self._note_twice(KILL)
        self._publish(folder / "cases.csv", CASES)
        self._screen.say(
            "the registry of cases is published: tags and places change, shifts are judged again"
        )
        self._until("every revision is receipted", lambda: self._settled(first), 90)
        self._come_again(first)
        self._note_twice(REST)

    # What is done

    def _stop_broker(self) -> None:
        self._until("a transfer is under way", lambda: self._in_mid_file(0.1), 60)
        self._office.broker.stop()
        self._screen.say(f"the broker is stopped with {self._share():.0%} of camera 1 at the platform")
        back_at = time.monotonic() + OUTAGE_S
        self._until("the dock sees that", lambda: not self._connected(), 20)
        self._until("some seconds are over", lambda: time.monotonic() > back_at, OUTAGE_S + 10)
        self._office.broker.start()
        self._screen.say(f"the broker is back after {OUTAGE_S:.0f} s")
        self._until("the dock is back at the broker", self._connected, 60)

    def _kill_dock(self) -> None:
        self._until("a transfer is under way again", lambda: self._in_mid_file(0.35), 60)
        share = self._share()
        if share > 0.9:
            raise Failed(f"the transfer was at {share:.0%} when it was to be killed: set a lower --rate")
        self._office.dock.kill()
        self._note_twice(BROKER)
        self._screen.say(f"the dock was killed (SIGKILL) with {share:.0%} of camera 1 at the platform")
        self._look()
        self._start_dock()

    def _come_again(self, before: set[str]) -> None:
        self._until("all slots say that the camera can be taken", self._all_safe, 60)
        self._cameras.unplug(1)
        self._until("slot 1 is empty", lambda: self._slot(1).get("phase") == "empty", 30)
        sent = set(self._observer.file_ids())
        self._screen.say("camera 1 was taken, and comes again with one file more")
        self._cameras.plug_again()
        plugged_at = time.monotonic()
        self._until("slot 1 is free again", lambda: bool(self._slot(1).get("safe_to_take")), AGAIN_S)
        self.again.free_s = time.monotonic() - plugged_at
        self._screen.say(f"camera 1 can be taken after {self.again.free_s:.1f} s")
        everything = before | set(self._files[-1])
        self._until("the new file is delivered", lambda: self._settled(everything), 90)
        self.again.sent = {
            file_id: self._observer.segment_bytes(file_id)
            for file_id in self._observer.file_ids()
            if file_id not in sent
        }

    def _start_dock(self) -> None:
        self._office.dock.start()
        self._until("the dock answers", lambda: self._seen.status is not None, 30)

    def _publish(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
        self._office.publish(file)

    def _note_twice(self, because_of: str) -> None:
        self.twice_bytes[because_of] = self._observer.twice_bytes() - sum(self.twice_bytes.values())

    # What is waited for

    def _until(self, what: str, held: Callable[[], bool], seconds: float) -> None:
        def look() -> bool:
            self._look()
            self._must_take_receipts()
            return held()

        self._office.wait(what, look, seconds)

    def _look(self) -> None:
        broker_runs = self._office.broker.pid is not None
        self._seen = Seen(self._office.status(), self._office.recordings(), broker_runs)
        self._screen.show(self._seen)

    def _must_take_receipts(self) -> None:
        counters = (self._seen.status or {}).get("counters", {})
        refused = {name: count for name, count in counters.items() if name.startswith("refused.receipt")}
        if refused:
            raise Failed(f"the dock refuses the platform's receipts: {refused}")

    def _connected(self) -> bool:
        return self._seen.status is not None and bool(self._seen.status["uplink"]["connected"])

    def _slot(self, number: int) -> dict[str, Any]:
        slots = (self._seen.status or {}).get("slots", [])
        return next((slot for slot in slots if slot["slot"] == number), {})

    def _all_safe(self) -> bool:
        return all(self._slot(n).get("safe_to_take") for n in range(1, len(self._cameras.slots) + 1))

    def _share(self) -> float:
        """Return how much of camera 1 is durable at the platform."""
        own = self._files[0]
        durable = sum(item["durable_bytes"] for item in self._seen.recordings if name_of(item) in own)
        return float(durable) / sum(int(file["size"]) for file in own.values())

    def _in_mid_file(self, share: float) -> bool:
        """Whether a large file is between its ends, and at least `share` of camera 1 is over."""
        file = ((self._seen.status or {}).get("uplink") or {}).get("file")
        large = max(int(file["size"]) for file in self._files[0].values()) // 2
        return (
            self._share() >= share
            and file is not None
            and file["size_bytes"] >= large
            and 0.1 <= file["durable_bytes"] / file["size_bytes"] <= 0.8
        )

    def _delivered(self, names: set[str]) -> bool:
        items = self._seen.recordings
        return {name_of(item) for item in items} == names and all(i["state"] == "delivered" for i in items)

    def _settled(self, names: set[str]) -> bool:
        status, items = self._seen.status, self._seen.recordings
        return (
            status is not None
            and self._delivered(names)
            and status["waiting_inspection"] == 0
            and status["waiting_manifests"] == 0
            and all(item["cases"] for item in items if self._has_case(name_of(item)))
            and all(item["revision"] == item["delivered_revision"] for item in items)
        )

    def _has_case(self, name: str) -> bool:
        return name in self._files[0] or name in self._files[1]

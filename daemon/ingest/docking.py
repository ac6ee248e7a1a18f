"""One stay of a camera, from its first volume to `closed`: what the puller thread of a slot does.

- What the camera shows when it settles is one docking; a volume that comes later during the same stay (a disk
  that spins up, a second card) is a further docking that names the first, pulled by the same thread.
- New before known, marked before unmarked, oldest first (ingest.order).  *Safe to take* is said as soon as
  all is stored or explained, where what is known by samples counts; the proof goes on while the camera stays.
- A volume that leaves while others stay costs only its own files.
- What the camera took away unread the last time is told while it is copied.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from daemon.ingest import wording
from daemon.ingest.contents import Note
from daemon.ingest.filing import Filer, Outcome
from daemon.ingest.fullness import FullCard
from daemon.ingest.opening import OpenDocking, open_docking
from daemon.ingest.order import Agenda, Item, Stage
from daemon.ingest.progress import Progress
from daemon.ingest.stay import Stay, docking_of
from daemon.ingest.sums import in_words
from daemon.ingest.together import GroupFiler, is_small
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import Volume, awaited_partitions, is_superseded
from daemon.logfields import about
from daemon.store import Row
from dock.devices import best_reading
from dock.errors import CameraGone, PullCancelled
from dock.small import GROUP_BYTES, GROUP_FILES
from uplink.messages.telemetry import Phase

_LOG = logging.getLogger(__name__)
_GATHER_STEP_S = 0.05
# udev may be a moment behind sysfs.
_UDEV_PATIENCE_S = 5.0
_UNREAD_SAID = 3
# udev looks into each partition; a slow card keeps it longer, a broken one for ever.
_PARTITIONS_S = 10.0
_VOLUMES = 64  # that one docking lists; what is beyond is a further docking


class StayJob:
    """The work of one stay.  `run` may be called again: after trouble, and when a volume came."""

    def __init__(self, tools: Tools, stay: Stay, stop: Callable[[], bool]) -> None:
        self._tools = tools
        self._stay = stay
        self._stop = stop
        self._settled: set[str] = set()  # attachments whose docking is closed
        self._first: str | None = None  # the docking that the stay began with
        self._notes: list[set[Note]] = []
        self._problems: list[str] = []
        self._full: list[FullCard] = []
        self._unreadable: set[str] = set()  # attachments of which nothing could be read
        self._missing: dict[str, list[bytes]] = {}  # by docking: what left unread at the last stay
        self._progress = Progress(tools.board, stay.slot.number, stay.key)
        self._taken: set[str] = set()
        self._given_up: set[str] = set()  # partitions that were waited for in vain
        self.unfinished = False  # something is open for which the camera has to stay
        self._filer = Filer(
            tools, self._progress.moved, self._say, self._gone, stop, lambda: bool(self._new_volumes())
        )

    @property
    def has_news(self) -> bool:
        """Whether there is a volume that no run has dealt with, or somebody wants one looked at again."""
        return self._stay.asked_again or bool(self._volumes_but(self._settled))

    def run(self) -> None:
        """Settle everything that the camera shows.  Raises CameraGone, PullCancelled, VaultFailed."""
        if self._stay.take_again():
            self._settled -= self._unreadable
            self._unreadable.clear()
            self._notes.clear()
            self._problems.clear()
            self._full.clear()
        self._taken = set(self._settled)
        opened: list[OpenDocking] = []
        agenda = Agenda()
        with ExitStack() as mounts:
            self._groups = mounts.enter_context(GroupFiler(self._tools))
            while True:
                if volumes := self._gathered():
                    self._open(volumes, opened, agenda, mounts)
                self._await_group(opened, agenda)
                self._close_finished(opened, agenda)
                self._show_stage(agenda)
                self.unfinished = agenda.keeps_camera
                items = agenda.take_group(is_small, GROUP_FILES, GROUP_BYTES)
                if len(items) > 1:
                    self._deal_together(opened, items, agenda)
                elif items:
                    self._deal(opened[items[0].docking], items[0], agenda)
                elif not self._new_volumes():
                    break
        self._show_end()

    def _gone(self, volume: Volume) -> bool:
        return not self._stay.has(volume)

    def _new_volumes(self) -> list[Volume]:
        return self._volumes_but(self._taken)

    def _volumes_but(self, attachments: set[str]) -> list[Volume]:
        volumes = [volume for volume in self._stay.volumes() if volume.attachment not in attachments]
        return [volume for volume in volumes if not is_superseded(volume)]

    def _gathered(self) -> list[Volume]:
        """Return the volumes that came since, waiting until no more come."""
        give_up_at = time.monotonic() + _PARTITIONS_S
        while self._comes_more(give_up_at):
            if self._stop():
                raise PullCancelled("the dock is stopping")
            self._stay.wait(_GATHER_STEP_S)
        if self._stay.left:
            raise CameraGone("the camera left")
        return self._new_volumes()[:_VOLUMES]

    def _comes_more(self, give_up_at: float) -> bool:
        if awaited := awaited_partitions(self._stay.volumes()) - self._given_up:
            if time.monotonic() < give_up_at:
                return True
            _LOG.warning("slot %d: udev tells nothing of %s", self._stay.slot.number, ", ".join(awaited))
            self._given_up |= awaited  # if it does later, that is a further docking
        return bool(self._new_volumes()) and self._stay.quiet_for_s() < self._tools.gather_s

    # Opening

    def _open(
        self, volumes: Sequence[Volume], opened: list[OpenDocking], agenda: Agenda, mounts: ExitStack
    ) -> None:
        self.unfinished = True
        self._taken |= {volume.attachment for volume in volumes}
        open_ones = [volume for volume in volumes if not self._was_done(volume)]
        if not open_ones:
            return
        if not agenda.keeps_camera:
            self._progress.show("listing", text=wording.READING)
        one = open_docking(self._tools, self._stay.slot, open_ones, self._first, self._gone)
        mounts.push(one.stack)
        self._first = self._first or one.docking.id
        camera = one.docking.camera
        missing = self._tools.memory.missing(
            camera.serial, one.docking.id, stand_in=camera.serial_by == "disk"
        )
        self._missing[one.docking.id] = [file.path for file in missing]
        self._notes.append(one.contents.notes)
        self._problems += one.problems
        if one.full is not None:
            self._full.append(one.full)
        self._unreadable |= {v.attachment for v in one.contents.volumes if v.listing is None}
        opened.append(one)
        self._plan(one, len(opened) - 1, agenda)

    def _was_done(self, volume: Volume) -> bool:
        """Whether all of this medium was done before the daemon was restarted."""
        for row in self._tools.ledger.dockings_of(self._stay.slot.number, volume.attachment):
            if volume.may_repeat:
                return False  # this may be another stay of the same camera
            self._first = row["stay"]
            if row["state"] == "closed" and self._was_read(row):
                with about(docking=row["docking"]):
                    _LOG.info("slot %d: docking %s was closed before", self._stay.slot.number, row["docking"])
                self._settled.add(volume.attachment)
                self._progress.done_before(
                    docking_of(row, self._stay.slot), self._tools.ledger.to_pull(row["docking"])
                )
                return True
        return False

    def _was_read(self, row: Row) -> bool:
        volumes = self._tools.ledger.volumes_of(row["docking"])
        return any(volume["listing"] is not None for volume in volumes)

    def _plan(self, one: OpenDocking, place: int, agenda: Agenda) -> None:
        states = self._tools.ledger.states(one.docking.id)
        serial = one.docking.camera.serial
        recurring = self._tools.memory.recurring(one.docking.id)
        self._progress.began(one.docking)
        for volume, file in one.contents.files:
            state, known = states[file.index]
            if state != "listed":
                self._progress.found_settled(file)
                continue
            if known:
                stage = Stage.KNOWN
            else:
                seen = file.index in recurring and self._tools.memory.candidates(serial, file)
                stage = Stage.UNSURE if seen else Stage.NEW
            self._add(Item(stage, place, volume, file), agenda)

    def _add(self, item: Item, agenda: Agenda) -> None:
        self._progress.planned(item)
        agenda.add(item)

    # Working

    def _deal(self, one: OpenDocking, item: Item, agenda: Agenda) -> None:
        try:
            if item.stage is Stage.UNSURE:
                self._add(self._judged(one, item), agenda)
                return
            with about(docking=one.docking.id):
                outcome = self._filer.settle(one, item)
        except (CameraGone, PullCancelled) as error:
            self._interrupted(one, item, agenda, error)
            return
        if outcome is Outcome.SETTLED:
            self._progress.settled(item)
            return
        self._progress.unplanned(item)
        stage = Stage.AGAIN if outcome is Outcome.CHANGED else Stage.NEW
        self._add(Item(stage, item.docking, item.volume, item.file), agenda)

    def _await_group(self, opened: Sequence[OpenDocking], agenda: Agenda) -> None:
        """Wait for the small files on the way, unless more of their kind come: these are copied meanwhile."""
        after = agenda.next
        if after is not None and is_small(after) and self._groups.is_busy_with(after.docking):
            return
        self._take_settled(opened, agenda)

    def _take_settled(self, opened: Sequence[OpenDocking], agenda: Agenda) -> None:
        settled, singly = self._groups.settled()
        self._progress.settled(*settled)
        self._put_back(singly[1:], agenda)
        for item in singly[:1]:  # it waits for room
            self._deal(opened[item.docking], item, agenda)

    def _deal_together(self, opened: Sequence[OpenDocking], items: Sequence[Item], agenda: Agenda) -> None:
        one = opened[items[0].docking]
        volume = one.volumes[items[0].volume]
        with about(docking=one.docking.id):
            try:
                with self._filer.turn(one, items[0]):
                    copied = self._groups.copy(one, items, lambda: self._stop() or self._gone(volume))
            except (CameraGone, PullCancelled) as error:
                self._put_back(items[1:], agenda)
                self._interrupted(one, items[0], agenda, error)
                return
            with copied.open_disk:
                self._take_settled(opened, agenda)
                self._groups.keep(copied.kept_open())
        self._put_back(copied.left, agenda)
        if copied.odd:
            self._take_settled(opened, agenda)
            for item in copied.odd:
                self._deal(one, item, agenda)

    def _put_back(self, items: Sequence[Item], agenda: Agenda) -> None:
        for item in items:
            agenda.add(item)

    def _judged(self, one: OpenDocking, item: Item) -> Item:
        source, volume = one.source(item.volume), one.volumes[item.volume]
        known = self._tools.memory.looks_known(source, item.file, one.docking.camera.serial)
        if self._gone(volume):
            raise CameraGone(f"{volume.name} left while it was sampled")
        if known:
            self._tools.ledger.set_known(one.docking.id, item.file.index, True)
        return Item(Stage.KNOWN if known else Stage.NEW, item.docking, item.volume, item.file)

    def _interrupted(
        self, one: OpenDocking, item: Item, agenda: Agenda, error: CameraGone | PullCancelled
    ) -> None:
        """Go on if others than this volume are left, or a new one came; else raise `error`."""
        volume = one.volumes[item.volume]
        if self._stop():
            raise error
        if isinstance(error, CameraGone):
            self._wait_for_udev(volume)
        if not self._gone(volume):
            if isinstance(error, CameraGone):
                raise error  # the device is still there: a cable, or a port (B12)
            self._progress.unplanned(item)
            self._add(item, agenda)
            return
        if self._stay.left:
            raise CameraGone(f"{volume.name} left") from error
        _LOG.warning("slot %d: %s left, the others stay", self._stay.slot.number, volume.name)
        self._tools.ledger.volume_gone(one.docking.id, item.volume)
        agenda.drop(item.docking, item.volume)
        one.sources = [None if n == item.volume else source for n, source in enumerate(one.sources)]

    def _wait_for_udev(self, volume: Volume) -> None:
        waited_s = 0.0
        while not self._gone(volume) and waited_s < _UDEV_PATIENCE_S and not self._stop():
            self._stay.wait(_GATHER_STEP_S)
            waited_s += _GATHER_STEP_S

    def _close_finished(self, opened: list[OpenDocking], agenda: Agenda) -> None:
        for place, one in enumerate(opened):
            attachments = set(one.contents.attachments)
            if agenda.has(place) or attachments <= self._settled:
                continue
            one.stack.close()
            closed = self._tools.ledger.close(one.docking.id, removed=False)
            self._settled |= attachments
            with about(docking=one.docking.id):
                number, text = self._stay.slot.number, in_words(closed)
                _LOG.info("slot %d: docking %s closed: %s", number, one.docking.id, text)
            self._tools.stored()

    # Saying

    def _say(self, phase: Phase, text: wording.Text) -> None:
        if text is wording.PULLING:  # whatever is said meanwhile, what was missing is said again after it
            text = wording.pulling(self._missing_names())
        self._progress.show(phase, text=text)

    def _show_stage(self, agenda: Agenda) -> None:
        if agenda.keeps_camera:
            self._progress.stage("pulling", proving=False, text=wording.pulling(self._missing_names()))
        elif agenda:
            text = self._safe_text(wording.CHECKING, self._unread())
            self._progress.stage("checking", proving=True, safe_to_take=True, text=text)

    def _show_end(self) -> None:
        if self._first is None:
            return  # its partitions are still to come
        bad = [notes & {Note.NO_FILE_SYSTEM, Note.UNREADABLE} for notes in self._notes]
        if self._notes and all(len(b) == len(n) for b, n in zip(bad, self._notes, strict=True)):
            self._show_unreadable()
            return
        partly = any(Note.UNREADABLE in notes for notes in self._notes)
        unread = self._unread()
        text = self._safe_text(wording.PARTLY if partly else wording.SAFE, unread)
        for full in self._full[-1:]:
            text = wording.card_full(text, full)
        said = "; ".join(f"{name} ({why})" for name, why in unread[:_UNREAD_SAID])
        not_read = f"not read: {said}" if said else None
        self._progress.end("done", safe_to_take=True, card_full=bool(self._full), text=text, error=not_read)

    def _safe_text(self, text: wording.Text, unread: Sequence[tuple[str, str]]) -> wording.Text:
        told = wording.unread(text, [name for name, _ in unread])
        return wording.safe(told, self._missing_names(), self._lost_names())

    def _unread(self) -> list[tuple[str, str]]:
        return [one for docking in self._missing for one in self._tools.ledger.unread(docking)]

    def _show_unreadable(self) -> None:
        if any(Note.UNREADABLE in notes for notes in self._notes):
            self._progress.show("error", text=wording.UNREADABLE, error="; ".join(self._problems))
        else:
            self._progress.show("no_file_system", text=wording.NO_FILE_SYSTEM)

    def _missing_names(self) -> list[str]:
        return [best_reading(path) for paths in self._missing.values() for path in paths]

    def _lost_names(self) -> list[str]:
        """Return what was missing the last time and is not on the camera any more."""
        missing = {path for paths in self._missing.values() for path in paths}
        if not missing:
            return []  # mostly; what is listed is not read at each step for nothing
        listed = {path for docking in self._missing for path in self._tools.ledger.paths(docking)}
        return [best_reading(path) for path in sorted(missing - listed)]

"""The demonstration's cameras, plugged and unplugged: loop devices through udevd, or directories.

A directory stands for a card where a machine has no loop devices or no root: it is moved into the place that
the slot looks at, and away again.  Both are used as one: enter, `plug(1)`, `unplug(1)`, `plug_again()`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from tests.rig import loop_camera as rig
from tests.rig.demo_cards import DemoCamera

# As quick as a camera's USB 2 is, so that the copying is seen: a read of 128 KiB takes so much longer.
READ_S = 0.02


class Cameras(Protocol):
    """Four cameras and their slots; `slots` is what SmallOffice is given."""

    slots: list[str | Path]

    def plug(self, slot: int) -> None: ...

    def unplug(self, slot: int) -> None: ...

    def plug_again(self) -> None:
        """Camera 1 comes again, to its slot, with one file more."""


@contextmanager
def loop_cameras(folder: Path, cards: Sequence[DemoCamera]) -> Iterator[Cameras]:
    """Real block devices through a real udevd.  Where nbdkit is there, no quicker than cameras are."""
    paced = not rig.missing_parts(faulty=True)
    with ExitStack() as stack:
        stack.enter_context(rig.udevd())
        made = []
        for card in cards:
            image = rig.make_card(folder / f"{card.folder.name}.img", card.folder)
            made.append(
                stack.enter_context(
                    rig.LoopCamera(
                        image, card.serial, card.port, faulty=paced, read_s=READ_S if paced else 0.0
                    )
                )
            )
        yield _LoopCameras(made, [rig.port_path(card.port) for card in cards[:-1]])


class _LoopCameras:
    def __init__(self, cameras: Sequence[rig.LoopCamera], slots: Sequence[str]) -> None:
        self._cameras = cameras
        self.slots: list[str | Path] = list(slots)

    def plug(self, slot: int) -> None:
        self._cameras[slot - 1].plug()

    def unplug(self, slot: int) -> None:
        self._cameras[slot - 1].unplug()

    def plug_again(self) -> None:
        self._cameras[-1].plug()


@contextmanager
def directory_cameras(folder: Path, cards: Sequence[DemoCamera]) -> Iterator[Cameras]:
    """Directories that come and go; cards are copied, since `cards` may be wanted again."""
    away = []
    for card in cards:
        away.append(folder / "away" / card.folder.name)
        shutil.copytree(card.folder, away[-1])
    (folder / "slots").mkdir()
    yield _DirectoryCameras(away, [folder / "slots" / str(number) for number in range(1, len(cards))])


class _DirectoryCameras:
    def __init__(self, away: Sequence[Path], places: Sequence[Path]) -> None:
        self._away = away
        self._places = places
        self.slots: list[str | Path] = list(places)

    def plug(self, slot: int) -> None:
        self._away[slot - 1].rename(self._places[slot - 1])

    def unplug(self, slot: int) -> None:
        self._places[slot - 1].rename(self._away[slot - 1])

    def plug_again(self) -> None:
        self._away[-1].rename(self._places[0])

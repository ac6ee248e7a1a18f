"""What the device tests share: a running udevd, cards made from folders, cameras, mounted cards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dock.detect import DeviceWatch
from dock.listing import Listing, listing_of
from dock.mount import mounted
from dock.profiles import load_profiles
from dock.source import CardSource, Limits, MountedSource
from tests.rig import loop_camera as rig
from tests.rig.events import wait_present

MakeCamera = Callable[..., rig.LoopCamera]
MakeSource = Callable[..., MountedSource]


def listed(source: CardSource, profiles: Sequence[Path] = ()) -> Listing:
    """Scan a camera and read its names by the profile that fits them."""
    scan = source.scan()
    return listing_of(scan, load_profiles(profiles).recognise([], scan.names))


@pytest.fixture(scope="session")
def udevd() -> Iterator[None]:
    missing = rig.missing_parts(faulty=True)
    if missing:
        pytest.skip("simulated cameras need " + ", ".join(missing))
    with rig.udevd():
        yield


@pytest.fixture
def watch(udevd: None) -> Iterator[DeviceWatch]:
    with DeviceWatch() as watch:
        watch.changes(0)
        yield watch


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An empty folder for what the card shall hold."""
    folder = tmp_path / "card"
    folder.mkdir()
    return folder


@pytest.fixture
def camera(udevd: None, tmp_path: Path) -> Iterator[MakeCamera]:
    """Make a camera whose card holds a copy of a folder: `camera(folder, serial=…, port=…, faulty=…)`."""
    with contextlib.ExitStack() as stack:

        def make(
            folder: Path, serial: str = "BWC0042", port: str = "1", faulty: bool = False
        ) -> rig.LoopCamera:
            image = rig.make_card(tmp_path / f"{serial}.img", folder)
            return stack.enter_context(rig.LoopCamera(image, serial, port, faulty=faulty))

        yield make


@pytest.fixture
def source(camera: MakeCamera, watch: DeviceWatch, tmp_path: Path) -> Iterator[MakeSource]:
    """Plug a camera in, mount it and return its files: `source(cam)`."""
    with contextlib.ExitStack() as stack:

        def make(
            cam: rig.LoopCamera,
            limits: Limits | None = None,
            said_gone: Callable[[], bool] = lambda: False,
        ) -> MountedSource:
            cam.plug()
            device = wait_present(watch, cam.node)
            mount = stack.enter_context(mounted(device, tmp_path / "mnt"))
            return MountedSource(mount, limits=limits, said_gone=said_gone)

        yield make

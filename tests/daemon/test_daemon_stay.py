"""One stay of a camera with several volumes: one docking, whatever comes and goes.  Cards are folders."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.ingest import docking as docking_module
from daemon.ingest import filing as filing_module
from daemon.ingest.docking import StayJob
from daemon.ingest.stay import Stay
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import DiskVolume, awaited_partitions, camera_key, is_superseded
from dock.errors import CameraGone, MountFailed
from dock.listing import digest_of_volumes
from dock.pull import pull
from dock.slots import Slot
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, FolderVolume, events, tools_of
from uplink.messages.custody import Attached, Closed, Listed

SLOT = Slot(1, ("p",))


class Camera:
    """A camera that shows several cards; each is a disk or a partition of one USB device."""

    def __init__(self, folder: Path, dock: Dock, **tools: object) -> None:
        self.folder = folder
        self.dock = dock
        self.stay = Stay(SLOT, "CAM1")
        self.tools: Tools = tools_of(dock, **tools)
        self.stop = False
        self.job = StayJob(self.tools, self.stay, lambda: self.stop)
        self.cards: dict[str, Card] = {}

    def card(self, name: str, fs_type: str = "ext4", **files: bytes) -> Card:
        card = Card(self.folder / name)
        for stem, content in files.items():
            card.write(f"DCIM/{stem}.mp4", content)
        card.device = dataclasses.replace(card.device, node=f"/dev/{name}", fs_type=fs_type, fs_label=name)
        self.cards[name] = card
        return card

    def show(self, *cards: Card) -> None:
        for card in cards:
            self.stay.came(card.volume)

    def restart(self) -> None:
        """The daemon was restarted; the camera stayed."""
        self.tools = tools_of(self.dock)
        self.job = StayJob(self.tools, self.stay, lambda: self.stop)

    @property
    def view(self) -> object:
        return self.tools.board.views()[0]

    def phase(self) -> tuple[str, bool]:
        view = self.tools.board.views()[0]
        return view.phase, view.safe_to_take


@pytest.fixture
def camera(dock: Dock, tmp_path: Path) -> Camera:
    return Camera(tmp_path / "camera", dock)


def said(dock: Dock) -> tuple[list[Attached], list[Listed], list[Closed]]:
    return (
        [Attached.model_validate(e.data) for e in events(dock, "attached")],
        [Listed.model_validate(e.data) for e in events(dock, "listed")],
        [Closed.model_validate(e.data) for e in events(dock, "closed")],
    )


def test_all_volumes_are_one_docking_and_the_empty_one_is_said_to_be_empty_a04(
    dock: Dock, camera: Camera
) -> None:
    camera.show(
        camera.card("sda1"),
        camera.card("sda2", a=b"one", same=b"x"),
        camera.card("sda10", a=b"two", same=b"x"),
        camera.card("sda3", fs_type=""),
    )
    camera.job.run()
    (attached,), (listed,), (closed,) = said(dock)
    assert attached.stay is None
    notes = [(volume.label, volume.note, volume.count) for volume in listed.volumes]
    assert notes == [
        ("sda1", "empty", 0),
        ("sda2", "", 2),
        ("sda3", "no_file_system", 0),
        ("sda10", "", 2),
    ]
    digests = [volume.listing for volume in listed.volumes if volume.listing]
    assert listed.listing == digest_of_volumes(digests) != digests[0]
    assert (closed.listed.count, closed.stored.count, closed.already_stored.count) == (4, 3, 1)
    assert (listed.count, listed.bytes) == (closed.listed.count, closed.listed.bytes) == (4, 8)
    assert camera.phase() == ("done", True)


def test_a_volume_that_cannot_be_mounted_beside_a_good_one_is_said_and_costs_nothing(
    dock: Dock, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.show(camera.card("sda1", a=b"one"), camera.card("sda2", b=b"two"))
    opened = FolderVolume.opened

    @contextmanager
    def failing(volume, mounts, gone):  # type: ignore[no-untyped-def]
        if volume.name == "/dev/sda2":
            raise MountFailed("/dev/sda2", "exfat", "broken", "Hand it over.")
        with opened(volume, mounts, gone) as source:
            yield source

    monkeypatch.setattr(FolderVolume, "opened", failing)
    camera.job.run()
    _, (listed,), (closed,) = said(dock)
    assert [volume.note for volume in listed.volumes] == ["", "unreadable"]
    assert closed.stored.count == 1
    assert camera.phase() == ("done", True)
    assert "分区无法读取" in camera.tools.board.views()[0].text["zh"]


def test_a_volume_that_comes_later_is_a_further_docking_of_the_stay(dock: Dock, camera: Camera) -> None:
    camera.show(camera.card("sda1", a=b"one"))
    camera.job.run()
    assert not camera.job.has_news
    camera.show(camera.card("sdb1", b=b"two"))
    assert camera.job.has_news
    camera.job.run()
    attached, listed, closed = said(dock)
    assert [one.stay for one in attached] == [None, attached[0].docking]
    assert [one.count for one in listed] == [1, 1]
    assert [one.stored.count for one in closed] == [1, 1]
    view = camera.tools.board.views()[0]
    assert (view.files_done, view.files_total, view.bytes_done) == (2, 2, 6)
    camera.restart()
    camera.job.run()
    assert len(events(dock, "attached")) == 2
    assert camera.phase() == ("done", True)
    assert camera.tools.board.views()[0].files_total == 2


@pytest.mark.usefixtures("one_by_one")
def test_a_volume_that_comes_in_mid_copy_is_pulled_by_the_same_thread(
    dock: Dock, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = camera.card("sdb1", b=b"two")
    camera.show(camera.card("sda1", a=b"one", c=b"three"))

    def coming(*args, **more):  # type: ignore[no-untyped-def]
        camera.show(late)
        return pull(*args, **more)

    monkeypatch.setattr(filing_module, "pull", coming)
    camera.job.run()
    attached, _, closed = said(dock)
    assert [one.stay for one in attached] == [None, attached[0].docking]
    assert sorted(one.stored.count for one in closed) == [1, 2]


@pytest.mark.usefixtures("one_by_one")
def test_a_volume_that_leaves_while_others_stay_costs_its_own_files_only(
    dock: Dock, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.show(camera.card("sda1", a=b"one", b=b"two"), camera.card("sdb1", c=b"three", d=b"four"))

    def leaving(source, file, *more):  # type: ignore[no-untyped-def]
        if file.path == b"DCIM/a.mp4":
            camera.stay.lost("/dev/sda1")
        return pull(source, file, *more)

    monkeypatch.setattr(filing_module, "pull", leaving)
    camera.job.run()
    _, _, (closed,) = said(dock)
    assert [(e.reason, e.count) for e in closed.explained] == [("gone", 2)]
    assert closed.stored.count == 2
    assert [e.data["missing"]["count"] for e in events(dock, "removed_early")] == [2]
    assert dock.store.value("SELECT state FROM dockings") == "removed"


def test_when_all_left_the_docking_stays_open_for_its_keeper(
    dock: Dock, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.show(camera.card("sda1", a=b"one"), camera.card("sdb1", c=b"three"))

    def leaving(*args):  # type: ignore[no-untyped-def]
        camera.stay.leave()
        return pull(*args)

    monkeypatch.setattr(filing_module, "pull", leaving)
    with pytest.raises(CameraGone):
        camera.job.run()
    assert camera.job.unfinished
    assert len(dock.ledger.open_dockings()) == 1


def test_volumes_that_come_one_after_the_other_are_gathered(dock: Dock, tmp_path: Path) -> None:
    camera = Camera(tmp_path / "camera", dock, gather_s=0.3)
    second = camera.card("sda2", b=b"two")
    camera.show(camera.card("sda1", a=b"one"))
    timer = threading.Timer(0.1, lambda: camera.show(second))
    timer.start()
    camera.job.run()
    timer.join()
    assert len(events(dock, "attached")) == 1


def test_partitions_that_udev_has_not_told_of_yet_are_awaited_a04(tmp_path: Path) -> None:
    disk = tmp_path / "sda"
    for name, sectors in (("sda1", 2048), ("sda2", 2), ("sda5", 4096)):  # sda2 holds sda5
        (disk / name).mkdir(parents=True)
        (disk / name / "partition").write_text(name[-1])
        (disk / name / "size").write_text(f"{sectors}\n")
    card = Card(tmp_path / "card")
    first = dataclasses.replace(card.device, sys_path=str(disk / "sda1"), whole_disk=False)
    second = dataclasses.replace(first, sys_path=str(disk / "sda5"))
    assert awaited_partitions([DiskVolume(first)]) == {"sda5"}
    assert awaited_partitions([DiskVolume(first), DiskVolume(second)]) == set()
    assert awaited_partitions([DiskVolume(card.device)]) == set()
    whole = DiskVolume(dataclasses.replace(card.device, sys_path=str(disk), fs_type=""))
    assert awaited_partitions([whole, DiskVolume(first)]) == {"sda5"}
    assert is_superseded(whole)
    assert not is_superseded(DiskVolume(dataclasses.replace(card.device, fs_type="")))
    assert not is_superseded(DiskVolume(first))


def test_a_disk_whose_partitions_are_still_to_come_is_never_called_safe_a04(
    dock: Dock, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docking_module, "_PARTITIONS_S", 0.1)
    disk, partition = camera.card("sda", fs_type=""), camera.card("sda1", a=b"one")
    (disk.folder / "sys" / "sda1").mkdir()
    (disk.folder / "sys" / "sda1" / "partition").write_text("1")
    (disk.folder / "sys" / "sda1" / "size").write_text("2048")
    camera.show(disk)
    camera.job.run()
    assert camera.phase() == ("empty", False)
    assert not camera.job.has_news
    camera.show(partition)
    camera.job.run()
    (_, (listed,), _) = said(dock)
    assert [volume.label for volume in listed.volumes] == ["sda1"]
    assert camera.phase() == ("done", True)


def test_which_disks_are_one_camera(tmp_path: Path) -> None:
    disk = Card(tmp_path).device
    lun = dataclasses.replace(disk, id_path="pci-0-usb-0:1.2:1.0-scsi-0:0:0:1", node="/dev/sdb")
    assert camera_key(disk) == camera_key(lun) == "CAM1"
    mute = dataclasses.replace(lun, serial_known=False, serial="unknown-1234")
    other = dataclasses.replace(mute, serial="unknown-5678", id_path="pci-0-usb-0:1.2:1.0-scsi-0:0:0:0")
    assert camera_key(mute) == camera_key(other) == "pci-0-usb-0:1.2"
    assert camera_key(dataclasses.replace(mute, id_path="pci-0-usb-0:1.3:1.0")) == "pci-0-usb-0:1.3"

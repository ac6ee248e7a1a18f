"""Which ports lead to which slot: learnt from what is plugged in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.slots import learn_slots, slots
from daemon.settings import Settings
from dock.changes import Gone, NoMedium, Present, UsbGone, UsbPresent
from dock.detect import Change
from dock.devices import BlockDevice
from dock.learning import port_of_change, slots_toml, twin_of
from dock.slots import Slot
from dock.usb import UsbDevice

PREFIX = "pci-0000:00:14.0-usb-0:"


def usb(port: str, sys_path: str = "/nowhere/1-1") -> UsbPresent:
    return UsbPresent(UsbDevice("/dev/bus/usb/1/2", sys_path, PREFIX + port, "", "", "", ("080650",)))


def disk(port: str, size_bytes: int = 1) -> BlockDevice:
    path = f"{PREFIX}{port}:1.0-scsi-0:0:0:0"
    return BlockDevice("/dev/sda", "/nowhere", 1, "S", True, "", "", path, "vfat", "", "", size_bytes, True)


class Person:
    """What a person does, in order: plugs something in, or presses Enter (None)."""

    def __init__(self, *steps: list[Change] | None) -> None:
        self._steps: Iterator[list[Change] | None] = iter(steps)
        self._waiting: list[Change] = []
        self.said: list[str] = []
        self._asked = False

    def changes(self, timeout_s: float) -> list[Change]:
        found, self._waiting = self._waiting, []
        return found

    def enter_pressed(self) -> bool:
        step = next(self._steps)
        self._waiting = step or []
        return step is None

    def learn(self, first: int = 1) -> list[Slot]:
        return learn_slots(first, self.changes, self.enter_pressed, self.said.append)


def test_each_port_becomes_a_slot_with_both_its_speeds() -> None:
    person = Person(
        [usb("1.1"), Present(disk("1.1"))],
        [UsbGone("/dev/bus/usb/1/2"), usb("2.1")],  # the same socket with a USB 3 stick
        [usb("1.2")],
        None,  # USB 2 only
        [Gone("/dev/sda", 1)],
        [usb("1.1")],  # by mistake
        [NoMedium(disk("1.3", size_bytes=0))],
        [usb("1.3")],
        [usb("1.2")],
        None,
        None,
    )
    learnt = person.learn()
    assert [(slot.number, [port.removeprefix(PREFIX) for port in slot.ports]) for slot in learnt] == [
        (1, ["1.1", "2.1"]),
        (2, ["1.2"]),
        (3, ["1.3"]),
    ]
    assert any("this is the port of slot 1 already" in text for text in person.said)
    assert any("the same speed" in text for text in person.said)
    settings = Settings.model_validate(
        {"dock": {"id": "d", "site": "s"}, **tomllib.loads(slots_toml(learnt))}
    )
    assert settings.dock_slots() == learnt


def test_the_kernel_names_the_other_speed_of_a_socket(tmp_path: Path) -> None:
    device, peer = tmp_path / "usb1/1-1/1-1.2", tmp_path / "usb2/2-4/2-4:1.0/2-4-port2"
    ports = tmp_path / "usb1/1-1/1-1:1.0/1-1-port2"
    for folder in (device / "1-1.2:1.0/host1/block/sda", peer, ports):
        folder.mkdir(parents=True)
    (device / "port").symlink_to(ports)
    assert twin_of(PREFIX + "1.2", str(device)) is None
    (ports / "peer").symlink_to(peer)
    assert twin_of(PREFIX + "1.2", str(device)) == PREFIX + "4.2"
    assert twin_of(PREFIX + "1.2", str(device / "1-1.2:1.0/host1/block/sda")) == PREFIX + "4.2"
    assert twin_of(PREFIX + "1.2", "/nowhere") is None
    person = Person([usb("1.2", str(device))], None)
    (slot,) = person.learn(first=7)
    assert (slot.number, slot.ports) == (7, (PREFIX + "1.2", PREFIX + "4.2"))


def test_what_was_learnt_is_printed_as_json_in_the_shape_of_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt = [Slot(5, (PREFIX + "1.1", PREFIX + "2.1"))]
    monkeypatch.setattr("daemon.cli.slots.learn_slots", lambda *_: learnt)
    result = CliRunner().invoke(slots, ["learn", "--json"])
    assert json.loads(result.stdout) == tomllib.loads(slots_toml(learnt))["slots"]


def test_nothing_plugged_in_is_nothing_learnt() -> None:
    assert Person(None).learn() == []


@pytest.mark.parametrize("change", [Gone("/dev/sda", 1), UsbGone("/dev/x")])
def test_what_leaves_teaches_nothing(change: Change) -> None:
    assert port_of_change(change) is None


def test_tables_are_toml_also_with_odd_labels() -> None:
    slot = Slot(3, ('a"b\\c',), '左 "1"')
    (table,) = tomllib.loads(slots_toml([slot]))["slots"]
    assert table == {"number": 3, "label": '左 "1"', "ports": ['a"b\\c']}

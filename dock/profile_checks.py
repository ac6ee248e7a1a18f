"""Whether a profile reads its own examples and small trees as they say.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from dock.devices import BlockDevice
from dock.docking import camera_of
from dock.listing import CardFile, Entry, Scan, listing_of
from dock.profile_files import NameExample, TreeExample
from dock.profiles import CameraProfile, NameFacts, Profiles

NOBODY = "unknown-card"  # what a tree's example says where nothing on the card tells the camera


@dataclass(frozen=True)
class Failure:
    """What a profile reads otherwise than its example says; all are for people."""

    profile: str
    name: str
    what: str
    wanted: str
    read: str

    def __str__(self) -> str:
        return f"{self.profile}: {self.name}: {self.what} is {self.read}; the example says {self.wanted}"


@dataclass(frozen=True)
class _NoSerial:
    """A card whose USB side says no serial."""

    serial: str = NOBODY
    serial_known: bool = False
    vendor_id: str = ""
    product_id: str = ""


def count_of(profile: CameraProfile) -> int:
    """Return how many examples and trees a profile has."""
    return len(profile.file.examples) + len(profile.file.trees)


def failures(profile: CameraProfile, profiles: Profiles) -> Iterator[Failure]:
    """Yield what does not hold of `profile`, which is one of `profiles`."""
    for example in profile.file.examples:
        yield from _of_example(profile, example)
    for tree in profile.file.trees:
        yield from _of_tree(profile, profiles, tree)


def _of_example(profile: CameraProfile, example: NameExample) -> Iterator[Failure]:
    kind = profile.kind_of(example.name) or "left_out"
    if kind != example.kind:
        yield Failure(profile.name, example.name, "kind", example.kind, kind)
    wanted = NameFacts(
        example.named_at, example.sequence, example.serial, example.officer, example.marked, example.view
    )
    read = asdict(profile.facts(example.name))
    for field, value in asdict(wanted).items():
        if read[field] != value:
            yield Failure(profile.name, example.name, field, _shown(value), _shown(read[field]))


def _of_tree(profile: CameraProfile, profiles: Profiles, tree: TreeExample) -> Iterator[Failure]:
    where = f"tree of {tree.names[0]}"
    best = profiles.recognise([_disk(tree)], tree.names)
    wanted = tree.profile or profile.name
    if best.name != wanted:
        yield Failure(profile.name, where, "profile", wanted, best.name)
        return
    files = listing_of(Scan(tuple(Entry(_raw(name), 0, 0) for name in tree.names), ()), best).files
    if tree.serial is not None:
        serial = camera_of(_NoSerial(), files, best, tree.label).serial
        if serial != tree.serial:
            yield Failure(profile.name, where, "serial", tree.serial, serial)
    order = _order(files)
    if tree.order and order != tree.order:
        yield Failure(profile.name, where, "order", ", ".join(tree.order), ", ".join(order))


def _order(files: Sequence[CardFile]) -> list[str]:
    def recorded(file: CardFile) -> tuple[datetime, int]:
        return file.facts.named_at or datetime.min, file.facts.sequence or 0

    footage = sorted((file for file in files if file.kind != "attachment"), key=recorded)
    return [file.display_name.rpartition("/")[2] for file in footage]


def _disk(tree: TreeExample) -> BlockDevice:
    vendor, _, product = (tree.usb or ":").partition(":")
    return BlockDevice("", "", None, "unknown", False, vendor, product, "", "vfat", "", tree.label, 0, True)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "replace")


def _shown(value: object) -> str:
    return "not said" if value is None else str(value)

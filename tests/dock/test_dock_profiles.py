"""Profiles: their own examples, how a camera is recognised, what a wrong file says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock.devices import BlockDevice
from dock.docking import camera_of
from dock.errors import Kind, ProfileError
from dock.listing import Entry, Scan, listing_of
from dock.profile_checks import failures
from dock.profiles import CameraProfile, load_profiles

SHIPPED = load_profiles()
GAT947 = SHIPPED.by_name("gat947")


def disk(vendor_id: str = "", product_id: str = "", fs_label: str = "") -> BlockDevice:
    return BlockDevice("/dev/x", "", 1, "S", True, vendor_id, product_id, "", "vfat", "", fs_label, 1, True)


@dataclass(frozen=True)
class Origin:
    """A card whose USB side says no serial."""

    serial: str = "unknown-card"
    serial_known: bool = False
    vendor_id: str = ""
    product_id: str = ""


@pytest.mark.parametrize("profile", SHIPPED.profiles, ids=lambda profile: profile.name)
def test_examples_and_trees_hold(profile: CameraProfile) -> None:
    assert [str(one) for one in failures(profile, SHIPPED)] == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ('[[examples]]\nname = "GX010042.MP4"\nsequence = 42\n', "sequence is 4201; the example says 42"),
        ('[[examples]]\nname = "GL0042.LRV"\n', "kind is left_out; the example says video"),
        ('[[trees]]\nnames = ["X.MP4"]\n', "profile is generic; the example says gopro"),
        ('[[trees]]\nnames = ["GX010042.MP4"]\nserial = "7"\n', "serial is unknown-card; the example says 7"),
        ('[[trees]]\nnames = ["GX010002.MP4", "GX020001.MP4"]\norder = ["GX010002.MP4", "GX020001.MP4"]\n',
         "order is GX020001.MP4, GX010002.MP4"),
    ],
)  # fmt: skip
def test_an_example_that_does_not_hold_is_said(tmp_path: Path, wrong: str, what: str) -> None:
    path = tmp_path / "gopro.toml"
    path.write_text(f'name = "gopro"\nextends = "gopro"\n{wrong}')
    ours = load_profiles([path])
    failed = [str(one) for one in failures(ours.by_name("gopro"), ours)]
    assert len(failed) == 1
    assert what in failed[0]


def test_every_shipped_profile_says_where_its_facts_come_from_and_proves_itself() -> None:
    wanted = {
        "gat947", "e12", "police4g", "dcam", "h22", "label", "gopro", "dji", "nextbase", "blackvue", "havis",
        "generic",
    }  # fmt: skip
    assert {profile.name for profile in SHIPPED.profiles} == wanted
    for profile in SHIPPED.profiles:
        file = profile.file
        assert file.sources, profile.name
        assert file.trees, profile.name
        assert not file.tried_on_device, profile.name  # no hardware was at hand
        assert "not tried on the device" in file.basis or "not on a device" in file.basis


@given(st.text(max_size=300))
def test_any_name_is_read_without_an_error_and_generic_never_says_an_officer(name: str) -> None:
    for profile in SHIPPED.profiles:
        profile.facts(name)
        profile.kind_of(name)
    facts = SHIPPED.generic.facts(name)
    assert (facts.officer, facts.serial) == (None, None)


def test_a_camera_is_recognised_by_its_names() -> None:
    fitting = [f"8888888_000000_201601292055{n:02}_{n:04}.mp4" for n in range(3)]
    assert SHIPPED.recognise([disk()], [*fitting, "LOG.TXT", "A.THM"]) == GAT947
    assert SHIPPED.recognise([disk()], [*fitting, "A.MP4", "B.MP4", "C.MP4"]) == GAT947
    assert SHIPPED.recognise([disk()], [*fitting, "A.MP4", "B.MP4", "C.MP4", "D.MP4"]) == SHIPPED.generic
    assert SHIPPED.recognise([disk()], []) == SHIPPED.generic


def test_the_same_shape_in_another_family_is_not_taken_for_it() -> None:
    # e12 writes officer_serial_time_sequence: officer and serial would be swapped.
    name = "DCIM/100ANDRO/J0H42A_8888888_20160129205547_0001.mp4"
    profile = SHIPPED.recognise([disk()], [name])
    facts = profile.facts(name)
    assert (profile.name, facts.officer, facts.serial) == ("e12", "J0H42A", "8888888")


@pytest.mark.parametrize(
    ("names", "profile"),
    [
        (["DCIM/100ANDRO/X.mp4"], "e12"),
        (["X/8888888/J0H42A/20261104/083000_0005.mp4"], "e12"),  # later firmware, by its names
        (["ID.txt", "DCIM/100MEDIA/X.MP4"], "h22"),
        (["LocalSettings.json"], "h22"),
        (["DCIM/100MEDIA/X.MP4"], "generic"),
        (["DCIM/100GOPRO/GX010042.MP4", "DCIM/100GOPRO/GX010042.THM"], "gopro"),
        (["DCIM/100GOPRO/GOPR0042.MP4", "DCIM/100GOPRO/GP010042.MP4"], "gopro"),
        (["DCIM/100GOPRO/X.MP4"], "generic"),
    ],
)
def test_which_family_a_card_belongs_to(names: list[str], profile: str) -> None:
    assert SHIPPED.recognise([disk()], names).name == profile


def test_chapters_of_one_recording_are_in_order_before_the_next_recording_c06() -> None:
    names = ["GX010001.MP4", "GX010002.MP4", "GX020001.MP4", "GX030001.MP4"]
    by_sequence = sorted(names, key=lambda name: SHIPPED.by_name("gopro").facts(name).sequence or 0)
    assert by_sequence == ["GX010001.MP4", "GX020001.MP4", "GX030001.MP4", "GX010002.MP4"]


def test_a_camera_with_several_disks_is_recognised_by_any_of_them(tmp_path: Path) -> None:
    profiles = load_profiles([own_profile(tmp_path)])
    assert profiles.recognise([disk(), disk(fs_label="cam07")], []).name == "office"
    assert profiles.recognise([], ["ID.TXT"]).name == "office"


def own_profile(tmp_path: Path, **changes: str) -> Path:
    lines = {
        "name": '"office"',
        "title": '"the office\'s cameras"',
        "basis": '"seen"',
        "time_zone": '"Asia/Urumqi"',
        "match.usb": '["4255:0001"]',
        "match.labels": '["CAM*"]',
        "match.markers": '["ID.txt", "DCIM/100MEDIA"]',
        "kinds.video": '["mp4"]',
        "examples": '[{ name = "a.mp4" }]',
    } | changes
    path = tmp_path / f"own{len(list(tmp_path.iterdir()))}.toml"
    path.write_text("\n".join(f"{key} = {value}" for key, value in lines.items() if value))
    return path


@pytest.mark.parametrize(
    ("device", "names"),
    [
        (disk("4255", "0001"), []),
        (disk(fs_label="cam07"), []),
        (disk(), ["ID.TXT"]),
        (disk(), ["DCIM/100MEDIA/A.MP4"]),
        (disk("4255", "0001"), ["8888888_000000_20160129205547_0001.mp4"]),  # stronger than names
    ],
)
def test_an_offices_own_profile_is_recognised_by_any_of_its_signs(
    tmp_path: Path, device: BlockDevice, names: list[str]
) -> None:
    assert load_profiles([own_profile(tmp_path)]).recognise([device], names).name == "office"


def test_an_own_profile_replaces_a_shipped_one(tmp_path: Path) -> None:
    profiles = load_profiles([own_profile(tmp_path, name='"gat947"')])
    assert profiles.by_name("gat947").time_zone == "Asia/Urumqi"
    assert len(profiles.profiles) == len(SHIPPED.profiles)


def test_an_own_profile_says_only_what_is_different(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        'name = "gat947"\nextends = "gat947"\n[identity]\nofficer = "serial"\nserial = "officer"\n'
        '[[examples]]\nname = "J0H42A_8888888_20261104083000_0001.mp4"\n'
    )
    ours = load_profiles([path])
    facts = ours.by_name("gat947").facts("J0H42A_8888888_20261104083000_0001.mp4")
    assert (facts.officer, facts.serial, facts.sequence) == ("J0H42A", "8888888", 1)
    assert ours.by_name("gat947").file.marks == GAT947.file.marks
    assert len(ours.profiles) == len(SHIPPED.profiles)


def test_pieces_from_before_the_button_are_left_out_unless_told_otherwise(tmp_path: Path) -> None:
    piece = "DCIM/SEGTEMP/J0H42A_8888888_20261104082945_0000.mp4"
    entry = Entry(piece.encode(), 50_000_000, 0)  # far too large for a thumbnail
    e12 = SHIPPED.by_name("e12")
    left = listing_of(Scan((entry,), ()), e12, seen={entry.path: "video"})
    assert (len(left.files), [one.path for one in left.explained]) == (0, [entry.path])
    told = tmp_path / "e12.toml"
    told.write_text('name = "e12"\nextends = "e12"\n[kinds]\nleft_out_footage = []\n')
    taken = listing_of(Scan((entry,), ()), load_profiles([told]).by_name("e12"))
    assert [(file.kind, file.facts.officer) for file in taken.files] == [("video", "J0H42A")]


def test_a_usb_serial_that_a_family_shares_tells_none_of_its_cameras(tmp_path: Path) -> None:
    shared = Origin("0001", serial_known=True)
    files = listing_of(Scan((Entry(b"a.mp4", 1, 0),), ()), GAT947).files
    named = listing_of(Scan((Entry(b"8888888_0_20261104083000_1.mp4", 1, 0),), ()), GAT947).files
    path = tmp_path / "gat947.toml"
    path.write_text('name = "gat947"\nextends = "gat947"\n[identity]\nusb_serial = false\nlabel = "serial"\n')
    sharing = load_profiles([path]).by_name("gat947")
    assert camera_of(shared, files, GAT947, "CAM01").serial == "0001"
    told = [
        camera_of(shared, *seen) for seen in ((files, sharing), (files, sharing, "CAM01"), (named, sharing))
    ]
    assert [(one.serial, one.serial_by) for one in told] == [
        ("unknown-0001", "disk"), ("CAM01", "label"), ("8888888", "name"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "key", "allowed"),
    [
        ({"time_zone": '"Beijing"'}, "time_zone", "like Asia/Shanghai"),
        ({"match.usb": '["4255:1"]'}, "match.usb.0", "pattern"),
        ({"kinds.video": '[".MP4"]'}, "kinds.video.0", "pattern"),
        ({"names": '[{ pattern = "(?P<officer>" }]'}, "names.0.pattern", "regular expression"),
        ({"names": '[{ pattern = "(?P<badge>x)" }]'}, "names.0.pattern", "groups among"),
        ({"names": '[{ pattern = "(?P<date>x)" }]'}, "names.0.pattern", "date and clock"),
        ({"names": '[{ pattern = "(?P<time>x)", time_format = "%Y%m%d" }]'}, "names.0.time_format", "%H"),
        ({"names": '[{ pattern = "(?P<time>x)", time_format = "%Y%M%d%H%M" }]'}, "names.0.time_format", "%m"),
        ({"identity": '{ officer = "time" }'}, "identity.officer", "one of"),
        ({"name": '"generic"', "names": '[{ pattern = "(?P<officer>x)" }]'}, "names", "neither officer"),
        ({"name": '"generic"', "names": '[{ pattern = "(?P<id1>x)" }]'}, "names", "neither officer"),
        ({"extends": '"nobody"'}, "extends", "one of"),
        ({"pre_record_s": "-1.0"}, "pre_record_s", "greater than or equal to 0"),
        ({"colour": '"red"'}, "colour", "not permitted"),
        ({"examples": "[]"}, "examples", "at least 1"),
        ({"title": ""}, "title", "required"),
        ({"name": "= ="}, "(file)", "TOML"),
    ],
)
def test_a_wrong_profile_says_file_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, str], key: str, allowed: str
) -> None:
    path = own_profile(tmp_path, **changes)
    with pytest.raises(ProfileError, match=allowed) as wrong:
        load_profiles([path])
    assert (wrong.value.file, wrong.value.key, wrong.value.kind) == (str(path), key, Kind.PERSON)


def test_a_missing_or_doubled_profile_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="readable"):
        load_profiles([tmp_path / "none.toml"])
    with pytest.raises(ProfileError, match="once"):
        load_profiles([own_profile(tmp_path), own_profile(tmp_path)])


def test_ten_thousand_names_are_held_against_all_profiles_in_a_second() -> None:
    # Processor time: the machine may be busy.  A hostile card has names as long as vfat takes them.
    at = [f"2026{1 + n % 12:02}04{n % 24:02}3000" for n in range(10_000)]
    for names in (
        [f"DCIM/{n // 500:03}/8888888_J0H42A_{when}_{n:04}.mp4" for n, when in enumerate(at)],
        [f"DCIM/{n // 500:03}/a clip of mine {n:x}.mp4" for n in range(10_000)],
        ["_" * 240 + f"{n}_.mp4" for n in range(10_000)],
    ):
        begun = time.process_time()
        SHIPPED.recognise([disk()], names)
        assert time.process_time() - begun < 1.0

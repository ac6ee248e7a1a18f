"""The listing of a card: its digest, its sum, and the camera it tells of."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock.devices import BlockDevice, best_reading
from dock.docking import camera_of, new_docking_id
from dock.filesystems import attempts_for
from dock.listing import Entry, Explained, Reason, Scan, digest_of, listing_of
from dock.profiles import load_profiles

PROFILES = load_profiles()
entries = st.tuples(st.binary(min_size=1, max_size=40), st.integers(0, 2**62), st.integers(-(2**62), 2**62))
listings = st.lists(entries, max_size=8, unique_by=lambda entry: entry[0])


def test_the_digest_is_what_its_document_says() -> None:
    one = b"a/b.mp4", 5, -1
    form = b"bodydock listing v1\n" + (1).to_bytes(8, "big")
    form += (7).to_bytes(8, "big") + b"a/b.mp4" + (5).to_bytes(8, "big") + b"\xff" * 8
    assert digest_of([one]) == hashlib.sha256(form).hexdigest()


@given(listings, st.randoms())
def test_the_digest_does_not_depend_on_order(listing: list[tuple[bytes, int, int]], random: object) -> None:
    shuffled = list(listing)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest_of(shuffled) == digest_of(listing)


@given(listings, listings)
def test_other_entries_give_another_digest(
    one: list[tuple[bytes, int, int]], other: list[tuple[bytes, int, int]]
) -> None:
    assert (digest_of(one) == digest_of(other)) == (sorted(one) == sorted(other))


@given(listings)
def test_every_entry_is_a_file_or_explained_and_in_the_sum(listing: list[tuple[bytes, int, int]]) -> None:
    scan = Scan(tuple(Entry(*entry) for entry in listing), ())
    for profile in PROFILES.profiles:
        made = listing_of(scan, profile)
        paths = [file.path for file in made.files] + [entry.path for entry in made.explained]
        assert sorted(paths) == sorted(entry[0] for entry in listing)
        assert made.count == len(listing)
        assert made.total_bytes == sum(entry[1] for entry in listing)
        assert made.digest == digest_of(listing)
        assert [file.index for file in made.files] == list(range(len(made.files)))


@pytest.mark.parametrize(
    ("modified_ns", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1_000_000_000, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1_454_100_947_123_456_789, datetime(2016, 1, 29, 20, 55, 47, 123456, tzinfo=UTC)),
        (2**63 - 1, datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC)),
        (2**70, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_absurd_times_do_no_harm_a08(modified_ns: int, expected: datetime) -> None:
    (file,) = listing_of(Scan((Entry(b"a.mp4", 1, modified_ns),), ()), PROFILES.generic).files
    assert file.modified_at == expected
    digest_of([(b"a.mp4", 1, modified_ns)])


def test_names_have_a_best_reading_b02() -> None:
    assert best_reading("视频001.MP4".encode("gbk")) == "视频001.MP4"
    assert best_reading("视频001.MP4".encode()) == "视频001.MP4"
    assert best_reading(b"\xff\xfe.mp4") == "\ufffd\ufffd.mp4"
    assert Explained(b"\xff", 0, Reason.LIMIT, "").display_name == "\ufffd"


def listed_by(*names: str) -> Scan:
    return Scan(tuple(Entry(name.encode(), 1, 0) for name in names), ())


@pytest.mark.parametrize(
    ("serial_known", "names", "expected"),
    [
        (True, ["8888888_A_20160129205547_0001.mp4"], ("USB1", "usb")),  # usb outranks names (trust.md)
        (False, ["8888888_A_20160129205547_0001.mp4"], ("8888888", "name")),
        (True, ["X.MP4"], ("USB1", "usb")),
        (False, ["X.MP4"], ("USB1", "disk")),
        # A card that went from one camera to another says nothing sure.
        (False, ["7_A_20160129205547_1.mp4", "8_A_20160129205547_1.mp4"], ("USB1", "disk")),
        (
            False,
            [f"7_A_20160129205547_{n}.mp4" for n in (1, 2)] + ["8_A_20160129205547_1.mp4"],
            ("7", "name"),
        ),
    ],
)
def test_which_camera_it_is(serial_known: bool, names: list[str], expected: tuple[str, str]) -> None:
    device = BlockDevice("/dev/x", "", 1, "USB1", serial_known, "2c7a", "0b01", "", "vfat", "", "", 1, True)
    scan = listed_by(*names)
    profile = PROFILES.recognise([device], scan.names)
    camera = camera_of(device, listing_of(scan, profile).files, profile)
    assert (camera.serial, camera.serial_by) == expected
    assert (camera.vendor_id, camera.product_id) == ("2c7a", "0b01")


def test_dockings_have_random_ids() -> None:
    ids = {new_docking_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(bytes.fromhex(docking)) == 16 for docking in ids)


def test_naming_options_are_always_given_and_fall_back_b05() -> None:
    vfat = [attempt.options for attempt in attempts_for("vfat")]
    assert vfat[0].startswith("codepage=936,utf8=1,")
    assert len(vfat) > 1  # a kernel without nls_cp936 fails the first
    assert all({"utf8=1", "tz=UTC"} <= set(options.split(",")) for options in vfat)
    assert all("iocharset=utf8" in attempt.options for attempt in attempts_for("exfat"))
    assert all("noload" in attempt.options for attempt in attempts_for("ext4"))


def test_no_file_system_is_ever_forced_or_written_b10() -> None:
    for fs_type in ("vfat", "exfat", "ntfs", "ext2", "ext3", "ext4"):
        for attempt in attempts_for(fs_type):
            assert {"rw", "force"}.isdisjoint(attempt.options.split(","))
    for fs_type in ("", "crypto_LUKS", "swap", "btrfs", "squashfs", "linux_raid_member"):
        assert attempts_for(fs_type) == ()


BIG, SMALL = 5 * 1024 * 1024, 200_000


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DCIM/x.thm", "video"),
        ("DCIM/x.LRV", "video"),
        ("DCIM/._20261124.mp4", "video"),
        ("RECYCLER/S-1/a.mp4", "video"),
        ("$RECYCLE.BIN/a.wav", "audio"),
    ],
)
def test_what_is_too_large_for_what_its_name_says_is_pulled(name: str, kind: str) -> None:
    """Renaming footage to a thumbnail must not hide it."""
    listing = listing_of(Scan((Entry(name.encode(), BIG, 0),), ()), PROFILES.generic)
    assert [(file.display_name, file.kind) for file in listing.files] == [(name, kind)]
    small = listing_of(Scan((Entry(name.encode(), SMALL, 0),), ()), PROFILES.generic)
    assert [(entry.display_name, entry.reason) for entry in small.explained] == [(name, Reason.LEFT_OUT)]


@pytest.mark.parametrize("size", [BIG, 3 * BIG])
def test_a_proxy_of_a_larger_file_that_is_pulled_stays_out(size: int) -> None:
    entries = (Entry(b"DCIM/GX010043.MP4", 2 * BIG, 0), Entry(b"DCIM/GL010043.LRV", size, 0))
    listing = listing_of(Scan(entries, ()), PROFILES.by_name("gopro"))
    assert len(listing.files) == (1 if size == BIG else 2)


def test_rubbish_that_is_no_media_stays_out_and_is_named() -> None:
    entries = (Entry(b"setup.exe", BIG, 0), Entry(b"System Volume Information/x", BIG, 0))
    listing = listing_of(Scan(entries, ()), PROFILES.generic)
    assert (listing.files, len(listing.explained)) == ((), 2)

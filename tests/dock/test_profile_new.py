"""The kit, tried as a technician would: three trees that no profile knows, each with what it must yield.

The trees and their facts (tests/dock/trees) were made before the kit, without regard to how it works.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dock.card_tree import Tree, TreeFile, read_tree
from dock.draft_new import new_profile
from dock.profile_reading import profile_of_text
from dock.profiles import CameraProfile, Profiles, load_profiles, profile_of

SHIPPED = load_profiles()
TREES = Path(__file__).parent / "trees"
NAMES = ("strom", "kestrel", "actor")

# What a technician who knows the camera writes into the draft: no pattern, no code.
EDITS = {
    "strom": [('officer = ""', 'officer = "id2"'), ('serial = ""', 'serial = "id1"')],
    "kestrel": [],
    "actor": [],
}


def sample(name: str) -> dict[str, Any]:
    return tomllib.loads((TREES / f"{name}.toml").read_text("utf-8"))


def lay(name: str, folder: Path) -> Path:
    """Write a sample tree as its camera would: names and texts in its own encoding, sparse contents."""
    told = sample(name)
    root = folder / name
    for file in told["files"]:
        path = root / os.fsdecode(file["path"].encode(told["encoding"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as to:
            to.write(file.get("text", "").encode(told["encoding"]))
            to.truncate(file.get("size_bytes", to.tell()))
        os.utime(path, (file["modified"].timestamp(),) * 2)
    return root


def missed(name: str, text: str, paths: Sequence[str]) -> list[dict[str, Any]]:
    profile = profile_of(profile_of_text(text, name))
    return [fact for fact in sample(name)["facts"] if not yields(profile, fact, paths)]


def yields(profile: CameraProfile, fact: dict[str, Any], paths: Sequence[str]) -> bool:
    wanted = fact.get("value")
    if "of" in fact:
        return bool(of_file(profile, fact["of"])[fact["is"]] == wanted)
    every = Profiles((profile, *SHIPPED.profiles))
    says = profile.file.continuity
    answers: dict[str, Any] = {
        "recognised": every.recognise([], paths) == profile
        and SHIPPED.recognise([], paths) == SHIPPED.generic,
        "piece_s": says.split_s[0] if says.split_s else None,
        "counter": says.counter,
        "encoding": profile.file.identity.encoding,
        "log_folder": next(iter(profile.file.places.logs), None),
        "chaptered": profile.chaptered,
        "order": sorted((name.rpartition("/")[2] for name in videos(profile, paths)), key=number(profile)),
    }
    return bool(answers[fact["is"]] == wanted)


def videos(profile: CameraProfile, paths: Sequence[str]) -> list[str]:
    return [path for path in reversed(paths) if profile.kind_of(path) == "video"]


def number(profile: CameraProfile) -> Any:
    return lambda name: profile.facts(name).sequence or 0


def of_file(profile: CameraProfile, path: str) -> dict[str, Any]:
    facts = profile.facts(path)
    numbers: tuple[int | None, int | None] = (facts.sequence, None)
    if profile.chaptered and facts.sequence is not None:
        numbers = (facts.sequence // 100, facts.sequence % 100)
    return {
        "starts": facts.named_at, "number": numbers[0], "chapter": numbers[1], "serial": facts.serial,
        "officer": facts.officer, "marked": facts.marked, "view": facts.view,
        "kind": profile.kind_of(path) or "left_out",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_draft_yields_four_fifths_and_the_finished_profile_all(name: str, tmp_path: Path) -> None:
    tree = read_tree(lay(name, tmp_path))
    text = new_profile(tree, name, SHIPPED)
    facts = sample(name)["facts"]
    left = missed(name, text, tree.names)
    assert len(left) * 5 <= len(facts), left
    for before, after in EDITS[name]:
        assert text.count(before) == 1
        text = text.replace(before, after)
    assert missed(name, text, tree.names) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_draft_is_valid_holds_its_own_examples_and_says_no_officer(name: str, tmp_path: Path) -> None:
    tree = read_tree(lay(name, tmp_path))
    profile = profile_of(profile_of_text(new_profile(tree, name, SHIPPED), name))
    assert all((facts := profile.facts(path)).officer is None and facts.serial is None for path in tree.names)
    for example in profile.file.examples:
        facts = profile.facts(example.name)
        assert (facts.named_at, facts.sequence, facts.marked) == (
            example.named_at, example.sequence, example.marked,
        )  # fmt: skip
    assert profile.file.trees


def test_the_trees_are_known_to_no_shipped_profile_and_have_enough_facts(tmp_path: Path) -> None:
    for name in NAMES:
        tree = read_tree(lay(name, tmp_path))
        assert SHIPPED.recognise([], tree.names) == SHIPPED.generic
        assert len(sample(name)["facts"]) >= 20
    assert isinstance(sample("strom")["facts"][0]["value"], datetime)


STEM = st.text(st.sampled_from("0123456789ABFx_-. /#'\"\\张\n\x7f{}[]()"), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(STEM, st.sampled_from(["mp4", "jpg", "wav", "txt", "dav", ""])), min_size=1, max_size=12
    )
)
def test_whatever_files_are_called_the_draft_is_valid(names: list[tuple[str, str]]) -> None:
    at = datetime(2026, 11, 4, 8, 30)
    paths = sorted({f"{stem.strip('/')}.{suffix}" for stem, suffix in names if stem.strip("/")})
    files = [TreeFile(path, path.encode(), 1000, at + timedelta(minutes=n)) for n, path in enumerate(paths)]
    assume(files)
    text = new_profile(Tree("x", tuple(files), label="卡'\n"), "x", SHIPPED)
    profile = profile_of(profile_of_text(text, "x"))
    assert all(profile.facts(path).officer is None for path in paths)


# A sample of each family that is documented, drafted as if nobody knew it.
FAMILIES: dict[str, tuple[str, list[str]]] = {
    "gat947": ("8888888_J0H42A_{at:%Y%m%d%H%M%S}_{n:04}.mp4", ["starts", "number"]),
    "e12": ("DCIM/100ANDRO/J0H42A_8888888_{at:%Y%m%d%H%M%S}_{n:04}.mp4", ["starts", "number"]),
    "e12-later": ("Video/8888888/J0H42A/{at:%Y%m%d}/{at:%H%M%S}_{n:04}.mp4", ["starts", "number"]),
    "police4g": ("police/video/{at:%Y%m%d}/110108_8888888_01_{at:%Y%m%d%H%M%S}.mp4", ["starts"]),
    "dcam": ("DCAM_CAM001_000001_{at:%Y%m%d_%H%M%S}.mp4", ["starts"]),
    "h22": ("DCIM/100MEDIA/{at:%Y%m%d_%H%M%S}.MP4", ["starts"]),
    "dji": ("DCIM/DJI_001/DJI_{at:%Y%m%d%H%M%S}_{n:04}_D.MP4", ["starts", "number"]),
    "dji-old": ("DCIM/100MEDIA/DJI_{n:04}.MP4", ["number"]),
    "nextbase": ("DCIM/MOVIE/{at:%y%m%d_%H%M%S}_{n:03}_FH.MP4", ["starts", "number"]),
    "blackvue": ("Record/{at:%Y%m%d_%H%M%S}_NF.mp4", ["starts"]),
    "havis": ("CAR 12_{at:%b.%d.%Y_%H.%M.%S}.avi", ["starts"]),
    "iso": ("clips/{at:%Y-%m-%dT%H-%M-%S}Z.mkv", ["starts"]),
    "american": ("VID {at:%m-%d-%Y %H.%M.%S} #{n}.mp4", ["starts", "number"]),
    "words": ("Camera Seven/Clip {n:03} of {at:%d%m%y %H%M%S}.mp4", ["starts", "number"]),
}


@pytest.mark.parametrize("kept_times", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_other_shapes_give_their_times_and_numbers(family: str, kept_times: bool) -> None:
    form, wanted = FAMILIES[family]
    begun = datetime(2026, 10, 30, 21, 52, 7)
    starts = [begun + timedelta(minutes=10 * n, hours=9 * (n // 4)) for n in range(14)]
    copied = datetime(2027, 6, 1, 12)  # copied without their times
    paths = [form.format(at=at, n=n + 37) for n, at in enumerate(starts)]
    files = [
        TreeFile(path, path.encode(), 1000, at + timedelta(minutes=10) if kept_times else copied)
        for path, at in zip(paths, starts, strict=True)
    ]
    profile = profile_of(profile_of_text(new_profile(Tree("x", tuple(files)), "x", SHIPPED), family))
    for n, (path, at) in enumerate(zip(paths, starts, strict=True)):
        facts = profile.facts(path)
        assert (facts.officer, facts.serial) == (None, None)
        if "starts" in wanted and (kept_times or "y" not in form.replace("%y%m", "")):
            assert facts.named_at == at, path
        if "number" in wanted:
            assert facts.sequence == n + 37, path


def drafted(form: str, end: str = "", every: int = 5, head: str = "", other: str = "") -> CameraProfile:
    """The draft of 15 names, every fifth of which has another head or end."""
    files = []
    for n in range(15):
        at = datetime(2026, 11, 3, 22, 30) + timedelta(minutes=10 * n)
        name = form.format(at=at, n=n + 1, head=other if n % every else head, end="" if n % every else end)
        files.append(TreeFile(name, name.encode(), 1000, at + timedelta(minutes=10)))
    return profile_of(profile_of_text(new_profile(Tree("x", tuple(files)), "x", SHIPPED), "x"))


def test_what_only_the_important_ones_bear_is_a_mark_and_what_a_copy_bears_is_none() -> None:
    ended = drafted("{at:%Y%m%d_%H%M%S}_{n:03}{end}.mp4", end="_RO")
    assert (ended.facts("20261104_083000_007_RO.mp4").marked, ended.file.marks.stem_ends) == (True, ["_RO"])
    headed = drafted("{head}{at:%Y%m%d}-{at:%H%M%S}.mp4", head="EMR", other="NOR")
    assert [headed.facts(f"{kind}20261104-083000.mp4").marked for kind in ("EMR", "NOR")] == [True, False]
    before = drafted("{at:%Y%m%d_%H%M%S}_{n:03}{end}.mp4", end="_PRE")
    assert not before.facts("20261104_083000_007_PRE.mp4").marked
    assert before.facts("20261104_083000_007_PRE.mp4").sequence == 7


def test_an_end_is_no_counter_and_a_day_of_folders_is_a_day() -> None:
    ends = drafted("CH1-{at:%Y%m%d-%H%M%S}-{at:%H%M}30-M.mp4").facts("CH1-20261104-083000-084000-M.mp4")
    assert (ends.named_at, ends.sequence) == (datetime(2026, 11, 4, 8, 30), None)
    nested = drafted("{at:%Y/%m/%d}/CAM3-{at:%H%M%S}.mp4").facts("2026/11/04/CAM3-083000.mp4")
    assert nested.named_at == datetime(2026, 11, 4, 8, 30)
    joined = drafted("DSJ{at:%Y%m%d%H%M%S}{n:04}.mp4").facts("DSJ202611040830000012.mp4")
    assert (joined.named_at, joined.sequence) == (datetime(2026, 11, 4, 8, 30), 12)


def test_digits_that_could_be_two_days_are_said() -> None:
    at = datetime(2026, 5, 4, 8, 30)
    names = [f"REC_{at:%d-%m-%Y_%H-%M}-{n:02}_{n}.mp4" for n in range(4)]
    files = tuple(TreeFile(name, name.encode(), 1, None) for name in names)
    assert "could be read as %m%d%Y%H%M%S" in new_profile(Tree("x", files), "x", SHIPPED)

"""`bodydock profile`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main_group
from tests.dock.test_profile_new import lay


def bodydock(*words: str | Path) -> Result:
    return CliRunner().invoke(main_group, ["profile", *map(str, words)])


def data(*words: str | Path) -> Any:
    return json.loads(bodydock(*words, "--json").stdout)


def test_all_profiles_are_listed_with_what_they_rest_on() -> None:
    rows = {row["profile"]: row for row in data("list")}
    assert {"gat947", "e12", "police4g", "label", "generic"} <= set(rows)
    assert (rows["e12"]["tried_on_device"], bool(rows["e12"]["sources"])) == (False, True)
    assert "not tried on a device" in bodydock("list").stdout


def test_one_profile_is_shown_with_whose_its_fields_are() -> None:
    shown = bodydock("show", "dcam").stdout
    assert "officer          no field of a name: nobody" in shown
    assert "serial           the field serial of a name" in shown
    assert data("show", "e12")["kinds"]["left_out_footage"] == ["SEGTEMP"]
    unknown = bodydock("show", "e13")
    assert (unknown.exit_code, "there are: blackvue" in str(unknown.output)) == (1, True)


def test_the_shipped_profiles_hold_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    assert bodydock("test").exit_code == 0
    path = tmp_path / "ours.toml"
    path.write_text('name = "ours"\nextends = "gat947"\n[[examples]]\nname = "X.mp4"\nofficer = "7"\n')
    ran = bodydock("test", path)
    assert (ran.exit_code, "officer is not said; the example says 7" in ran.stdout) == (1, True)
    # Trees that it inherits are read by whichever counts: gat947 still stands beside it.
    assert {one["what"] for one in data("test", path)["failures"]} >= {"officer"}


def test_a_known_camera_is_told_with_why(tmp_path: Path) -> None:
    (tmp_path / "DCIM/100ANDRO").mkdir(parents=True)
    (tmp_path / "DCIM/100ANDRO/J0H42A_8888888_20261104083000_0002IMP.mp4").write_bytes(b"x")
    told = data("try", tmp_path)
    best = told["profiles"][0]
    assert (best["profile"], best["why"], told["fits"]) == ("e12", "DCIM/100ANDRO is there", True)
    assert told["read"] == [
        {
            "name": "DCIM/100ANDRO/J0H42A_8888888_20261104083000_0002IMP.mp4", "kind": "video",
            "named_at": "2026-11-04 08:30:00", "sequence": 2, "serial": "8888888", "officer": "J0H42A",
            "marked": True, "view": None,
        },
    ]  # fmt: skip
    assert data("try", tmp_path, "--profile", "generic")["read"][0]["officer"] is None
    assert bodydock("try", tmp_path).exit_code == 0


def test_a_camera_that_none_knows_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "000123_000456_20261104083000.mp4").write_bytes(b"x")
    ran = bodydock("try", tmp_path)
    assert (ran.exit_code, "nobody is named" in ran.stdout) == (1, True)
    told = data("try", tmp_path)
    assert (told["fits"], told["read_by"], told["read"][0]["officer"]) == (False, "generic", None)


def test_usb_ids_and_label_are_signs_as_at_the_dock(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        'name = "ours"\ntitle = "t"\nbasis = "b"\n[match]\nusb = ["4255:0001"]\nlabels = ["UNIT*"]\n'
        '[kinds]\nvideo = ["mp4"]\n[[examples]]\nname = "a.mp4"\n'
    )
    card = tmp_path / "card"
    card.mkdir()
    (card / "a.mp4").write_bytes(b"x")
    for sign in (("--usb", "4255:0001"), ("--label", "UNIT 7")):
        assert data("try", card, "--own", path, *sign)["profiles"][0]["profile"] == "ours"
    assert not data("try", card, "--own", path)["fits"]
    assert "must be like 4255:0001" in bodydock("try", card, "--usb", "4255").output


@pytest.mark.skipif(not Path("/usr/sbin/mkfs.vfat").exists() or not shutil.which("mcopy"), reason="no mtools")
def test_an_image_is_tried_and_drafted_without_mounting(tmp_path: Path) -> None:
    image, clip = tmp_path / "card.img", tmp_path / "clip"
    image.touch()
    os.truncate(image, 8 << 20)
    clip.write_bytes(b"x" * 5000)
    env = os.environ | {"MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(["/usr/sbin/mkfs.vfat", "-n", "CAM07", image], check=True, capture_output=True)
    subprocess.run(["mmd", "-i", image, "::files", "::files/data"], check=True, env=env)
    subprocess.run(["mcopy", "-i", image, clip, "::files/data/20261104_083000.mp4"], check=True, env=env)
    told = data("try", image)
    assert (told["profiles"][0]["profile"], told["label"]) == ("label", "CAM07")
    assert 'labels = ["CAM07"]' in bodydock("new", image).stdout


def test_a_draft_never_writes_over_what_was_edited(tmp_path: Path) -> None:
    card = lay("actor", tmp_path)
    path = tmp_path / "ours.toml"
    assert bodydock("new", card, "--output", path).exit_code == 0
    path.write_text(path.read_text() + "# mine\n")
    assert bodydock("new", card, "--output", path).exit_code != 0
    assert path.read_text().endswith("# mine\n")
    assert bodydock("test", path).exit_code == 0


def test_a_folder_without_files_and_what_is_no_card_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "page.pdf").write_bytes(b"%PDF")
    assert "holds no files" in bodydock("new", tmp_path / "empty").output
    assert "mount the card" in bodydock("try", tmp_path / "page.pdf").output


def test_a_person_says_whose_an_id_is_and_only_one_that_is_there(tmp_path: Path) -> None:
    card, path = lay("strom", tmp_path), tmp_path / "ours.toml"
    assert bodydock("new", card, "--serial", "id1", "--officer", "id2", "--output", path).exit_code == 0
    told = {one["name"]: one for one in data("try", card, "--own", path)["read"]}
    first = told["VIDEO/2026-11-03/K7-00231_赵敏_221510_0041.MP4"]
    assert (first["serial"], first["officer"]) == ("K7-00231", "赵敏")
    assert bodydock("test", path).exit_code == 0
    assert "must be one of id1, id2" in bodydock("new", card, "--officer", "id3").output

"""`bodydock center case-card`: what it writes reads back, and verifies under keys of a dock's settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from click.testing import CliRunner, Result

from center import registry, settings
from daemon.cli.center import center_group
from daemon.cli.center_common import folder_of
from uplink import case_card, registry_files
from uplink.keys import KeyRecord, KeyRing, Role

pytest.importorskip("zxingcpp")
CASES = "case,title,matter,place,officers\n沪执/2026-1,占道经营,market,光明路12号,J1\n"


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(center_group, [*words, "--folder", str(root)])


@pytest.fixture
def center(tmp_path: Path) -> Path:
    root = tmp_path / "center"
    assert call(root, "init", "--id", "pf").exit_code == 0
    assert call(root, "keys").exit_code == 0
    table = tmp_path / "cases.csv"
    table.write_text(CASES, encoding="utf-8")
    registry.sign(
        folder_of(root), settings.load(folder_of(root)), "site-1", [registry_files.read(table, None)]
    )
    return root


def codes(path: Path) -> list[str]:
    import zxingcpp

    with av.open(str(path)) as picture:
        gray = next(picture.decode(video=0)).to_ndarray(format="gray")
    return [code.text for code in zxingcpp.read_barcodes(gray)]


def test_code_and_sheet_read_back_as_the_signed_card(center: Path, tmp_path: Path) -> None:
    out = tmp_path / "cards"
    made = call(center, "case-card", "沪执/2026-1", "--days", "7", "--out", str(out), "--json")
    assert made.exit_code == 0, made.output
    said = json.loads(made.stdout)
    assert sorted(path.name for path in out.iterdir()) == [
        "沪执_2026-1-a6.png",
        "沪执_2026-1-a6.svg",
        "沪执_2026-1.png",
        "沪执_2026-1.svg",
    ]
    for name in ("沪执_2026-1.png", "沪执_2026-1-a6.png"):
        assert codes(out / name) == [said["text"]]
    sheet = (out / "沪执_2026-1-a6.svg").read_text(encoding="utf-8")
    assert all(words in sheet for words in ("沪执/2026-1", "占道经营", "market", "光明路12号"))
    table = json.loads(call(center, "keys", "--json").stdout)["platform"]
    ring = KeyRing([KeyRecord(bytes.fromhex(key), Role.REGISTRY, "pf") for key in table["keys"]["registry"]])
    card = case_card.unseal(said["text"], ring, "pf", datetime.now(UTC))
    assert card.case == "沪执/2026-1"
    assert 6 <= (card.expires - datetime.now(UTC)).days <= 7


def test_a_case_that_the_registry_lacks_is_refused_with_what_to_do(center: Path, tmp_path: Path) -> None:
    made = call(center, "case-card", "C-404", "--out", str(tmp_path / "cards"))
    assert made.exit_code == 1
    assert "C-404" in made.stderr
    assert "registry publish" in made.stderr
    assert not (tmp_path / "cards").exists()

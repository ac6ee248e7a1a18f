"""The list of `script/mutate` fits the tree and the pages: every line, every test, every passage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rig import mutations
from tests.rig.mutations import ROOT, Aside, Break, Verdict, judge, load, names_in, passages, plain

LISTED = load()
DESIGN = Path(os.environ.get("BODYDOCK_SHARED", str(ROOT.parent / "shared"))) / "design"


@pytest.mark.parametrize("one", LISTED.breaks, ids=lambda one: one.id)
def test_each_line_is_there_once_and_each_test_exists(one: Break) -> None:
    assert (ROOT / one.file).read_text().count(one.old) == 1, one.file
    assert one.new != one.old
    assert one.tests
    for test in one.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).exists(), test
        assert not name or name in names_in(ROOT / file), test


@pytest.mark.parametrize("page", mutations.PAGES)
def test_every_passage_of_a_page_is_kept_by_a_line_or_set_aside(page: str) -> None:
    if not (DESIGN / page).exists():
        pytest.skip(f"no {DESIGN / page}: the pages are not in the repository")
    text = (DESIGN / page).read_text()
    every: tuple[Break | Aside, ...] = (*LISTED.breaks, *LISTED.asides)
    listed = [plain(one.quote) for one in every if one.page == page]
    assert [quote for quote in listed if quote not in plain(text)] == []
    assert [said for said in passages(text) if not any(quote in said for quote in listed)] == []


def test_what_was_caught_and_what_was_not_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "thing.py").write_text("def two() -> int:\n    return 2\n")
    (tmp_path / "test_thing.py").write_text(
        "from thing import two\n\ndef test_two():\n    assert two() == 2\n\ndef test_nothing():\n    two()\n"
    )

    def verdict(old: str, new: str, test: str = "test_two") -> Verdict:
        return judge(tmp_path, Break("x", "p", "q", "thing.py", old, new, (f"test_thing.py::{test}",)))

    assert verdict("return 2", "return 3") is Verdict.CAUGHT
    assert verdict("return 2", "return 3", "test_nothing") is Verdict.NOT_CAUGHT
    assert verdict("return 4", "return 3") is Verdict.NOT_APPLIED
    assert verdict("def two", "def three") is Verdict.NO_IMPORT
    assert (tmp_path / "thing.py").read_text() == "def two() -> int:\n    return 2\n"

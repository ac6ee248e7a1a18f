"""The references are what settings' types and the rule set say, and their examples are settings."""

from __future__ import annotations

import re
import tomllib

import pytest

from center import settings_reference as of_center
from daemon import settings_reference as of_dock
from daemon.settings import Settings
from tests.rig.program import ROOT
from transcoder import rules_reference as of_rules
from transcoder.report import FINDING_CODES


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("configuration.md", of_dock.page()),
        ("center-configuration.md", of_center.page()),
        ("rule-sets.md", of_rules.page()),
    ],
)
def test_the_reference_is_made_from_the_types(name: str, page: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == page


def test_the_smallest_settings_are_settings() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", of_dock.page(), re.M | re.S)
    assert Settings.model_validate(tomllib.loads(example)).dock.id == "dock-01"


def test_each_key_of_a_dock_stands_in_it() -> None:
    said = set(re.findall(r"^\| `(\w+)` \|", of_dock.page(), re.M))
    for name, field in Settings.model_fields.items():
        assert name in said or f"[{name}]" in of_dock.page() or name == "sha256", field
    assert {"bytes_per_second", "card_free_share", "deep_share", "files", "people"} <= said


def test_each_finding_code_has_its_words() -> None:
    assert set(of_rules.SAYS) == set(FINDING_CODES)

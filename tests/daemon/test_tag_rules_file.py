"""Tag rules are data: required fields by matter, and the order of marks."""

from __future__ import annotations

import pytest

from daemon.errors import BadSettings
from daemon.tagging import Registries, TagFacts, tag
from daemon.tagrules import parse_rules, shipped_rules
from uplink.messages.manifest import Case, Tag

TEXT = """
confidential = ["privacy", "trade_secret", "state_secret"]
long_term = ["other", "objection", "obstruction", "mass_incident"]
[required]
default = ["officer", "place", "matter"]
[required.matters]
service_of_documents = ["stage", "marks"]
"""


def test_no_mark_is_the_lowest_and_an_unknown_one_is_never_lowered() -> None:
    rules = shipped_rules()
    ranks = [rules.rank("confidential", m) for m in (None, "privacy", "trade_secret", "state_secret", "new")]
    assert ranks == sorted(set(ranks))


def test_a_matter_may_ask_for_fields_of_its_own_instead_of_the_default() -> None:
    rules = parse_rules(TEXT.encode(), "t")
    case = Case(case="C1", matter="service_of_documents", by="registry", registry_version=1)
    found = tag(TagFacts("CAM1", None, None), Tag(cases=[case]), Registries(), rules).findings
    assert {f.text["en"].rsplit(" ", 1)[-1] for f in found} == {"stage", "marks"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"privacy", ', "", "confidential"),
        ('"other"', '"else"', "long_term"),
        ('"officer"', '"weather"', "required.default"),
        ("service_of_documents", "lunch", "required.matters.lunch"),
        ("[required]", "[needed]", "required"),
        ('["stage", "marks"]', '["stage", "stage"]', "twice"),
    ],
)
def test_a_slip_is_said_with_file_and_key(old: str, new: str, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        parse_rules(TEXT.replace(old, new).encode(), "tags.toml")

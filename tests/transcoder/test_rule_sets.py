"""Rule sets: thresholds, places, and errors that say where."""

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from transcoder.errors import BadRules
from transcoder.report import Severity
from transcoder.rules import load_rules, parse_rules

DEFAULT = files("config").joinpath("rules/default.toml").read_bytes()


@pytest.mark.parametrize(
    ("seconds", "times", "severity"),
    [
        (0.4, 100.0, None),
        (0.6, 7.0, None),
        (0.6, 9.0, Severity.REVIEW),
        (2.1, 7.0, None),
        (2.1, 9.0, Severity.VIOLATION),
    ],
)
def test_a_table_is_met_when_all_its_numbers_are_exceeded(
    seconds: float, times: float, severity: Severity | None
) -> None:
    measured = {"seconds": seconds, "times_local_interval": times}
    assert load_rules(None).severity_of("continuity.gap_in_file", measured) is severity


def test_severity_is_for_what_no_table_measures() -> None:
    rules = load_rules(None)
    assert rules.severity_of("continuity.clock") is Severity.REVIEW
    assert rules.severity_of("continuity.clock", {"constant_offset_s": 400}) is Severity.INFO
    assert rules.severity_of("continuity.clock", {"constant_offset_s": 100}) is None


def test_gaps_between_files_go_by_place() -> None:
    rules = load_rules(None)
    found = [
        rules.severity_of("continuity.gap_between_files", place=p) for p in ("same", "unknown", "different")
    ]
    assert found == [Severity.VIOLATION, Severity.REVIEW, Severity.INFO]


def test_the_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(DEFAULT + b"# ours\n")
    assert load_rules(own).sha256 == hashlib.sha256(own.read_bytes()).hexdigest() != load_rules(None).sha256


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            b'severity = "violation"',
            b'severity = "fatal"',
            r"own\.toml: notice\.absent\.severity is 'fatal'; allowed",
        ),
        (b"split_gap_s = 2.0", b"split_gap_s = -1", r"runs\.split_gap_s is -1"),
        (b"split_gap_s = 2.0", b"", r"runs\.split_gap_s is missing"),
        (b"[picture.black]", b"[picture.blank]", r"picture\.black is missing"),
        (b'[sound.cut]\narticle = "15(5)"', b"[sound.cut]", r"sound\.cut\.article is missing"),
        (b"name = ", b"nom = ", "name is missing"),
        (b"review = { seconds = 1.0 }", b"reveiw = { seconds = 1.0 }", r"stream_end\.reveiw"),
        (b"in_time_s = 30", b"in_time_s = true", r"notice\.in_time_s is True"),
        (b"version = 1", b"version = ", "not TOML"),
    ],
)
def test_a_bad_rule_set_names_file_key_and_value(old: bytes, new: bytes, says: str) -> None:
    assert old in DEFAULT
    with pytest.raises(BadRules, match=says):
        parse_rules(DEFAULT.replace(old, new, 1), "own.toml")


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(BadRules, match=r"picture\.upside_down is not known"):
        parse_rules(DEFAULT + b'[picture.upside_down]\narticle = "1"\nseverity = "info"\n', "own.toml")


def test_a_missing_file_is_bad_rules(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match=r"none\.toml"):
        load_rules(tmp_path / "none.toml")

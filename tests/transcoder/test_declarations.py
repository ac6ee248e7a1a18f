"""Which sentences declare that recording is on: by sound, as data, and with what cancels it."""

import random
import tomllib
from collections import defaultdict
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("pypinyin", reason="the speech extra is not installed")

from pypinyin import lazy_pinyin

from transcoder.declaration import judge
from transcoder.errors import BadRules
from transcoder.syllables import distance, find_phrase, parts, sound_of
from transcoder.wording import parse_wording, shipped_wording

SENTENCES = tomllib.loads(Path(__file__).with_name("wordings.toml").read_text(encoding="utf-8"))
ROUNDS = tomllib.loads(Path(__file__).with_name("wordings_rounds.toml").read_text(encoding="utf-8"))
SHIPPED = files("config").joinpath("rules/notice.toml").read_bytes()


def _status(text: str) -> str:
    wording, found = shipped_wording(), judge(text)
    if found is None or found.cancelled is not None or found.score < wording.doubt:
        return "no"
    return "doubt" if found.doubted or found.score < wording.confirm else "yes"


@lru_cache(maxsize=1)
def _homophones() -> dict[str, list[str]]:
    """Common characters (GB 2312, first level) by toneless syllable."""
    found = defaultdict(list)
    for code in range(0x4E00, 0x9FA6):
        try:
            raw = chr(code).encode("gb2312")
        except UnicodeEncodeError:
            continue
        if 0xB0 <= raw[0] <= 0xD7:
            found[lazy_pinyin(chr(code))[0]].append(chr(code))
    return found


def _misheard(text: str, share: float, seed: int) -> str:
    """The text with a share of its characters written as others of the same sound, as a recogniser does."""
    chance, table = random.Random(seed), _homophones()
    heard, written = sound_of(text), list(text)
    for at, syllable in zip(heard.offsets, heard.syllables, strict=True):
        if syllable in table and chance.random() < share:
            written[at] = chance.choice(table[syllable])
    return "".join(written)


@pytest.mark.parametrize("text", SENTENCES["notices"])
def test_a_declaration_is_one(text: str) -> None:
    assert _status(text) == "yes"


@pytest.mark.parametrize("text", SENTENCES["others"])
def test_what_only_mentions_recording_is_none(text: str) -> None:
    assert _status(text) != "yes"


@pytest.mark.parametrize("letter", sorted(ROUNDS))
def test_rounds_of_fresh_wordings_stay_as_they_were_mended(letter: str) -> None:
    said = [_status(text) for text in ROUNDS[letter]["notices"]]
    assert said.count("yes") >= 0.9 * len(said)
    assert [text for text in ROUNDS[letter]["others"] if _status(text) == "yes"] == []


@pytest.mark.parametrize(
    "text",
    [
        "烧烤全程录音录像，请配合执法",  # strange words in the clause
        "现在调取录音录像，请配合执法",  # between the anchors
        "全程录音录像花絮，请配合执法",  # behind them
    ],
)
def test_words_that_are_not_understood_leave_it_to_a_person(text: str) -> None:
    assert [_status(text), _status("现在全程录音录像，请配合执法")] == ["doubt", "yes"]


def test_a_pause_ends_a_clause() -> None:
    assert sound_of("现在检查 全程录像").clause == (0, 0, 0, 0, 1, 1, 1, 1)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_homophones_do_not_matter_g05(share: float) -> None:
    said = [_status(_misheard(text, share, n)) for n, text in enumerate(SENTENCES["notices"][::3])]
    assert said.count("yes") >= 0.9 * len(said)
    near = [_misheard(text, share, n) for n, text in enumerate(SENTENCES["others"][::3])]
    # Words of one syllable are compared as written, so a misheard 不 or 吗 may let a near miss through.
    assert sum(_status(text) == "yes" for text in near) <= 0.02 * len(near) + (share > 0.5) * 0.05 * len(near)


@pytest.mark.parametrize(
    "text",
    [
        "本次执法權程度一路向",
        "全过程度因路向",
        "指法紀錄一已經打開",
        "本次執法全程錄音錄像",
        "過程全程路音路箱",
    ],
)
def test_what_the_recogniser_really_wrote_is_heard(text: str) -> None:
    assert _status(text) == "yes"


def test_near_syllables_cost_little_and_far_ones_a_syllable() -> None:
    assert distance("zhi", "zi") < 0.2 and distance("lan", "nang") < 0.4
    assert distance("lu", "du") < 0.5 < distance("lu", "xing")
    assert (parts("yin"), parts("yu"), parts("wang"), parts("xue")) == (
        ("", "in"),
        ("", "v"),
        ("", "uang"),
        ("x", "ve"),
    )


def test_a_phrase_is_found_with_an_extra_or_a_missing_syllable() -> None:
    wanted = sound_of("执法记录仪").syllables
    for heard in ("开启执法的记录仪", "开启法记录仪"):
        hits = find_phrase(wanted, sound_of(heard).syllables, 0.78)
        assert len(hits) == 1 and hits[0].alike >= 0.84
    assert find_phrase(wanted, sound_of("会议纪要").syllables, 0.78) == []


def test_a_declaration_points_into_its_text() -> None:
    text = "您好，ABC 本次执法全程录音录像。"
    found = judge(text)
    assert found is not None and "全程录音录像" in text[found.start : found.end]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'anchors = ["throughout", "record"]', b'anchors = ["throughout", "rekord"]'),
        (b'effect = "doubt"', b'effect = "maybe"'),
        (b"[[cancels]]\nwhy", b"[[cancels]]\nhow = 1\nwhy"),
        (b"confirm = ", b"confrim = "),
    ],
)
def test_a_slip_in_the_wording_is_said(old: bytes, new: bytes) -> None:
    assert old in SHIPPED
    with pytest.raises(BadRules, match=r"notice\.toml"):
        parse_wording(SHIPPED.replace(old, new, 1))

"""Text that others wrote, on a terminal and in a log."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink.plain import json_text, plain, plain_json, plain_lines

FOREIGN = st.text(st.characters(codec=None))
HOSTILE = "a\x1b[2J\x07\x9b31m\u202egnp.exe\u2066\ud800\u2028\r\nb"


@given(FOREIGN)
def test_nothing_that_moves_a_cursor_or_turns_writing_round_gets_through(text: str) -> None:
    shown = plain(text)
    assert all(c.isprintable() or c in "\u3000\xa0" or not c.strip() for c in shown)
    assert not set(shown) & set(
        "\x1b\x9b\x07\r\n\x85\u2028\u2029\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"
    )
    shown.encode()  # no half of a surrogate pair
    assert plain(shown) == shown


@pytest.mark.parametrize("text", ["张三　第一大队", "a\\b [red] :smile:", "é Ж ｶﾒﾗ 𠮷"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_what_is_not_printable_is_shown_as_an_escape() -> None:
    expected = r"a\x1b[2J\x07\x9b31m\u202egnp.exe\u2066\ud800\u2028\r\nb"
    assert plain(HOSTILE) == expected
    assert plain_lines("one\ntwo\x1b") == "one\ntwo\\x1b"


@given(st.dictionaries(FOREIGN, st.lists(FOREIGN)))
def test_json_reads_back_as_the_same_and_is_plain(data: dict[str, list[str]]) -> None:
    for text in (json_text(data), json_text(data, indent=2)):
        assert json.loads(text) == data
        assert plain_lines(text) == text
        text.encode()


def test_json_made_elsewhere_is_made_plain_too() -> None:
    made = '{"a":"\u202e\x9b"}'
    assert plain_json(made) == '{"a":"\\u202e\\u009b"}'

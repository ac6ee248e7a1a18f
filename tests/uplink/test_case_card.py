"""Case cards: what is signed is read back, all else is refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink import case_card, envelope
from uplink.errors import Refused
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages.card import CaseCard

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
KEY, OTHER = SigningKey.draw(), SigningKey.draw()
RING = KeyRing([KEY.record(Role.REGISTRY, "pf")])
CARD = CaseCard(platform="pf", case="沪执〔2026〕第0187号", expires=NOW + timedelta(days=30))


def refused(text: str, ring: KeyRing = RING, platform: str = "pf", at: datetime = NOW) -> str:
    with pytest.raises(Refused) as caught:
        case_card.unseal(text, ring, platform, at)
    return caught.value.code


def forged(payload: bytes, key: SigningKey = KEY, kind: str = "card") -> str:
    signature = key.sign(envelope.pae(envelope.payload_type(kind), payload))
    return case_card.PREFIX + case_card.base45_encode(bytes.fromhex(key.key_id)[:8] + signature + payload)


@given(st.binary(max_size=200))
def test_base45_comes_back(data: bytes) -> None:
    assert case_card.base45_decode(case_card.base45_encode(data)) == data


def test_base45_is_that_of_rfc_9285() -> None:
    assert case_card.base45_encode(b"Hello!!") == "%69 VD92EX0"
    assert case_card.base45_encode(b"ietf!") == "QED8WEX0"


def test_a_signed_card_is_read_back() -> None:
    assert case_card.unseal(case_card.seal(CARD, KEY), RING, "pf", NOW) == CARD


def test_a_card_fits_a_code_of_at_most_61_modules() -> None:
    segno = pytest.importorskip("segno")
    code = segno.make(case_card.seal(CARD, KEY), error="m", micro=False)
    assert code.symbol_size(border=0)[0] <= 61


def test_what_is_wrong_with_a_card_is_said() -> None:
    good = case_card.seal(CARD, KEY)
    assert refused(case_card.seal(CARD, OTHER)) == "key"
    assert refused(good, at=CARD.expires) == "expired"
    assert refused(good, platform="other") == "platform"
    assert refused(forged(CARD.to_bytes(), kind="registry")) == "signature"
    changed = case_card.base45_decode(good.removeprefix("BD1:")).replace(b'"pf"', b'"pg"')
    assert refused("BD1:" + case_card.base45_encode(changed)) == "signature"
    assert refused(forged(b'{"platform":"pf"}')) == "shape"
    assert refused(forged(b'{"platform":"pf","platform":"pf"}')) != ""
    assert refused("https://example.com") == "shape"
    assert refused("BD1:" + "A" * 2000) == "size"


def test_a_key_of_another_role_signs_no_card() -> None:
    ring = KeyRing([KEY.record(Role.RECEIPT, "pf")])
    assert refused(case_card.seal(CARD, KEY), ring) == "key"


@given(st.text(max_size=1100))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for tried in (text, "BD1:" + text):
        with pytest.raises(Refused):
            case_card.unseal(tried, RING, "pf", NOW)


@given(st.integers(0, 10_000), st.sampled_from("0A:$Z"))
def test_no_letter_of_a_card_can_be_changed(place: int, letter: str) -> None:
    good = case_card.seal(CARD, KEY)
    place = 4 + place % (len(good) - 4)
    changed = good[:place] + letter + good[place + 1 :]
    if changed != good:
        with pytest.raises(Refused):
            case_card.unseal(changed, RING, "pf", NOW)

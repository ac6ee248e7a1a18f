"""Taking docks in: id and key are one to one for ever, and nothing is trusted at first sight."""

from __future__ import annotations

import base64
import json

import pytest

from center import acl, enrolment
from center.catalogue import database, docks
from center.errors import NotEnrolled
from tests.center.bench import Bench
from tests.center.scripted import TIME, Footage, ScriptedDock
from uplink import envelope
from uplink.messages.identity import Identity


def apply(bench: Bench, dock: ScriptedDock) -> bool:
    return enrolment.take_in(bench.folder, bench.settings, enrolment.read(dock.identity(), "test"))


def test_the_same_identity_again_changes_nothing(bench: Bench) -> None:
    dock = ScriptedDock()
    assert apply(bench, dock)
    assert not apply(bench, dock)
    with database.reading(bench.folder) as connection:
        assert [known.key.key_id for known in docks.every(connection)] == [dock.key.key_id]


def test_another_key_another_id_and_another_site_are_refused(bench: Bench) -> None:
    dock = ScriptedDock()
    apply(bench, dock)
    for wrong, why in (
        (ScriptedDock(), "another key"),
        (ScriptedDock("dock-2", key=dock.key), "one dock for ever"),
        (ScriptedDock(site="site-2", key=dock.key), "for site site-1"),
    ):
        with pytest.raises(NotEnrolled, match=why):
            apply(bench, wrong)
    with database.reading(bench.folder) as connection:
        assert len(docks.every(connection)) == 1


def test_an_identity_signed_by_another_key_is_none() -> None:
    dock, forger = ScriptedDock(), ScriptedDock()
    said = Identity(dock=dock.name, site=dock.site, public=dock.key.public.hex(), host=None, time=TIME)
    forged = envelope.seal("identity", said.to_bytes(), forger.key).raw
    with pytest.raises(NotEnrolled, match="key"):
        enrolment.read(forged, "test")


def test_another_kind_of_envelope_is_no_identity() -> None:
    dock = ScriptedDock()
    for raw in (dock.enrolled().raw, dock.manifest(Footage(b"")).raw, b"{}", b""):
        with pytest.raises(NotEnrolled):
            enrolment.read(raw, "test")


@pytest.mark.parametrize("public", ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ff" * 32])
def test_a_key_of_small_order_is_refused(public: str) -> None:
    """One of them verifies any message: with R of small order and S 0 the signature would hold."""
    said = Identity(dock="dock-1", site="site-1", public=public, host=None, time=TIME)
    outer = {
        "payloadType": envelope.payload_type("identity"),
        "payload": base64.b64encode(said.to_bytes()).decode(),
        "signatures": [{"keyid": "0" * 64, "sig": base64.b64encode(b"\x01" + bytes(63)).decode()}],
    }
    with pytest.raises(NotEnrolled, match=r"small order|canonical"):
        enrolment.read(json.dumps(outer).encode(), "test")


def test_the_rights_are_those_of_the_table(bench: Bench) -> None:
    for name, site in (("dock-1", "site-1"), ("dock-2", "site-2")):
        apply(bench, ScriptedDock(name, site))
    blocks = dict(block.split("\n", 1) for block in bench.folder.acl.read_text().strip().split("\n\n")[1:])

    assert blocks["user site-1/dock-1"].split("\n") == [
        "topic write bodydock/1/site-1/dock-1/up/#",
        "topic read bodydock/1/site-1/dock-1/down/#",
        "topic read bodydock/1/site-1/registry/#",
        "topic read bodydock/1/keys",
    ]
    assert "topic read bodydock/1/+/+/up/#" in blocks["user receiver"]
    assert "/down/cmd/" not in blocks["user receiver"]
    assert "topic write bodydock/1/site-2/dock-2/down/cmd/#" in blocks["user operator"]
    assert "$file" not in acl.text(bench.settings, [])


def test_no_record_is_left_where_the_rights_cannot_be_written(bench: Bench) -> None:
    bench.folder.acl.mkdir()
    with pytest.raises(OSError, match="acl"):
        apply(bench, ScriptedDock())
    with database.reading(bench.folder) as connection:
        assert docks.every(connection) == []

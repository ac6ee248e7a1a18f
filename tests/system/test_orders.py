"""Orders from end to end: the center's commands over a real broker to a real dock, and what comes back.

Everything that went over the wire meanwhile is held to the contract at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner, Result
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from daemon.cli.main import main_group
from daemon.revisions import ReportFacts
from tests.rig.contract import Contract
from tests.rig.shelved import shelve
from tests.rig.small_office import DOCK, PLATFORM, SITE, SmallOffice
from tests.rig.until import until
from tests.rig.wire import WireObserver
from uplink.envelope import payload_type
from uplink.ids import draw_id
from uplink.messages.manifest import MAX_REPORT_INSIDE_BYTES

pytestmark = pytest.mark.timeout(100)
AGAIN_S = 4.0
CONTRACT = Contract()
BYTES = os.urandom(200_000)
WANG, LI = "王伟", "李娜"


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallOffice, WireObserver]]:
    """An office whose dock took one file in before it was started; the platform has its bytes."""
    with SmallOffice(tmp_path_factory.mktemp("office"), ["none"], speech=False, people=(WANG, LI)) as made:
        with WireObserver(made.broker.port) as wire:
            shelve(made.settings, "DCIM/a.bin", BYTES)
            made.start_dock_at_broker()
            made.wait("the recording is delivered", lambda: _settled(made), 30)
            yield made, wire


@pytest.fixture(scope="module")
def office(observed: tuple[SmallOffice, WireObserver]) -> SmallOffice:
    return observed[0]


@pytest.fixture(scope="module")
def wire(observed: tuple[SmallOffice, WireObserver]) -> WireObserver:
    return observed[1]


@pytest.fixture
def recording(office: SmallOffice) -> str:
    """The first recording, once both sides know the same of all."""
    office.wait("both sides agree", lambda: _settled(office), 20)
    (found,) = [one["recording"] for one in office.recordings() if one["size"] == len(BYTES)]
    return str(found)


def test_a_hold_ordered_at_the_platform_stands_at_the_dock_and_comes_back(
    office: SmallOffice, recording: str
) -> None:
    answer = ordered(office, "hold", recording[:8], "--reason", "申请复议", "--by", "赵科长")
    assert (answer["outcome"], answer["dock"], answer["platform"]) == ("done", DOCK, PLATFORM)
    event = _custody(office, recording)[-1]
    assert (event["kind"], event["actor"]["person"], event["actor"]["by"]) == ("held", "赵科长", "command")
    office.wait("the hold is at the platform", lambda: bool(_holds(office, recording)), 15)


def test_a_release_takes_two_persons_over_the_network(
    office: SmallOffice, recording: str, tmp_path: Path
) -> None:
    ordered(office, "hold", recording, "--reason", "一")
    office.wait("the hold is known", lambda: _settled(office) and bool(_holds(office, recording)), 15)
    hold = _holds(office, recording)[-1]["hold"]
    file = tmp_path / "release.json"
    begin = ("release", recording, "--hold", hold, "--reason", "结案", "--out", str(file))
    assert at_center(office, "order", *begin).exit_code != 0, "without keys"
    same = at_center(office, "order", *begin, "--key", _key(office, WANG), "--with", WANG)
    assert (same.exit_code, "second person" in same.stderr) == (1, True)
    ordered(office, *begin, "--key", _key(office, WANG), "--with", LI)

    alone = at_dock(office, "release", str(file))
    assert (alone.exit_code, "two persons" in alone.stderr) == (1, True)
    twice = at_center(office, "cosign", str(file), "--key", _key(office, WANG))
    assert (twice.exit_code, "already" in twice.stderr) == (1, True)
    assert hold in [held["hold"] for held in _holds(office, recording)]

    done = at_center(office, "cosign", str(file), "--key", _key(office, LI), "--json")
    assert json.loads(done.stdout)["outcome"] == "done", done.output
    event = _custody(office, recording)[-1]
    assert (event["kind"], event["data"]["persons"]) == ("released", [WANG, LI])


def test_a_cosigned_file_may_be_carried_and_is_the_same_command(
    office: SmallOffice, recording: str, tmp_path: Path
) -> None:
    tagged = at_dock(office, "tag", recording, "--officer", "J7", "--json")
    assert json.loads(tagged.stdout)["changed"] is True, tagged.output
    refused = at_dock(office, "tag", recording, "--officer", "J8")
    assert (refused.exit_code, "两人签名" in refused.stderr) == (1, True)
    office.wait("the tag is at the platform", lambda: _settled(office), 15)

    file = tmp_path / "tag.json"
    words = ("tag", recording, "--officer", "J8", "--replace", "--reason", "错人", "--out", str(file))
    ordered(office, *words, "--key", _key(office, LI), "--with", WANG)
    carry = at_center(office, "cosign", str(file), "--key", _key(office, WANG), "--carry", "--json")
    assert carry.exit_code == 0, carry.output
    done = json.loads(at_dock(office, "release", str(file), "--json").stdout)
    assert (done["outcome"], done["tag"]["officer"]["officer"]) == ("done", "J8")
    assert _custody(office, recording)[-1]["data"]["carried_by"] == "值班员"
    again = json.loads(at_dock(office, "release", str(file), "--json").stdout)
    assert again["revision"] == done["revision"]


def test_a_resend_voids_receipts_and_the_bytes_go_again(office: SmallOffice, recording: str) -> None:
    before = office.ask_center("show", recording)
    old = {r["receipt"]["receipt"] for r in before["revisions"] if r["receipt"]}
    stored = Path(before["file"]["path"])
    stored.write_bytes(b"\0" * len(BYTES))  # what a resend is for
    answer = ordered(office, "resend", recording, "--reason", "存储损坏")
    assert answer["data"]["recordings"] == [recording]
    office.wait("the bytes are delivered anew", lambda: _settled(office), 30)
    shown = office.ask_center("show", recording, "--verify")
    assert shown["file"]["verified"] is True
    new = {r["receipt"]["receipt"] for r in shown["revisions"] if r["receipt"]}
    assert new
    assert not new & old
    assert at_center(office, "order", "resend", "zzzz").exit_code == 1


def test_config_is_in_force_at_once_and_after_a_restart(office: SmallOffice, recording: str) -> None:
    first = ordered(office, "config", "--bytes-per-second", "12345", "--hours", "20:00-07:00")
    office.dock.stop()
    office.start_dock_at_broker()
    settings = ordered(office, "ping")["data"]["settings"]
    assert (settings["bytes_per_second"], settings["hours"]) == (12345, ["20:00-07:00"])
    assert settings["digest"] == first["data"]["settings"]["digest"]
    ordered(office, "config", "--bytes-per-second", "0", "--always")


def test_a_repeated_command_gets_its_answer_again_also_after_a_restart(
    office: SmallOffice, recording: str
) -> None:
    with Operator(office.broker.port) as operator:
        command = _ping(draw_id())
        assert json.loads(operator.ask("ping", command, f"up/reply/{'x' * 8}"))["payloadType"]
        signed = _signed_hold(office, recording)
        first = operator.ask("hold", signed, "up/reply/one")
        events = len(_custody(office, recording))
        assert operator.ask("hold", signed, "up/reply/two") == first
        office.dock.kill()
        office.start_dock_at_broker()
        office.wait("the dock is back", lambda: bool((office.status() or {})["uplink"]["connected"]), 20)
        assert operator.ask("hold", signed, "up/reply/three") == first
        assert len(_custody(office, recording)) == events


def test_a_response_topic_elsewhere_is_ignored_counted_and_answered_at_home(
    office: SmallOffice, recording: str
) -> None:
    before = _counted(office, "ignored.response_topic")
    with Operator(office.broker.port) as operator:
        command = draw_id()
        answer = operator.ask(
            "ping", _ping(command), "down/receipts/" + "a" * 26, listen=f"up/reply/{command}"
        )
        assert answer
        assert operator.elsewhere == []
    assert _counted(office, "ignored.response_topic") == before + 1


def test_an_order_that_nobody_answers_says_so(office: SmallOffice, recording: str) -> None:
    office.dock.stop()
    try:
        result = at_center(office, "order", "ping", "--wait", "2")
        assert (result.exit_code, "does not answer" in result.stderr) == (1, True), result.output
    finally:
        office.start_dock_at_broker()


def test_what_went_over_the_wire_is_what_the_contract_says_of_every_topic(
    office: SmallOffice, wire: WireObserver, recording: str, tmp_path: Path
) -> None:
    """Beside what the orders above needed: a registry, a large report, a reconciliation and a refusal."""
    cases = tmp_path / "cases.csv"
    cases.write_text("case,title,officers,from,to\nC1,test,J7,,\n")
    office.publish(cases)
    ordered(office, "ping")
    office.dock.stop()
    body = json.dumps({"padding": "x" * MAX_REPORT_INSIDE_BYTES}).encode()
    report = ReportFacts(body, hashlib.sha256(body).hexdigest(), "standard", "unchecked", None, None)
    shelve(office.settings, "DCIM/b.bin", BYTES[:1000], report)
    office.start_dock_at_broker()
    office.wait("the second one is delivered", lambda: len(office.recordings()) == 2 and _settled(office), 30)
    office.ask_center("reconcile", "--deep")
    stale = wire.messages(f"/up/manifests/{recording}")[0]
    with Operator(office.broker.port) as operator:
        operator.say(*stale)
        # No dock of ours ends an attempt by abort: the next attempt does.  The receiver reads it.
        operator.say(f"bodydock/1/{SITE}/{DOCK}/up/file/{wire.file_ids()[0]}/abort", b"")
        until(lambda: _channels_not_seen(wire) == {"reply"}, "every topic but the one nobody needs yet")
    kinds = {json.loads(raw)["payloadType"] for _, raw in wire.messages("/down/receipts/")}
    assert kinds == {payload_type("receipt"), payload_type("refusal")}


def _channels_not_seen(wire: WireObserver) -> set[str]:
    return {topic.name for topic in CONTRACT.topics} - set(CONTRACT.seen(wire.everything()))


class Operator:
    """A client that may do everything: what it sends is judged by signature alone."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"op-{os.getpid()}", protocol=mqtt.MQTTv5
        )
        self._client.username_pw_set("vandal")
        self._reader = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"ob-{os.getpid()}", protocol=mqtt.MQTTv5
        )
        self._reader.username_pw_set("observer")
        self._port = port
        self._came: dict[str, bytes] = {}
        self.elsewhere: list[str] = []

    def __enter__(self) -> Operator:
        self._reader.on_message = self._on_message
        for client in (self._client, self._reader):
            client.connect("127.0.0.1", self._port)
            client.loop_start()
        self._reader.subscribe("bodydock/#", qos=1)
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._client, self._reader):
            client.disconnect()
            client.loop_stop()

    def say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def ask(self, verb: str, raw: bytes, response: str, listen: str = "") -> bytes:
        """Send a command until its answer comes; return that."""
        base, correlation = f"bodydock/1/{SITE}/{DOCK}/", draw_id().encode()
        topic = base + (listen or response)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = base + response
        properties.CorrelationData = correlation
        self._came.pop(topic, None)
        again_at = 0.0

        def answered() -> bool:
            nonlocal again_at
            if time.monotonic() >= again_at:  # as a sender does: a dock that just connects hears the next one
                again_at = time.monotonic() + AGAIN_S
                sent = self._client.publish(f"{base}down/cmd/{verb}", raw, qos=1, properties=properties)
                sent.wait_for_publish(10)
            return topic in self._came

        until(answered, f"an answer on {topic}", 30.0)
        assert self._correlation == correlation
        return self._came[topic]

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if "/up/reply/" in message.topic:
            self._correlation = getattr(message.properties, "CorrelationData", None)
            self._came[message.topic] = bytes(message.payload)
        elif "/down/receipts/" + "a" * 26 in message.topic:
            self.elsewhere.append(message.topic)


def ordered(office: SmallOffice, *words: str) -> dict[str, Any]:
    """`center order …`: return what it prints."""
    result = at_center(office, "order", *words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def at_center(office: SmallOffice, *words: str) -> Result:
    return CliRunner().invoke(main_group, ["center", *words, "--folder", str(office.center_folder)])


def at_dock(office: SmallOffice, *words: str) -> Result:
    return CliRunner().invoke(main_group, [*words, "--settings", str(office.settings)])


def _key(office: SmallOffice, person: str) -> str:
    return str(office.key_of(person))


def _custody(office: SmallOffice, recording: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = office.ask_dock("show", recording)["custody"]
    return events


def _holds(office: SmallOffice, recording: str) -> list[dict[str, Any]]:
    holds: list[dict[str, Any]] = office.ask_center("show", recording)["revisions"][-1]["holds"]
    return holds


def _counted(office: SmallOffice, name: str) -> int:
    return int((office.status() or {})["counters"].get(name, 0))


def _settled(office: SmallOffice) -> bool:
    items, status = office.recordings(), office.status()
    return (
        status is not None
        and bool(items)
        and all(
            item["revision"] > 0
            and item["state"] == "delivered"
            and item["revision"] == item["delivered_revision"]
            for item in items
        )
        and status["waiting_inspection"] == 0
    )


def _ping(command: str) -> bytes:
    said = {"platform": PLATFORM, "dock": DOCK, "verb": "ping", "args": {}, "command": command, "by": []}
    return json.dumps(said | {"reason": ""}).encode()


def _signed_hold(office: SmallOffice, recording: str) -> bytes:
    from center import ordering
    from center.settings import Folder

    folder = Folder(office.center_folder)
    aim = ordering.recording_aim(folder, recording)
    asked = ordering.Asked("hold", {"recording": recording, "hold": draw_id()}, (("赵科长", "operate"),), "r")
    return ordering.signed(folder, ordering.make(PLATFORM, aim.dock, asked)).raw

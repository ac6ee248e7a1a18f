"""Commands: who may order what, and where the answer goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uplink import envelope
from uplink.broker import Inbound
from uplink.commanding import check, claimed, reply_to
from uplink.errors import Refused
from uplink.inbound import Route, route
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import Command
from uplink.topics import DockTopics

OPERATE, WANG, LI, LI_TOO, NOBODY, RECEIPT = (SigningKey.draw() for _ in range(6))
RING = KeyRing(
    [
        OPERATE.record(Role.OPERATE, "pf"),
        WANG.record(Role.DESTROY, "王伟"),
        LI.record(Role.DESTROY, "李娜"),
        LI_TOO.record(Role.DESTROY, "李娜"),
        NOBODY.record(Role.DESTROY, "pf"),
        RECEIPT.record(Role.RECEIPT, "pf"),
    ]
)
TOPICS = DockTopics("s1", "d1")


def command(verb: str, *by: str, **args: Any) -> Command:
    return Command.model_validate(
        {
            "platform": "pf",
            "dock": "d1",
            "verb": verb,
            "args": args,
            "command": "c" * 32,
            "by": [{"person": person, "role": "destroy"} for person in by],
            "reason": "r",
        }
    )


def sealed(message: Command, *keys: SigningKey) -> bytes:
    return envelope.seal("command", message.to_bytes(), *keys).raw


def refusal(raw: bytes, verb: str) -> str:
    with pytest.raises(Refused) as refused:
        check(raw, verb, RING)
    return refused.value.code


@pytest.mark.parametrize("verb", ["tag", "hold", "resend", "config", "rescan", "ping"])
def test_what_adds_needs_one_operate_key(verb: str) -> None:
    ordered = check(sealed(command(verb, "王伟"), OPERATE), verb, RING)
    assert (ordered.persons, ordered.signed, ordered.destroys) == (("王伟",), True, False)
    for key in (WANG, RECEIPT, SigningKey.draw()):
        assert refusal(sealed(command(verb, "王伟"), key), verb) == "key"
    assert refusal(sealed(command(verb), OPERATE), verb) == "by"


DESTROYING: list[tuple[str, dict[str, Any]]] = [("release", {}), ("tag", {"replaces": True})]


@pytest.mark.parametrize(("verb", "args"), DESTROYING)
def test_a_destroy_act_needs_two_persons_that_it_names(verb: str, args: dict[str, Any]) -> None:
    both = command(verb, "王伟", "李娜", **args)
    ordered = check(sealed(both, WANG, LI), verb, RING)
    assert (ordered.persons, ordered.destroys) == (("王伟", "李娜"), True)
    assert refusal(sealed(both, WANG), verb) == "persons", "one signature"
    assert refusal(sealed(both, LI, LI_TOO), verb) == "persons", "one person with two keys"
    assert refusal(sealed(both, WANG, NOBODY), verb) == "persons", "a key that is nobody's"
    assert refusal(sealed(command(verb, "王伟", "赵六", **args), WANG, LI), verb) == "persons", "not named"
    assert refusal(sealed(both, WANG, WANG), verb) == "shape", "one key twice"
    assert refusal(sealed(both, OPERATE), verb) == "key", "another role"
    assert refusal(sealed(both, OPERATE, WANG), verb) == "persons", "another role beside one"


def test_a_second_signature_over_another_payload_does_not_count() -> None:
    one = json.loads(sealed(command("release", "王伟", "李娜", hold="a" * 32), WANG))
    other = json.loads(sealed(command("release", "王伟", "李娜", hold="b" * 32), LI))
    one["signatures"] += other["signatures"]
    assert refusal(json.dumps(one).encode(), "release") == "signature"


def test_ping_and_rescan_may_come_unsigned_and_nothing_else() -> None:
    for verb in ("ping", "rescan"):
        ordered = check(command(verb).to_bytes(), verb, RING)
        assert (ordered.signed, ordered.persons) == (False, ())
    for verb in ("tag", "hold", "release", "resend", "config"):
        assert refusal(command(verb).to_bytes(), verb) == "unsigned"


def test_the_topic_says_nothing_that_the_signature_does_not() -> None:
    assert refusal(sealed(command("hold", "王伟"), OPERATE), "ping") == "verb"
    assert refusal(command("rescan").to_bytes(), "ping") == "verb"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"payloadType":"x"}', b"\xff", b"[" * 900])
def test_nonsense_is_refused_and_names_nobody(raw: bytes) -> None:
    assert claimed(raw) is None
    assert refusal(raw, "ping")


def test_a_thing_of_another_type_is_no_command() -> None:
    raw = envelope.seal("answer", command("hold", "王伟").to_bytes(), OPERATE).raw
    assert claimed(raw) is None
    assert refusal(raw, "hold") == "type"


@pytest.mark.parametrize(
    ("asked", "rest", "ignored"),
    [
        (None, "reply/c1", False),
        ("bodydock/1/s1/d1/up/reply/x-1", "reply/x-1", False),
        ("bodydock/1/s1/d1/up/reply/a/b", "reply/a/b", False),
        ("bodydock/1/s1/d1/up/reply", "reply/c1", True),
        ("bodydock/1/s1/d1/up/reply/", "reply/c1", True),
        ("bodydock/1/s1/d1/up/reply/a/../b/../c", "reply/c1", True),
        ("bodydock/1/s1/d1/up/events", "reply/c1", True),
        ("bodydock/1/s1/d1/up/manifests/x", "reply/c1", True),
        ("bodydock/1/s1/d1/down/reply/x", "reply/c1", True),
        ("bodydock/1/s1/d2/up/reply/x", "reply/c1", True),
        ("bodydock/1/s1/d1/up/reply/#", "reply/c1", True),
        ("bodydock/1/s1/d1/up/reply/+", "reply/c1", True),
        ("$file/x", "reply/c1", True),
        ("", "reply/c1", True),
    ],
)
def test_an_answer_never_leaves_the_docks_own_replies(asked: str | None, rest: str, ignored: bool) -> None:
    assert reply_to(TOPICS, "c1", asked) == (rest, ignored)


def test_a_command_that_was_kept_by_the_broker_is_refused() -> None:
    topic = TOPICS.down("cmd/ping")
    assert route(TOPICS, Inbound(topic, b"x", retained=True)) == "refused.command.retained"
    assert route(TOPICS, Inbound(topic, b"x")) == Route("command", "ping")

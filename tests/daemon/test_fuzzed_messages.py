"""10,000 fuzzed messages over every topic, to both ends: each is a counted refusal, and everything goes on.

The seed is printed; BODYDOCK_SEED and BODYDOCK_MESSAGES run it again, or longer (`script/soak`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from daemon.acts.commands import Commands
from daemon.acts.tools import Tools
from daemon.settings import DockSettings, Settings, SlotSettings
from daemon.tagrules import shipped_rules
from tests.center.scripted import PLATFORM
from tests.daemon.two_ends import NAME, SITE
from tests.daemon.wire_between import Ends
from tests.rig.fuzz import fuzzed
from uplink import envelope
from uplink.broker import Inbound
from uplink.channels import CHANNELS
from uplink.ids import draw_id
from uplink.keys import Role, SigningKey
from uplink.messages import Command

MESSAGES = int(os.environ.get("BODYDOCK_MESSAGES", "10000"))
SEED = int(os.environ.get("BODYDOCK_SEED", str(random.randrange(10**6))))


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Both ends, with one recording delivered and one on its way."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="bodydock-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        made = Ends(Path(folder))
        made.on_command = _commands(made).take
        made._make_link()
        made.connect_center()
        made.between.connect()
        yield made
        made.close()


def test_10000_fuzzed_messages_over_every_topic_stop_and_change_nothing(ends: Ends) -> None:
    print(f"BODYDOCK_SEED={SEED} BODYDOCK_MESSAGES={MESSAGES}")
    rng = random.Random(SEED)
    seen = _seen(ends)
    up_topics, down_topics = _topics(seen, "dock"), _topics(seen, "platform")
    before = _kept(ends)
    for message in fuzzed(rng, seen, up_topics, MESSAGES // 2):
        ends.center_hears(message)
    for message in fuzzed(rng, seen, down_topics, MESSAGES - MESSAGES // 2):
        ends.between.tell(message)
        ends.dock_turns()
        ends.between.up.clear()
    ends.center_turns()
    assert _kept(ends) == before
    counted = _counted(ends)
    assert sum(counted.values()) > MESSAGES * 0.9, "each is counted"
    assert {name for name in counted if "bug" in name or "fault" in name} == set(), counted
    for kind in ("receipt", "head", "registry", "reconciliation", "command", "file"):
        assert any(name.startswith((f"refused.{kind}.", f"ignored.{kind}")) for name in counted), kind
    for kind in ("events", "manifests", "reports", "file", "state", "health", "slots"):
        assert any(name.startswith(f"refused.{kind}") for name in counted), kind
    _goes_on(ends)


def _goes_on(ends: Ends) -> None:
    """Afterwards a new recording goes its way, and everything holds."""
    ends.between.cut()
    ends.between.connect()
    ends.take_bytes("after.mp4", b"after" * 50_000)
    for _ in range(300):
        ends.all_moves()
        if not ends.unsettled() and not ends.unheld_events():
            break
        ends.pass_time(5.0)
    assert ends.unsettled() == []
    assert ends.unheld_events() == []
    assert ends.flaws() == []


def _seen(ends: Ends) -> list[Inbound]:
    """Return real messages of every topic: what both ends say, and what the platform orders and publishes."""
    found: list[Inbound] = []
    ends.take_bytes("a.mp4", b"a" * 100_000)
    for _ in range(30):
        ends.dock_turns()
        up, ends.between.up = ends.between.up, []
        for _, message in up:
            found.append(message)
            ends.center_hears(message)
        ends.center_turns()
        down, ends.between.down = ends.between.down, []
        for message in down:
            found.append(message)
            ends.between.tell(message)
        ends.pass_time(0.3)
    assert ends.unsettled() == []
    ends.reconcile()
    base = f"bodydock/1/{SITE}/{NAME}"
    keys = ends.bench.keys.by_role
    recording = next(iter(ends.contents))
    command = Command.model_validate(
        {
            "platform": PLATFORM,
            "dock": "dock-9",  # a real one for another dock: replayed it does nothing here
            "verb": "hold",
            "args": {"recording": recording, "hold": draw_id()},
            "command": draw_id(),
            "by": [{"person": "王伟", "role": "x"}],
            "reason": "r",
        }
    )
    said = (
        ("down/cmd/hold", envelope.seal("command", command.to_bytes(), keys[Role.OPERATE]).raw),
        ("down/cmd/tag", envelope.seal("command", command.to_bytes(), SigningKey.draw()).raw),
        ("down/reconciliation", envelope.seal("reconciliation", b"{}", keys[Role.RECEIPT]).raw),
        ("up/state", ends.link._make_state("online").to_bytes()),
        ("up/health", b'{"schema":"health/1"}'),
        ("up/slots/1", b'{"schema":"slot/1"}'),
        ("up/reports/" + "0" * 64, b"{}"),
        ("up/reply/x", b"{}"),
        ("down/reply/x", b"{}"),
    )
    found += [Inbound(f"{base}/{rest}", payload) for rest, payload in said]
    registry = b'{"platform":"%s","scope":"%s"}' % (PLATFORM.encode(), SITE.encode())
    for kind in ("officers", "cameras", "cases"):
        raw = envelope.seal("registry", registry, keys[Role.REGISTRY]).raw
        found.append(Inbound(f"bodydock/1/{SITE}/registry/{kind}", raw))
    return found


def _topics(seen: list[Inbound], speaker: str) -> list[str]:
    """Return a topic of every channel that `speaker` speaks on."""
    values = {"site": SITE, "dock": NAME, "slot": "1", "offset": "0", "verb": "tag", "kind": "cases"}
    values |= {"request": "x", "digest": "0" * 64, "file_id": "0" * 32, "recording": "a" * 26}
    made = {channel.address.format(**values) for channel in CHANNELS if channel.speaker == speaker}
    way = "/up/" if speaker == "dock" else "/down/"
    return sorted(made | {message.topic for message in seen if way in message.topic})


def _kept(ends: Ends) -> tuple[object, ...]:
    """What must not change: chain, revisions, receipts, commands here; events, manifests, blobs there."""
    here = [
        [tuple(row) for row in ends.dock.store.rows(f"SELECT {columns} FROM {table} ORDER BY 1")]
        for table, columns in (
            ("events", "event"),
            ("manifests", "manifest"),
            ("receipts", "receipt"),
            ("commands", "command"),
            ("registries", "kind, version"),
            ("recordings", "recording, state, revision, delivered_revision, holds, tag"),
        )
    ]
    there = [
        [
            tuple(row)
            for row in ends.bench.office.connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")
        ]
        for table, columns in (
            ("events", "digest"),
            ("manifests", "digest"),
            ("recordings", "recording, stored_at"),
        )
    ]
    return here, there, sorted(path.name for path in ends.bench.folder.store.rglob("*") if path.is_file())


def _counted(ends: Ends) -> dict[str, int]:
    ends.desk._counters.step()
    here = {row["name"]: row["count"] for row in ends.dock.store.rows("SELECT name, count FROM counters")}
    return here | ends.bench.counters()


def _commands(ends: Ends) -> Commands:
    settings = Settings(
        dock=DockSettings(id=NAME, site=SITE, state=ends.folder / "dock"),
        slots=[SlotSettings(number=1, ports=["p"])],
    )
    tools = Tools(
        store=ends.dock.store,
        custody=ends.dock.custody,
        settings=settings,
        rules=shipped_rules(),
        apply=lambda limits: None,
        rescan=lambda slot: None,
        health=dict,
        wake=lambda: None,
    )
    return Commands(tools, ends.bench.keys.ring(), ends.desk.count)

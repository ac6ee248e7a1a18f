"""What the broker does not let the center do is loud, and ends when it lets it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from center import brokerage as module
from center.brokerage import Brokerage
from center.reading import status
from daemon.cli.center import center_group
from tests.center.bench import Bench
from tests.center.test_center_run import Center, broker, center
from tests.rig.broker import Broker
from tests.rig.until import until

__all__ = ["broker", "center"]
UP = "bodydock/1/+/+/up/#"


def names(bench: Bench) -> list[str]:
    bench.office.flush_counters()
    return sorted(one["name"] for one in status(bench.folder, datetime.now(UTC))["troubles"])


@pytest.fixture
def made(bench: Bench) -> Iterator[Brokerage]:
    bench.tick(1.0)  # alive
    with bench.folder.locked("run"):
        yield Brokerage(bench.office)


def test_a_refused_subscription_stands_and_wants_a_new_connection(
    bench: Bench, made: Brokerage, caplog: pytest.LogCaptureFixture
) -> None:
    made.subscription_refused(UP, 0x87)
    made.connected()
    assert names(bench) == ["broker_refuses_subscription"]
    assert "0x87" in caplog.text
    assert not made.wants_new_connection
    bench.now_s += module.SUBSCRIBE_AGAIN_S
    assert made.wants_new_connection
    made.disconnected()
    assert not made.wants_new_connection, "each connection subscribes by itself"
    made.connected()
    assert names(bench) == []


def test_a_refused_publish_stands_until_the_broker_takes_one(bench: Bench, made: Brokerage) -> None:
    made.connected()
    for token, topic in enumerate(("down/head", "down/receipts/x", "registry/cases")):
        made.published(token, topic)
    made.acknowledged(0, 0x87, refused=True)
    made.acknowledged(1, 0x87, refused=True)
    made.acknowledged(2, 0, refused=False)
    assert names(bench) == ["broker_refuses_publish"]
    for token, topic in ((3, "down/head"), (4, "down/receipts/x")):
        made.published(token, topic)
        made.acknowledged(token, 0, refused=False)
    assert names(bench) == []


def test_no_connection_and_nothing_heard_are_said(bench: Bench, made: Brokerage) -> None:
    made.look("refused", any_dock=True)
    assert names(bench) == []
    bench.now_s += module.UNREACHABLE_AFTER_S
    made.look("refused", any_dock=True)
    assert names(bench) == ["broker_unreachable"]
    made.connected()
    bench.now_s += module.NOTHING_HEARD_AFTER_S
    made.look(None, any_dock=False)
    assert names(bench) == []
    made.look(None, any_dock=True)
    assert names(bench) == ["nothing_heard"]
    made.heard()
    assert names(bench) == []


def test_a_center_that_does_not_run_is_told_by_who_reads(bench: Bench) -> None:
    bench.tick(1.0)
    now = datetime.now(UTC)
    with bench.folder.locked("run"):
        assert status(bench.folder, now)["troubles"] == []
        (hangs,) = status(bench.folder, now + timedelta(minutes=3))["troubles"]
    (stopped,) = status(bench.folder, now)["troubles"]  # at once
    assert hangs["name"] == stopped["name"] == "not_running"


def shown(folder: Path) -> list[str]:
    result = CliRunner().invoke(center_group, ["status", "--json", "--folder", str(folder)])
    found = [one["name"] for one in json.loads(result.stdout)["troubles"]]
    assert result.exit_code == int(bool(found))
    return found


def test_a_broker_that_refuses_what_the_center_publishes_is_seen_in_status(
    center: Center, tmp_path: Path
) -> None:
    """mosquitto with rights for somebody else: PUBACK 0x87; then the right ones, by SIGHUP."""
    from center import enrolment, settings
    from tests.center.scripted import ScriptedDock

    chosen = settings.load(center.folder)
    enrolment.take_in(center.folder, chosen, enrolment.read(ScriptedDock().identity(), "test"))
    with Broker(acl="user somebody\ntopic readwrite #\n") as guarded:
        text = center.folder.settings.read_text()
        center.folder.settings.write_text(
            text.replace(f"port = {chosen.broker.port}", f"port = {guarded.port}")
        )
        center.start()
        until(lambda: "broker_refuses_publish" in shown(center.folder.root), timeout_s=20)
        listed = CliRunner().invoke(center_group, ["docks", "list", "--folder", str(center.folder.root)])
        assert "broker_refuses_publish" in listed.stdout
        assert "0x87" in listed.stdout
        (Path(guarded._folder.name) / "acl").write_text(center.folder.acl.read_text())
        assert guarded.pid is not None
        os.kill(guarded.pid, signal.SIGHUP)
        center.kill()
        center.start()
        until(lambda: "broker_refuses_publish" not in shown(center.folder.root), timeout_s=20)

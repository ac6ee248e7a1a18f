"""What wants a person is in the status, and ends when a person has spoken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.acts.handlers import handlers
from daemon.attention import attention_json
from daemon.cli.status import attention_lines
from daemon.control import Asker
from daemon.stages.retag import RetagStage
from daemon.status import show_json
from tests.rig.acts_bench import Desk, make_desk
from uplink.messages import Officer, Tag
from uplink.messages.registry import CameraRegistry, CameraRow, CaseRegistry, CaseRow


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path, Tag(officer=Officer(officer="J1", by="name")))
    yield made
    made.dock.store.close()


def publish(desk: Desk, registry: CameraRegistry | CaseRegistry) -> None:
    with desk.dock.store.write() as tx:
        values: dict[str, Any] = {
            "version": registry.version,
            "raw": b"",
            "payload": registry.to_bytes(),
            "taken_at": "",
        }
        tx.insert("registries", {"kind": registry.kind, **values})
    while RetagStage(desk.dock.store, desk.dock.custody).step():
        pass


def attention(desk: Desk) -> dict[str, Any]:
    return attention_json(desk.dock.store, desk.dock.custody.clock.now(), ZoneInfo("Asia/Shanghai"))


def test_a_binding_that_contradicts_the_name_is_shown_until_a_person_chooses(desk: Desk) -> None:
    with desk.dock.store.write() as tx:
        tx.execute("UPDATE recordings SET name_officer = 'J1', started_at = '2026-11-25T08:00:00.000000Z'")
    row = CameraRow(camera="CAM1", officer="J2")
    now = desk.dock.custody.clock.now()
    publish(
        desk, CameraRegistry(platform="pf", scope="site-1", kind="cameras", version=1, time=now, rows=[row])
    )
    claim = {"field": "officer", "source": "binding", "value": "J2"}
    assert desk.manifest().tag.conflicts[0].model_dump() == claim, "the platform sees it too"
    assert attention(desk)["conflicts"] == [{"recording": desk.recording, "officer": "J1", "claims": [claim]}]
    assert show_json(desk.dock.store, desk.recording)["conflicts"] == [claim]
    assert any("J2" in line and "冲突" in line for line in attention_lines(attention(desk)))

    handlers(desk.tools, None)["tag"](Asker(1, 0), {"recording": desk.recording, "officer": "J2"})
    assert attention(desk)["conflicts"] == []
    assert desk.manifest().tag.conflicts[0].value == "J1", "what the name says stays on record"


def test_where_two_cases_fit_both_are_offered_and_a_person_says_which(desk: Desk) -> None:
    with desk.dock.store.write() as tx:
        tx.execute("UPDATE recordings SET started_at = '2026-11-25T08:00:00.000000Z'")
    rows = [CaseRow(case=name, officers=["J1"], place=name) for name in ("C1", "C2")]
    now = desk.dock.custody.clock.now()
    publish(desk, CaseRegistry(platform="pf", scope="site-1", kind="cases", version=1, time=now, rows=rows))
    shown = show_json(desk.dock.store, desk.recording)
    assert [(c["field"], c["value"]) for c in shown["conflicts"]] == [("case", "C1"), ("case", "C2")]
    handlers(desk.tools, None)["tag"](Asker(1, 0), {"recording": desk.recording, "cases": ["C2"]})
    shown = show_json(desk.dock.store, desk.recording)
    assert (shown["conflicts"], shown["cases"], shown["place"]) == ([], ["C2"], "C2")
    assert attention(desk)["missing_fields"] == 1  # the matter


def test_deadlines_and_holds_are_counted(desk: Desk) -> None:
    now = desk.dock.custody.clock.now()
    ended = CaseRow(case="C1", title="检查").model_copy(update={"until": now - timedelta(days=40)})
    publish(
        desk, CaseRegistry(platform="pf", scope="site-1", kind="cases", version=1, time=now, rows=[ended])
    )
    assert attention(desk)["deadlines"] == []
    act = handlers(desk.tools, None)
    act["tag"](Asker(1, 0), {"recording": desk.recording, "cases": ["C1"]})
    act["hold"](Asker(1, 0), {"recording": desk.recording, "reason": "复议"})
    found = attention(desk)
    (due,) = attention_json(desk.dock.store, now, ZoneInfo("UTC"))["deadlines"]
    assert (due["case"], due["days_left"], due["overdue"]) == ("C1", -10, True)
    assert found["on_hold"] == 1
    lines = " ".join(attention_lines(found))
    assert "已逾期" in lines
    assert "保留中" in lines

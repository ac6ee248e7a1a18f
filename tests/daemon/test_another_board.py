"""A state folder on another board: taken in and signed, but not as the dock that it was copied from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.main import main_group
from daemon.lineage.board import another_board
from daemon.parts import Parts, open_parts
from daemon.settings import load_settings
from daemon.uplinking import NoUplink, make_uplink
from uplink import envelope
from uplink.errors import BadKey
from uplink.keys import SigningKey
from uplink.messages import CustodyEvent

Start = Callable[..., Parts]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start the dock's parts on a board; `board=None`: one that has no serial."""

    def started(board: str | None, dock: str = "dock-1") -> Parts:
        serial = tmp_path / "serial"
        serial.unlink(missing_ok=True)
        if board is not None:
            serial.write_text(board)
        settings = tmp_path / "bodydock.toml"
        lines = [
            "[dock]",
            f'id = "{dock}"',
            'site = "xlt"',
            f'state = "{tmp_path / "state"}"',
            f'board_serial = "{serial}"',
            "[broker]",
            "[platform]",
            'id = "pf"',
            f'keys.receipt = ["{SigningKey.draw().public.hex()}"]',
            "[[slots]]",
            "number = 1",
            'ports = ["p"]',
        ]
        settings.write_text("\n".join(lines))
        return open_parts(load_settings(settings))

    return started


def signed(parts: Parts) -> list[tuple[str, str, str]]:
    """Return (dock, platform, kind) of every event, oldest first."""
    rows = parts.store.rows("SELECT raw FROM events ORDER BY place, n")
    events = [CustodyEvent.parse(envelope.peek(row["raw"], "event")) for row in rows]
    return [(event.dock, event.platform, event.kind) for event in events]


def uplink_of(parts: Parts) -> NoUplink:
    made = make_uplink(parts, None, None, None, lambda: None)  # type: ignore[arg-type]
    assert isinstance(made, NoUplink)
    return made


def test_only_two_known_boards_can_differ() -> None:
    assert another_board("a", "b")
    assert not any((another_board("a", "a"), another_board(None, "b"), another_board("a", None)))


def test_on_another_board_nothing_is_signed_or_sent_as_the_original(start: Start) -> None:
    start("board A").store.close()
    copy = start("board B")
    assert copy.copy_of == "dock-1"
    told = uplink_of(copy).progress()
    assert (told["connected"], told["alarms"]) == (False, ["other_board"])
    assert "副本" in told["why"]
    assert "dock-1" in told["why"]
    name = copy.custody.identity.dock
    assert name.startswith("copy-")
    assert signed(copy) == [("dock-1", "pf", "enrolled"), (name, "local", "enrolled")]
    copy.store.close()
    again = start("board B")
    assert len(signed(again)) == 2, "the copy goes on as itself"
    again.store.close()

    back = start("board A")
    assert back.copy_of is None
    assert signed(back)[-1] == ("dock-1", "pf", "enrolled")
    back.store.close()


def test_a_board_without_a_serial_is_never_another_one(start: Start) -> None:
    start(None).store.close()
    named = start("board A")
    assert named.copy_of is None
    named.store.close()
    unnamed = start(None)
    assert unnamed.copy_of is None
    unnamed.store.close()


def test_a_person_enrols_the_copy_under_a_new_id_with_a_new_key(start: Start, tmp_path: Path) -> None:
    start("board A").store.close()
    copy = start("board B")
    copy.store.close()
    refused = CliRunner().invoke(main_group, ["identity", "--settings", str(tmp_path / "bodydock.toml")])
    assert refused.exit_code != 0
    assert "copy of dock dock-1" in refused.output
    half_done = start("board B", dock="dock-2")
    assert half_done.copy_of == "dock-1", "the key is still the other's"
    half_done.store.close()

    (tmp_path / "state/keys/dock.pem").rename(tmp_path / "dock-1.pem")
    with pytest.raises(BadKey, match="new id"):
        start("board B", dock="dock-1")
    enrolled = start("board B", dock="dock-2")
    assert enrolled.copy_of is None
    assert signed(enrolled)[-1] == ("dock-2", "pf", "enrolled")
    enrolled.store.close()

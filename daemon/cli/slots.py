"""`bodydock slots`: what each slot shows, once or as it changes; `learn`: which ports lead to which slot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import console, json_option, print_json, settings_option, told
from daemon.cli.status import slots_table
from daemon.control import ask
from daemon.errors import NotRunning
from daemon.settings import Settings, load_settings
from uplink.plain import json_text

if TYPE_CHECKING:
    from dock.slots import Slot

_WATCH_S = 0.5
_LEARN_POLL_S = 0.3


@click.group(invoke_without_command=True)
@settings_option
@json_option
@click.option("--watch", is_flag=True, help="Go on showing them until Ctrl-C.")
@click.pass_context
def slots(ctx: click.Context, settings_file: Path, as_json: bool, watch: bool) -> None:
    """Show the slots: which camera, how far, whether it is safe to take.

    \b
    bodydock slots                 once
    bodydock slots --watch         as it changes
    bodydock slots learn           find out which USB ports lead to which slot
    """
    if ctx.invoked_subcommand is not None:
        return
    with told():
        settings = load_settings(settings_file)
        if watch:
            _watch(settings, as_json)
            return
        try:
            data = ask(settings.control.socket, "slots")
        except NotRunning as down:
            click.echo(f"the daemon is not running ({down}); these are the slots of its settings", err=True)
            data = configured(settings)
    if as_json:
        print_json(data)
    else:
        console().print(slots_table(data))


def configured(settings: Settings) -> list[dict[str, Any]]:
    """Return the slots of the settings, without anything that only a running daemon knows."""
    from daemon.board import SlotView
    from daemon.status import slot_json

    text = {"zh": "采集站未运行", "en": "the dock is not running"}
    views = [SlotView(slot.number, slot.label, text=text) for slot in settings.dock_slots()]
    return [slot_json(view) | {"phase": None} for view in views]


def _watch(settings: Settings, as_json: bool) -> None:
    if as_json:  # one line for each change, for programs
        last = None
        while True:
            data = ask(settings.control.socket, "slots")
            if data != last:
                click.echo(json_text(data))
                last = data
            time.sleep(_WATCH_S)
    from rich.live import Live

    with Live(console=console(), auto_refresh=False) as live:
        while True:
            live.update(slots_table(ask(settings.control.socket, "slots")), refresh=True)
            time.sleep(_WATCH_S)


@slots.command()
@click.option("--first", default=1, show_default=True, type=click.IntRange(1, 999), help="The first number.")
@json_option
def learn(first: int, as_json: bool) -> None:
    """Plug a USB stick into the port of each slot in turn; prints the [[slots]] tables.

    Works without the daemon.  The tables go to standard output, what to do to standard error:

    \b
    bodydock slots learn > slots.toml
    """
    from dock.detect import DeviceWatch
    from dock.learning import slots_toml

    with DeviceWatch() as watch:
        learnt = learn_slots(first, watch.changes, _enter_pressed, lambda text: click.echo(text, err=True))
    if not learnt:
        raise click.ClickException("nothing was plugged in: no slot was learnt")
    if as_json:
        print_json([{"number": slot.number, "ports": list(slot.ports)} for slot in learnt])
    else:
        click.echo(slots_toml(learnt), nl=False)


def learn_slots(
    first: int,
    changes: Callable[[float], Any],
    enter_pressed: Callable[[], bool],
    say: Callable[[str], None],
) -> list[Slot]:
    """Ask for one slot after the other until Enter is pressed instead; return them.

    `changes(timeout_s)` as `DeviceWatch.changes`.
    """
    from dock.learning import slot_of_port, twin_of
    from dock.slots import Slot

    learnt: list[Slot] = []
    changes(0.0)  # what is there already was not plugged in now
    while True:
        number = first + len(learnt)
        say(f"{number} 号卡位：请在该口插入U盘；全部完成请按回车")
        say(f"slot {number}: plug a stick into its port, or press Enter if that was all")
        found = _plugged(changes, enter_pressed, learnt)
        if found is None:
            return learnt
        port, sys_path = found
        if (known := slot_of_port(port, learnt)) is not None:
            say(f"该口已是 {known} 号卡位 / this is the port of slot {known} already: {port}")
            continue
        twin = twin_of(port, sys_path)
        if twin is None:
            twin = _asked_twin(port, learnt, changes, enter_pressed, say)
        ports = (port,) if twin in (port, "") else (port, twin)
        learnt.append(Slot(number, ports))
        say(f"{number} 号卡位 slot {number}: {', '.join(ports)}")


def _asked_twin(
    port: str,
    learnt: list[Slot],
    changes: Callable[[float], Any],
    enter_pressed: Callable[[], bool],
    say: Callable[[str], None],
) -> str:
    """Return the port that the same socket is at the other speed; empty if there is none, or the same."""
    from dock.learning import slot_of_port
    from dock.slots import Slot

    say("若为USB 3口（蓝色），请在同一口再插一个另一种速度（2.0或3.0）的U盘；否则按回车")
    say("if it is a USB 3 socket (blue): plug a stick of the other speed into it; else press Enter")
    so_far = [*learnt, Slot(0, (port,))]
    while (found := _plugged(changes, enter_pressed, so_far)) is not None:
        if found[0] == port:
            say("速度相同，请换另一种U盘，或按回车 / the same speed: take another stick, or press Enter")
        elif (known := slot_of_port(found[0], learnt)) is not None:
            say(f"该口已是 {known} 号卡位 / this is the port of slot {known} already: {found[0]}")
        else:
            return found[0]
    return ""


def _plugged(
    changes: Callable[[float], Any], enter_pressed: Callable[[], bool], learnt: list[Slot]
) -> tuple[str, str] | None:
    """Return the port of what is plugged in next; None when Enter was pressed."""
    from dock.learning import port_of_change

    seen = {port for slot in learnt for port in slot.ports}
    while not enter_pressed():
        for change in changes(_LEARN_POLL_S):
            if (place := port_of_change(change, seen)) is not None:
                return place
    return None


def _enter_pressed() -> bool:
    """Whether a line is waiting on standard input; its end counts as one."""
    import select
    import sys

    ready, _, _ = select.select([sys.stdin], [], [], 0)
    if ready:
        sys.stdin.readline()
    return bool(ready)

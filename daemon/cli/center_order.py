"""`bodydock center order VERB …` and `center cosign FILE`: what the platform asks of a dock.

`center` itself is reached through `daemon.cli.center`, the one place that imports it.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from daemon.cli.common import json_option, print_json, say
from daemon.cli.tag_options import tag_arguments, tag_options

F = TypeVar("F", bound=Callable[..., Any])


def _order_options(*, recording: bool = False, asks: bool = True) -> Callable[[F], F]:
    """Add what orders share.  `recording`: they take one; `asks`: they say who asks what of whom."""

    def add(command: F) -> F:
        asking = [
            click.option("--dock", help="The dock; the only one if there is one."),
            click.option("--by", "person", help="Who asks; your login if not given."),
            click.option("--reason", default="", help="理由 Why."),
        ]
        options = [
            *(asking if asks else ()),
            click.option("--wait", "wait_s", default=20.0, show_default=True, help="Seconds for an answer."),
            click.option(
                "--folder",
                "root",
                type=click.Path(path_type=Path, file_okay=False),
                envvar="BODYDOCK_CENTER",
                default="/var/lib/bodydock-center",
                show_default=True,
                help="Where the center lives.",
            ),
        ]
        for option in reversed(options):
            command = option(command)
        command = json_option(command)
        return click.argument("recording")(command) if recording else command

    return add


def _two_options(command: F) -> F:
    for option in (
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Where the command is written, to be cosigned.",
        ),
        click.option("--with", "second", help="The second person, who is to sign it too."),
        click.option(
            "--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), help="Your destroy key."
        ),
    ):
        command = option(command)
    return command


@click.group()
def order() -> None:
    """Order something of a dock: signed, repeated until answered, done once.

    \b
    bodydock center order hold k3jq --reason "申请复议"
    bodydock center order config --dock dock-01 --hours 20:00-07:00
    bodydock center order release k3jq --key wang.pem --with 李娜 --out release.json

    What takes away (release, tag --replace) is written to a file that a second person cosigns.
    Exit status: 0 done, 1 the dock refuses, 2 it could not be sent or was not answered.
    """


@order.command("tag")
@_order_options(recording=True)
@tag_options(marks=("none",))
@click.option("--replace", is_flag=True, help="What is given stands instead of what was there: two persons.")
@_two_options
def order_tag(recording: str, replace: bool, **given: Any) -> None:
    """Add to the tag of RECORDING; with --replace change it.

    \b
    bodydock center order tag k3jq --case 2026-0042 --reason "补录案件"
    """
    args = tag_arguments(given)
    if replace:
        _begin("tag", recording, args | {"replaces": True}, given)
    else:
        _for_recording("tag", recording, args, given)


@order.command("hold")
@_order_options(recording=True)
def order_hold(recording: str, **given: Any) -> None:
    """Put RECORDING on hold at its dock.

    \b
    bodydock center order hold k3jq --reason "申请复议"
    """
    from uplink.ids import draw_id

    if not given["reason"].strip():
        raise click.UsageError("a hold needs a --reason")
    _for_recording("hold", recording, {"hold": draw_id()}, given)


@order.command("release")
@click.option("--hold", help="Which hold; the only one if there is one.")
@_order_options(recording=True)
@_two_options
def order_release(recording: str, hold: str | None, **given: Any) -> None:
    """Write the command that ends a hold, signed by you (--key) and naming a second person (--with).

    \b
    bodydock center order release k3jq --reason 结案 --key wang.pem --with 李娜 --out release.json
    """
    _begin("release", recording, {"hold": hold}, given)


@order.command("resend")
@click.argument("recordings", nargs=-1, required=True)
@_order_options()
def order_resend(recordings: tuple[str, ...], **given: Any) -> None:
    """Void the receipts of RECORDINGS (of one dock), here and there: their bytes come again.

    \b
    bodydock center order resend k3jq --reason "存储损坏"
    """
    from daemon.cli.center_common import told

    center, folder, settings = _center(given["root"])
    with told():
        aims = [center.recording_aim(folder, start, given["dock"]) for start in recordings]
        if len({aim.dock.dock for aim in aims}) != 1:
            raise click.ClickException("these recordings are of several docks: order each dock by itself")
        receipts = [receipt for aim in aims for receipt in aim.receipts]
        if not receipts:
            raise click.ClickException(
                "none of these recordings has a receipt: their bytes are still to come"
            )
        command = center.make(
            settings.id, aims[0].dock, _asked(center, "resend", {"receipts": receipts}, given)
        )
        answer = center.send(
            settings, aims[0].dock, command, center.signed(folder, command).raw, given["wait_s"]
        )
        center.void(folder, aims, answer)
    _print(aims[0].dock, answer, given)


@order.command("config")
@click.option("--bytes-per-second", type=click.IntRange(min=0), help="0: no limit.")
@click.option("--hours", multiple=True, metavar="HH:MM-HH:MM", help="When footage is sent; may be repeated.")
@click.option("--always", is_flag=True, help="Send at all hours.")
@click.option("--marked-first/--no-marked-first", default=None, help="Marked recordings before others.")
@_order_options()
def order_config(
    bytes_per_second: int | None,
    hours: tuple[str, ...],
    always: bool,
    marked_first: bool | None,
    **given: Any,
) -> None:
    """Amend how a dock sends: at once, and lastingly.

    \b
    bodydock center order config --dock dock-01 --hours 20:00-07:00
    bodydock center order config --dock dock-01 --always --bytes-per-second 0
    """
    from daemon.cli.center_common import told

    args: dict[str, Any] = {"bytes_per_second": bytes_per_second, "marked_first": marked_first}
    args["hours"] = [] if always else list(hours) or None
    args = {key: value for key, value in args.items() if value is not None}
    if not args:
        raise click.UsageError("say what is to change, e.g. --hours 20:00-07:00")
    center, folder, settings = _center(given["root"])
    with told():
        aim = center.dock_aim(folder, given["dock"])
        center.make(settings.id, aim.dock, _asked(center, "config", args, given))  # before anything is sent
        asking = center.make(settings.id, aim.dock, _asked(center, "ping", {}, given))
        known = center.send(settings, aim.dock, asking, center.signed(folder, asking).raw, given["wait_s"])
        # What it amends: the settings as the dock has them now (trust.md: `base`).
        base = known.data.get("settings", {}).get("digest")
        command = center.make(settings.id, aim.dock, _asked(center, "config", args, given, base))
        signed = center.signed(folder, command)
    _send(center, settings, aim.dock, command, signed.raw, given)


@order.command("rescan")
@click.option("--slot", type=click.IntRange(min=1), help="One slot; all if not given.")
@_order_options()
def order_rescan(slot: int | None, **given: Any) -> None:
    """Have a dock look at its slots again.

    \b
    bodydock center order rescan --dock dock-01 --slot 3
    """
    _for_dock("rescan", {} if slot is None else {"slot": slot}, given)


@order.command("ping")
@_order_options()
def order_ping(**given: Any) -> None:
    """Ask a dock how it is.

    \b
    bodydock center order ping --dock dock-01
    """
    _for_dock("ping", {}, given)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key", "key_file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Your key."
)
@click.option("--carry", is_flag=True, help="Do not send: FILE is carried to the dock (`bodydock release`).")
@click.option("--yes", is_flag=True, help="Do not ask; without a terminal nobody is asked either.")
@_order_options(asks=False)
def cosign(file: Path, key_file: Path, carry: bool, yes: bool, **given: Any) -> None:
    """Add your signature, as the second person, to the command in FILE, and send it.

    What FILE asks is shown first.  Both signatures are in FILE afterwards: should the dock not answer, the
    same again sends it once more, and the dock does it once.

    \b
    bodydock center cosign release.json --key li.pem
    bodydock center cosign release.json --key li.pem --carry
    """
    from daemon.cli.center_common import told

    center, folder, settings = _center(given["root"])
    with told():
        signed, command = center.cosigned(folder, center.read_file(file), key_file)
        aim = center.dock_aim(folder, command.dock)
        for line in _in_words(command):
            say(line, err=True)
        if not yes and sys.stdin.isatty():
            click.confirm("签名 Sign this?", abort=True, err=True)
        center.write_file(file, signed, new=False)
    if carry:
        click.echo(f"signed by both: carry {file} to dock {command.dock}, `bodydock release FILE`", err=True)
        if given["as_json"]:
            print_json({"command": command.command, "file": str(file), "dock": command.dock})
        return
    _send(center, settings, aim.dock, command, signed.raw, given)


def add_orders(group: click.Group) -> None:
    """Put these verbs into `bodydock center`."""
    group.add_command(order)
    group.add_command(cosign)


def _center(root: Path) -> tuple[Any, Any, Any]:
    from daemon.cli.center import ordering, settings_of
    from daemon.cli.center_common import told

    with told():
        folder, settings = settings_of(root)
    return ordering(), folder, settings


def _asked(
    center: Any, verb: str, args: dict[str, Any], given: dict[str, Any], base: str | None = None
) -> Any:
    person = given["person"] or getpass.getuser()
    return center.Asked(verb, args, ((person, "operate"),), given["reason"], base)


def _for_recording(verb: str, start: str, args: dict[str, Any], given: dict[str, Any]) -> None:
    from daemon.cli.center_common import told

    center, folder, settings = _center(given["root"])
    with told():
        aim = center.recording_aim(folder, start, given["dock"])
        args = {"recording": aim.recording} | args
        command = center.make(settings.id, aim.dock, _asked(center, verb, args, given, aim.manifest))
        signed = center.signed(folder, command)
    _send(center, settings, aim.dock, command, signed.raw, given)


def _for_dock(verb: str, args: dict[str, Any], given: dict[str, Any]) -> None:
    from daemon.cli.center_common import told

    center, folder, settings = _center(given["root"])
    with told():
        aim = center.dock_aim(folder, given["dock"])
        command = center.make(settings.id, aim.dock, _asked(center, verb, args, given))
        signed = center.signed(folder, command)
    _send(center, settings, aim.dock, command, signed.raw, given)


def _begin(verb: str, start: str, args: dict[str, Any], given: dict[str, Any]) -> None:
    """Write a destroy command, signed by the first of two persons."""
    from daemon.cli.center_common import told

    missing = [name for name in ("key_file", "second", "out") if given[name] is None]
    if missing or not given["reason"].strip():
        raise click.UsageError(
            "this takes two persons: give --key FILE --with PERSON --out FILE --reason WHY"
        )
    center, folder, _ = _center(given["root"])
    with told():
        aim = center.recording_aim(folder, start, given["dock"])
        if verb == "release" and args["hold"] is None:
            if len(aim.holds) != 1:
                known = ", ".join(aim.holds) or "none"
                raise click.ClickException(f"holds that are known here: {known}. Name one: --hold HOLD")
            args = args | {"hold": aim.holds[0]}
        asked = center.Asked(verb, {"recording": aim.recording} | args, (), given["reason"])
        begun = center.begun(folder, aim, asked, given["key_file"], given["second"])
        center.write_file(given["out"], begun, new=True)
    click.echo(
        f"signed by you: {given['second']} adds `bodydock center cosign {given['out']} --key KEY`", err=True
    )
    if given["as_json"]:
        print_json({"file": str(given["out"]), "dock": aim.dock.dock, "recording": aim.recording})


def _send(center: Any, settings: Any, dock: Any, command: Any, raw: bytes, given: dict[str, Any]) -> None:
    from daemon.cli.center_common import told

    with told():
        answer = center.send(settings, dock, command, raw, given["wait_s"])
    _print(dock, answer, given)


def _print(dock: Any, answer: Any, given: dict[str, Any]) -> None:
    if given["as_json"]:
        print_json(answer.model_dump(mode="json"))
    else:
        say(f"{dock.dock}: {answer.text}")
    if answer.outcome != "done":
        raise click.exceptions.Exit(1)


def _in_words(command: Any) -> tuple[str, ...]:
    persons = ", ".join(signer.person for signer in command.by)
    args = ", ".join(f"{name} {value}" for name, value in command.args.items())
    what = f"{command.verb} at dock {command.dock}: {args}"
    return what, f"reason: {command.reason}", f"by: {persons}"

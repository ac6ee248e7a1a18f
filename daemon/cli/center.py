"""`bodydock center …`: the reference platform, a program of its own.

The one place where the CLI imports `center`, inside functions: a dock need not have it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli import center_ca, center_cards, center_registry, center_tables
from daemon.cli.center_common import folder_of, folder_option, told
from daemon.cli.center_order import add_orders
from daemon.cli.checked import report_checked
from daemon.cli.common import json_option, print_json, say

if TYPE_CHECKING:
    from center.enrolment import Applicant
    from center.settings import Folder


@click.group("center")
def center_group() -> None:
    """The reference platform: receives, verifies, keeps, signs receipts.

    \b
    bodydock center init --id NAME     once, then `keys`
    bodydock center docks add FILE     take in a dock (`bodydock identity` there)
    bodydock center run                receive
    """


@center_group.command()
@click.option("--id", "name", required=True, help="The platform's id, for ever: a-z, 0-9 and -.")
@click.option("--store", default="store", show_default=True, help="The name that receipts give the store.")
@click.option("--broker-host", default="127.0.0.1", show_default=True, help="Where the broker is.")
@click.option(
    "--broker-port", default=1883, show_default=True, type=click.IntRange(1, 65535), help="Its port."
)
@click.option("--tls", is_flag=True, help="Reach the broker by TLS, with what `center ca init` makes.")
@folder_option
@json_option
def init(
    name: str, store: str, broker_host: str, broker_port: int, tls: bool, root: Path, as_json: bool
) -> None:
    """Lay out a new center's folder.

    \b
    bodydock center init --id pf                                  broker on this machine
    bodydock center init --id pf --tls --broker-host mqtt.office.example --broker-port 8883
    """
    from pydantic import ValidationError

    from center import settings
    from center.catalogue import database
    from uplink.wanted import key_of, wanted

    try:
        files = settings.OWN_TLS if tls else {}
        broker = settings.Broker.model_validate({"host": broker_host, "port": broker_port, **files})
        made = settings.Settings(id=name, store=store, broker=broker)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise click.ClickException(f"{key_of(first['loc'])}: {wanted(first)}") from None
    with told():
        settings.make(folder_of(root), made)
        database.open_for_writing(folder_of(root)).close()
    click.echo(f"center {name} in {root}: next `bodydock center keys`", err=True)
    if as_json:
        print_json({"folder": str(folder_of(root).root), "settings": made.model_dump(mode="json")})


center_group.add_command(center_ca.ca_group)
center_group.add_command(center_ca.broker)
center_group.add_command(center_cards.case_card)


@center_group.group(invoke_without_command=True)
@click.option(
    "--replace",
    multiple=True,
    type=click.Choice(["receipt", "registry", "operate"]),
    help="Another key of this role in place of the one in force: prepared, in the folder, or new.",
)
@click.option(
    "--prepare",
    multiple=True,
    type=click.Choice(["receipt", "registry", "operate"]),
    help="Make a key of this role that docks are to know before it replaces the one in force.",
)
@click.option(
    "--distrust", is_flag=True, help="With --replace: it was stolen, what it signed does not count."
)
@folder_option
@json_option
@click.pass_context
def keys(
    ctx: click.Context,
    replace: tuple[str, ...],
    prepare: tuple[str, ...],
    distrust: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Make the keys at first; print the [platform] table for the docks' settings.

    A key that docks were told of is never replaced by itself: where its file is gone, put it back.

    \b
    bodydock center keys
    bodydock center keys --prepare receipt      then every dock gets the table that is printed
    bodydock center keys --replace receipt      when all have it; or at once: lost for good
    bodydock center keys new 王伟 /media/stick/wang.pem
    """
    if ctx.invoked_subcommand is not None:
        return
    from center import keybook, people, platform, settings
    from uplink.keys import Role, key_id

    if set(prepare) & set(replace):
        raise click.UsageError("first --prepare ROLE; --replace ROLE when the docks know that key")
    if distrust and not replace:
        raise click.UsageError("--distrust goes with --replace ROLE")
    folder = folder_of(root)
    with told():
        name = settings.load(folder).id
        roles = [Role(role) for role in replace]
        held, made = keybook.load_or_make(folder, name, roles, distrust=distrust)
        keybook.prepare(folder, name, [Role(role) for role in prepare])
        persons, retired, coming = people.load(folder), keybook.retired(folder), keybook.coming(folder)
    for role, key in held.by_role.items():
        new = " (new)" if role in made else ""
        click.echo(f"{role.value:9}{platform.grouped(key.key_id)}{new}", err=True)
    for one in persons:
        click.echo(f"destroy  {platform.grouped(one.record.key_id)} {one.person}", err=True)
    for of, public in coming.items():
        click.echo(f"{of:9}{platform.grouped(key_id(bytes.fromhex(public)))} (prepared)", err=True)
    if replace:
        click.echo(f"{_EVERY_DOCK}, from now on; `center run` needs a restart too", err=True)
    elif prepare:
        click.echo(f"{_EVERY_DOCK}; when all have it: `bodydock center keys --replace ROLE`", err=True)
    if "registry" in replace:
        click.echo("then publish the registries again: `bodydock center registry publish FILE`", err=True)
    table = held.table(people.table(persons), retired, coming)
    if as_json:
        print_json({"platform": table})
    else:
        click.echo(platform.as_toml(table), nl=False)


@keys.command("new")
@click.argument("person")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@folder_option
@json_option
def keys_new(person: str, file: Path, root: Path, as_json: bool) -> None:
    """Make a destroy key for PERSON in FILE (mode 0600), and register its public half.

    FILE stays with that person.  Docks learn of it by the [platform] table, which is printed: each needs it
    in its settings, and a restart, before it does what this key signs.

    \b
    bodydock center keys new 王伟 /media/stick/wang.pem
    """
    from center import people, platform, settings

    folder = folder_of(root)
    with told():
        name = settings.load(folder).id
        done = people.register(folder, person, file)
        table = _table(folder, name)
    if as_json:
        made = {"file": str(file), "key": done.key_id, "made": done.made}
        print_json(made | done.key.model_dump() | {"platform": table})
    what = "made" if done.made else "taken as it was"
    click.echo(f"{done.key.person}: {file} {what}\nfingerprint: {platform.grouped(done.key_id)}", err=True)
    if table is None:
        click.echo("next `bodydock center keys`: it prints the table by which docks know this key", err=True)
        return
    click.echo(f"{_EVERY_DOCK}: until then it refuses what this key signs", err=True)
    if not as_json:
        click.echo(platform.as_toml(table), nl=False)


_EVERY_DOCK = "every dock needs the [platform] table below in its settings, and a restart"


def _table(folder: Folder, name: str) -> dict[str, Any] | None:
    """Return the [platform] table as it is now; None where the platform has no keys yet."""
    from center import keybook, people

    if not (folder.keys / "receipt.pem").exists():
        return None
    held, coming = keybook.load(folder, name), keybook.coming(folder)
    return held.table(people.table(people.load(folder)), keybook.retired(folder), coming)


@center_group.command()
@folder_option
def run(root: Path) -> None:
    """Receive until SIGTERM.

    \b
    bodydock center run --folder /srv/center
    """
    from systemd import daemon as systemd

    from center import run as running
    from daemon.journal import set_up_logging

    def started(text: str) -> None:
        click.echo(text, err=True)
        systemd.notify("READY=1")

    set_up_logging("INFO")
    with told(), running.until_signal() as going_on:
        running.run(folder_of(root), going_on, started)


@center_group.group()
def docks() -> None:
    """The docks that may speak to this platform.

    \b
    bodydock center docks list
    bodydock center docks add dock-01.json
    """


@docks.command("add")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--fingerprint", help="The dock's whole fingerprint (hex): for scripts.")
@click.option("--issue", is_flag=True, help="Print its certificate for the broker (see `center ca`).")
@folder_option
@json_option
def docks_add(file: str, fingerprint: str | None, issue: bool, root: Path, as_json: bool) -> None:
    """Take in the dock whose `bodydock identity` printed FILE (- for standard input).

    Compare the fingerprint with the dock's own screen.  Exit status 1: it is another.

    \b
    bodydock center docks add dock-01.json
    bodydock center docks add dock-01.json --issue > dock-01.crt
    """
    from center import ca, enrolment, settings

    folder = folder_of(root)
    with told():
        chosen = settings.load(folder)
        given = sys.stdin.buffer.read(1024 * 1024) if file == "-" else None
        applicant = enrolment.read(enrolment.read_source(file, given), file)
    if not _confirmed(applicant, fingerprint, interactive=given is None):
        click.echo("the fingerprint is another: nothing was changed. Is FILE from this very dock?", err=True)
        raise click.exceptions.Exit(1)
    with told():
        if issue:
            ca.load(folder.ca)  # before anything is changed
        new = enrolment.take_in(folder, chosen, applicant)
        issued = enrolment.certify(folder, applicant) if issue else None
    identity = applicant.identity
    done = "enrolled" if new else "was enrolled already"
    click.echo(
        f"dock {identity.dock} (site {identity.site}) {done}. The broker's rights are in {folder.acl}: "
        "have it read them again (mosquitto: SIGHUP)",
        err=True,
    )
    if issued is not None:
        click.echo(f"certificate {issued.name}, until {issued.expires_at:%Y-%m-%d}", err=True)
    if as_json:
        certificate = None if issued is None else center_ca.issued_json(issued)
        who = {"dock": identity.dock, "site": identity.site, "key": applicant.key.key_id}
        print_json(who | {"new": new, "acl": str(folder.acl), "certificate": certificate})
    elif issued is not None:
        click.echo(issued.pem.decode(), nl=False)


def _confirmed(applicant: Applicant, fingerprint: str | None, interactive: bool) -> bool:
    from center import enrolment, platform

    identity, key = applicant.identity, applicant.key
    click.echo(f"dock {identity.dock}, site {identity.site}, {identity.time:%Y-%m-%d %H:%M:%S} UTC", err=True)
    click.echo(f"fingerprint: {platform.grouped(key.key_id)}", err=True)
    if fingerprint is not None:
        return enrolment.same_fingerprint(fingerprint, key)
    if not interactive:
        raise click.ClickException(
            "FILE came over standard input: nobody can be asked. Give --fingerprint HEX"
        )
    typed = click.prompt("Last 8 characters of the fingerprint on the dock's own screen", err=True)
    return bool(typed.replace(" ", "").lower() == key.key_id[-8:])


@docks.command("list")
@folder_option
@json_option
def docks_list(root: Path, as_json: bool) -> None:
    """Show the enrolled docks, below what is wrong at the center (`center status`).

    \b
    bodydock center docks list
    """
    from datetime import UTC, datetime

    from center import reading

    with told():
        found = reading.dock_listing(folder_of(root))
    if as_json:
        print_json(found)
        return
    with told():
        shown = reading.status(folder_of(root), datetime.now(UTC))
    center_tables.print_troubles(shown["troubles"])
    center_tables.print_docks(found)


@center_group.command()
@folder_option
@json_option
def status(root: Path, as_json: bool) -> None:
    """Show what is wrong at the center and wants a person.  Exit status 1: something is.

    \b
    bodydock center status
    bodydock center status --json
    """
    from datetime import UTC, datetime

    from center import reading

    with told():
        shown = reading.status(folder_of(root), datetime.now(UTC))
    if as_json:
        print_json(shown)
    else:
        center_tables.print_status(shown)
    if shown["troubles"]:
        raise click.exceptions.Exit(1)


@docks.command("settle")
@click.argument("dock")
@click.option("--by", "person", help="Who decides; your login if not given.")
@folder_option
@json_option
def docks_settle(dock: str, person: str | None, root: Path, as_json: bool) -> None:
    """End a fork of DOCK's chain: both lines stay in evidence, and receipts go on.

    A person decides this: who did, and when, is kept and shown by `center docks list`.

    \b
    bodydock center docks settle dock-01 --by 王伟
    """
    from dataclasses import asdict

    from center import enrolment, settings

    with told():
        settings.load(folder_of(root))  # or a folder that is no center's is called a broken one
        done = enrolment.settle(folder_of(root), dock, *_deciding(person))
    if as_json:
        print_json({"dock": dock, "settled": None if done is None else asdict(done)})
    if done is None:
        say(f"dock {dock}: there is nothing to settle", err=True)
    else:
        beside = f"{done.events_beside} events beside the main line are kept"
        say(f"dock {dock}: settled by {done.person}, {beside}", err=True)


def _deciding(person: str | None) -> tuple[str, str]:
    """Return who decides, and the Unix user who asks: the login where nobody is named."""
    import os
    import pwd

    try:
        login = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        login = str(os.getuid())
    return (f"unix:{login}" if person is None else person), login


center_group.add_command(center_registry.registry)


@center_group.command("list")
@folder_option
@json_option
def list_(root: Path, as_json: bool) -> None:
    """Show what was received.

    \b
    bodydock center list
    bodydock center list --json
    """
    from center import reading

    with told():
        found = reading.listing(folder_of(root))
    if as_json:
        print_json(found)
        return
    center_tables.print_recordings(found)


@center_group.command()
@click.argument("recording")
@click.option("--verify", is_flag=True, help="Read the stored file and hash it anew.")
@folder_option
@json_option
def show(recording: str, verify: bool, root: Path, as_json: bool) -> None:
    """Show one recording: revisions, tag, report, receipts verified anew, custody.

    RECORDING may be the beginning of an id.  Exit status 1: a receipt, a signature or the file does not
    hold.

    \b
    bodydock center show k3jq
    bodydock center show k3jq --verify    hash the stored file anew
    """
    from center import reading

    with told():
        shown = reading.showing(folder_of(root), recording, verify)
    if as_json:
        print_json(shown)
    else:
        center_tables.print_recording(shown)
    sound = all(
        r["signature"] == "holds" and (r["receipt"] or {}).get("valid", True) for r in shown["revisions"]
    )
    if not sound or shown["file"].get("verified") is False:
        raise click.exceptions.Exit(1)


@center_group.command()
@click.argument("dock", required=False)
@click.option("--deep", is_flag=True, help="Read every stored file from the medium and hash it anew.")
@folder_option
@json_option
def reconcile(dock: str | None, deep: bool, root: Path, as_json: bool) -> None:
    """Look for what is stored of DOCK (else of all docks), and tell them, signed.

    The running center does this daily by itself.  Exit status 1: something is lost, and will come again.

    \b
    bodydock center reconcile
    bodydock center reconcile dock-01 --deep
    """
    from dataclasses import asdict

    from center import reconciler

    with told():
        found = reconciler.ask(folder_of(root), dock, deep)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        center_tables.print_surveys(found)
    if any(one.lost for one in found):
        raise click.exceptions.Exit(1)


@center_group.command("verify")
@click.argument("dock", required=False)
@click.option("--deep", is_flag=True, help="Read every stored file from the medium and hash it anew.")
@folder_option
@json_option
def verify_(dock: str | None, deep: bool, root: Path, as_json: bool) -> None:
    """Check chains, sums, revisions, receipts and stored files, of DOCK or of all docks.

    Works while the center runs, and changes nothing.  Exit status: 0 all of it holds, 1 something does not.

    \b
    bodydock center verify
    bodydock center verify dock-01 --deep
    """
    from center import verifying

    with told():
        verifier = verifying.Verifier(folder_of(root), deep=deep)
        found = verifier.every_dock() if dock is None else verifier.dock(dock)
    report_checked(found, as_json, deep)


@center_group.command()
@folder_option
@json_option
def counters(root: Path, as_json: bool) -> None:
    """Show what was counted, and what was refused and kept in quarantine.

    \b
    bodydock center counters
    bodydock center counters --json
    """
    from center import reading

    with told():
        found = reading.counting(folder_of(root))
    if as_json:
        print_json(found)
        return
    center_tables.print_counters(found)


def ordering() -> Any:
    """Return `center.ordering`, for the verbs in `center_order`: this module is the one that knows center."""
    from center import ordering as module

    return module


def settings_of(root: Path) -> tuple[Folder, Any]:
    """Return a center's folder and settings."""
    from center import settings

    folder = folder_of(root)
    return folder, settings.load(folder)


add_orders(center_group)

"""`bodydock center ca …` and `center broker`: certificates for the broker and all who speak to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.center_common import folder_of, folder_option, told
from daemon.cli.common import json_option, print_json

if TYPE_CHECKING:
    from center.ca import Issued


@click.group("ca")
def ca_group() -> None:
    """A private certificate authority, for a broker on another machine.

    \b
    bodydock center ca init                        once
    bodydock center ca server mqtt.office.example  the broker's certificate
    bodydock center broker /etc/mosquitto/bodydock what the broker reads
    bodydock center docks add FILE --issue         a dock's certificate
    """


@ca_group.command("init")
@folder_option
@json_option
def init(root: Path, as_json: bool) -> None:
    """Make the CA, and the certificates of receiver and operator.

    \b
    bodydock center ca init
    """
    from center import certifying, settings

    folder = folder_of(root)
    with told():
        issued = certifying.begin(folder, settings.load(folder))
    _say(issued)
    if as_json:
        print_json(_listed(issued))
    click.echo(
        f"CA in {folder.ca}: keep root.key safe, and a copy off this machine. Next: "
        "`bodydock center ca server HOST`",
        err=True,
    )


@ca_group.command("renew")
@folder_option
@json_option
def renew(root: Path, as_json: bool) -> None:
    """Issue the certificates of receiver and operator anew, for the same keys.

    \b
    bodydock center ca renew
    """
    from center import certifying, settings

    folder = folder_of(root)
    with told():
        issued = certifying.renew(folder, settings.load(folder))
    _say(issued)
    if as_json:
        print_json(_listed(issued))


@ca_group.command("server")
@click.argument("hosts", nargs=-1, required=True)
@folder_option
@json_option
def server(hosts: tuple[str, ...], root: Path, as_json: bool) -> None:
    """Issue the broker's certificate for HOSTS: the names and addresses that clients connect to.

    \b
    bodydock center ca server mqtt.office.example 192.0.2.7
    """
    from center import certifying

    folder = folder_of(root)
    with told():
        issued = [certifying.server(folder, hosts)]
    _say(issued)
    if as_json:
        print_json(_listed(issued))
    click.echo("next: `bodydock center broker DIR`, and have the broker read it", err=True)


@ca_group.command("watcher")
@click.argument("name")
@click.option("--site", "sites", multiple=True, help="What it may see; again for more. Else every site.")
@click.option(
    "--request", type=click.Path(path_type=Path, dir_okay=False), help="PKCS #10 (PEM or DER), made there."
)
@folder_option
@json_option
def watcher(name: str, sites: tuple[str, ...], request: Path | None, root: Path, as_json: bool) -> None:
    """Let NAME watch docks (`bodydock watch`): print its certificate.

    Without --request a key is made here, to be carried to the machine that watches.  One certificate for
    each screen: the broker admits a name once.

    \b
    bodydock center ca watcher corridor --site office-1 > corridor.crt
    """
    from center import certifying, settings

    folder = folder_of(root)
    with told():
        asked = None if request is None else _der(request.read_bytes())
        issued, key_file = certifying.watcher(folder, settings.load(folder), name, sites, asked)
    _say([issued])
    if key_file is not None:
        click.echo(f"its key: {key_file}", err=True)
    click.echo("rights are written: `bodydock center broker DIR`, and have the broker read it", err=True)
    if as_json:
        key = None if key_file is None else str(key_file)
        print_json(issued_json(issued) | {"key_file": key, "sites": list(sites)})
    else:
        click.echo(issued.pem.decode(), nl=False)


@ca_group.command("revoke")
@click.argument("name")
@folder_option
@json_option
def revoke(name: str, root: Path, as_json: bool) -> None:
    """Revoke the certificates of NAME (a dock's is SITE/DOCK).

    \b
    bodydock center ca revoke office-1/dock-01
    """
    from center import certifying, settings

    folder = folder_of(root)
    with told():
        count = certifying.revoke(folder, settings.load(folder), name)
    if as_json:
        print_json({"name": name, "revoked": count})
    click.echo(
        f"{name}: {count} revoked. `bodydock center broker DIR`, then restart the broker: one that only "
        "reads its files again keeps connections that stand",
        err=True,
    )


@ca_group.command("list")
@folder_option
@json_option
def list_(root: Path, as_json: bool) -> None:
    """Show what was issued, and until when it holds.

    \b
    bodydock center ca list
    """
    from center import ca

    with told():
        found = ca.load(folder_of(root).ca).listing()
    if as_json:
        print_json(found)
        return
    for item in found:
        end = (
            f"revoked {item['revoked_at'][:10]}" if item["revoked_at"] else f"until {item['expires_at'][:10]}"
        )
        click.echo(f"{item['name']:40} {end}")


@ca_group.command("show")
@folder_option
@json_option
def show(root: Path, as_json: bool) -> None:
    """Print the CA's certificate: docks, broker and watchers are given it.

    \b
    bodydock center ca show > ca.crt
    """
    from center import ca

    with told():
        pem = ca.load(folder_of(root).ca).root_pem.decode()
    if as_json:
        print_json({"pem": pem})
    else:
        click.echo(pem, nl=False)


@click.command("broker")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False, exists=True))
@folder_option
@json_option
def broker(target: Path, root: Path, as_json: bool) -> None:
    """Copy to the folder TARGET what the broker reads: CA, its certificate and key, revocations, rights.

    \b
    install -d -o root -g mosquitto -m 2750 /etc/mosquitto/bodydock
    bodydock center broker /etc/mosquitto/bodydock && systemctl reload mosquitto
    """
    from center import certifying, settings

    folder = folder_of(root)
    with told():
        laid = certifying.lay_out(folder, settings.load(folder), target)
    for path in laid.written:
        click.echo(str(path), err=True)
    if as_json:
        print_json({"written": [str(path) for path in laid.written], "missing": laid.missing})
    if laid.missing:
        raise click.ClickException(
            f"missing: {', '.join(laid.missing)}: `bodydock center ca server HOST` first"
        )


def issued_json(issued: Issued) -> dict[str, Any]:
    """Return a certificate as JSON values; `serial` in hex (it has 160 bits)."""
    return {
        "name": issued.name,
        "serial": f"{issued.serial:x}",
        "expires_at": issued.expires_at.isoformat(),
        "pem": issued.pem.decode(),
    }


def _listed(issued: list[Issued]) -> list[dict[str, Any]]:
    return [issued_json(one) for one in issued]


def _say(issued: list[Issued]) -> None:
    for item in issued:
        click.echo(f"certificate {item.name}, until {item.expires_at:%Y-%m-%d}", err=True)


def _der(request: bytes) -> bytes:
    """Return a request as DER; what is neither is left to be refused."""
    from ssl import PEM_cert_to_DER_cert

    text = request.decode("ascii", "replace").replace("CERTIFICATE REQUEST", "CERTIFICATE")
    try:
        return PEM_cert_to_DER_cert(text[text.index("-----BEGIN") :])
    except ValueError:
        return request

"""What the verbs share: where the settings are, how JSON is printed, how errors end.

What is heavy (settings, store) is imported where it is used: `inspect` needs none of it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.errors import DaemonError, Declined, NotRunning
from dock.errors import DockError
from transcoder.errors import TranscoderError
from uplink.errors import UplinkError
from uplink.plain import json_text, plain, plain_lines

if TYPE_CHECKING:
    from rich.console import Console

    from daemon.settings import Settings
    from daemon.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def settings_option(command: F) -> F:
    """Adds `--settings FILE` (or BODYDOCK_SETTINGS)."""
    from daemon.settings import DEFAULT_FILE

    return click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BODYDOCK_SETTINGS",
        default=DEFAULT_FILE,
        show_default=True,
        help="The dock's settings.",
    )(command)


def json_option(command: F) -> F:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


@contextmanager
def told() -> Iterator[None]:
    """Turn what a person can mend into a message and status 2; what the dock refuses has status 1."""
    try:
        yield
    except Declined as refused:
        click.echo(f"Error: {plain_lines(str(refused))}", err=True)
        raise click.exceptions.Exit(1) from None
    except (DaemonError, DockError, TranscoderError, UplinkError) as error:
        raise click.ClickException(plain_lines(str(error))) from None
    except BrokenPipeError:
        raise  # nobody reads any more: nothing to say
    except OSError as error:
        raise click.ClickException(os_error_text(error)) from None
    except sqlite3.Error as error:
        raise click.ClickException(f"the dock's store cannot be used: {error}") from None


def os_error_text(error: OSError) -> str:
    """Return in words what the system refused, where, and what to do if that is known."""
    what = error.strerror or str(error)
    cure = _CURES.get(error.errno or 0, "")
    if error.filename is None:
        place = "the output cannot be written" if error.errno in (errno.ENOSPC, errno.EIO) else "the system"
    else:
        place = plain(
            os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
        )
    return f"{place}: {what}{cure}"


_CURES = {
    errno.ENOSPC: ": make room there, or write to another disk",
    errno.EDQUOT: ": make room there, or write to another disk",
    errno.EACCES: ": run it as a user who may (the dock's own, its group, or root)",
    errno.EPERM: ": run it as a user who may (the dock's own, its group, or root)",
    errno.EROFS: ": this disk is read-only",
}


def print_json(data: Any) -> None:
    click.echo(json_text(data, indent=2))


def say(text: str, err: bool = False) -> None:
    """Print one line that may hold what others wrote."""
    click.echo(plain(text), err=err)


def read(settings_file: Path, verb: str, from_store: Callable[[Store], Any], **args: Any) -> Any:
    """Ask the daemon; where it is down, read the store read-only and say so."""
    from daemon.control import ask
    from daemon.settings import load_settings

    with told():
        settings = load_settings(settings_file)
        try:
            return ask(settings.control.socket, verb, **args)
        except NotRunning as down:
            click.echo(f"the daemon is not running ({plain(str(down))}); reading its store", err=True)
            return from_store(open_read_only(settings))


def act(settings_file: Path, verb: str, as_json: bool, **args: Any) -> None:
    """Have the daemon do something, and print what came of it."""
    from daemon.control import ask
    from daemon.settings import load_settings

    with told():
        done = ask(load_settings(settings_file).control.socket, verb, **args)
    if as_json:
        print_json(done)
        return
    say(done["text"])
    if "revision" in done:
        click.echo(f"recording {done['recording']}, revision {done['revision']}", err=True)
    if "hold" in done:
        click.echo(f"hold {done['hold']}", err=True)


def open_read_only(settings: Settings) -> Store:
    """Open the store for reading, with the daemon running or stopped.  Raises NotRunning: there is none."""
    from daemon.store import Store

    if not settings.store_file.exists():
        raise NotRunning(
            f"no store at {settings.store_file}: this dock was never started (`bodydock run` makes it)"
        )
    return Store(settings.store_file, read_only=True)


def console() -> Console:
    """Return a console that prints what cards call things as it is, or as escapes (`screen`)."""
    from daemon.cli.screen import console as made

    return made()


def size_text(size_bytes: float) -> str:
    """Return a size as people read it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


VERDICTS = {
    "compliant": "合规 compliant",
    "unchecked": "未检查 unchecked",
    "needs_review": "待复核 needs review",
    "violation": "疑似违规 violation",
}


def copy_text(item: dict[str, Any]) -> str:
    """Return in words where a recording's local copy is, if it is not simply here."""
    if item["cleared_at"]:
        return f"本地副本已清除 cleared at {item['cleared_at'][:16]}"
    if item["damaged"]:
        return f"本地副本已损坏 damaged: {plain(item['damaged'])}"
    return ""


STATES = {"stored": "已入库 stored", "sending": "上传中 sending", "delivered": "已送达 delivered"}

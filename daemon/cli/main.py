"""`bodydock`: the one command.  Each verb is a module; heavy imports wait until a verb needs them.

Exit statuses: `STATUSES`, printed by `bodydock --help`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import NoReturn

import click

from daemon.cli.common import os_error_text
from uplink.plain import plain_lines

VERBS = {
    "run": ("daemon.cli.run", "run"),
    "status": ("daemon.cli.status", "status"),
    "slots": ("daemon.cli.slots", "slots"),
    "recordings": ("daemon.cli.recordings", "recordings"),
    "show": ("daemon.cli.show", "show"),
    "dockings": ("daemon.cli.dockings", "dockings"),
    "tag": ("daemon.cli.tag", "tag"),
    "hold": ("daemon.cli.hold", "hold"),
    "release": ("daemon.cli.release", "release"),
    "verify": ("daemon.cli.verify", "verify"),
    "watch": ("daemon.cli.watch", "watch"),
    "inspect": ("daemon.cli.inspect", "inspect"),
    "profile": ("daemon.cli.profile", "profile"),
    "identity": ("daemon.cli.identity", "identity"),
    "models": ("daemon.cli.models", "models"),
    "config": ("daemon.cli.config", "config"),
    "completion": ("daemon.cli.completion", "completion"),
    "center": ("daemon.cli.center", "center_group"),
}


class LazyGroup(click.Group):
    """Finds a verb's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


STATUSES = """\b
Exit status of every command:
  0    done; what was asked about holds
  1    the answer is bad news: a verdict that is not "compliant", a check
       that fails, a command that was refused; or nobody reads the output
  2    it could not be done (settings, a stopped daemon, a wrong id, no
       room): the last line says why
  130  stopped by Ctrl-C
"""


@click.command(cls=LazyGroup, epilog=STATUSES)
@click.version_option(package_name="bodydock", prog_name="bodydock")
def main_group() -> None:
    """Docking station for body cameras (执法记录仪采集工作站).

    \b
    bodydock status                what the slots and the store are doing
    bodydock slots --watch         the slots as they change
    bodydock show ID               everything about one recording
    bodydock inspect FILE          check a recording, anywhere, without a dock
    bodydock center list           what the platform has received
    """


def main() -> None:
    """Run the command; errors for people end with status 2 and no traceback."""
    try:
        # click gives the status of `Exit` back here, and raises it only where it runs alone.
        status = main_group.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if isinstance(error, click.UsageError):
            error.show()  # with the usage; what it quotes was typed here
        else:
            click.echo(f"Error: {plain_lines(error.format_message())}", err=True)
        sys.exit(2)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except BrokenPipeError:
        _end_quietly(1)
    except OSError as error:
        with contextlib.suppress(OSError):
            click.echo(f"Error: {os_error_text(error)}", err=True)
        _end_quietly(2)


def _end_quietly(status: int) -> NoReturn:
    """What Python would write at its end cannot be written either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    sys.exit(status)

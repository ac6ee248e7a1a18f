"""What the verbs of `bodydock center` share: where the center is, how errors end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.cli.common import os_error_text

if TYPE_CHECKING:
    from center.settings import Folder

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_FOLDER = "/var/lib/bodydock-center"


def folder_option(command: F) -> F:
    """Adds `--folder FOLDER` (or BODYDOCK_CENTER)."""
    return click.option(
        "--folder",
        "root",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="BODYDOCK_CENTER",
        default=DEFAULT_FOLDER,
        show_default=True,
        help="Where the center lives.",
    )(command)


@contextmanager
def told() -> Iterator[None]:
    """Turn what a person can mend into a message and status 2."""
    from center.errors import CenterError
    from uplink.errors import UplinkError
    from uplink.plain import plain_lines

    try:
        yield
    except (CenterError, UplinkError) as error:
        raise click.ClickException(plain_lines(str(error))) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(os_error_text(error)) from None


def folder_of(root: Path) -> Folder:
    from center.settings import Folder

    return Folder(root.absolute())

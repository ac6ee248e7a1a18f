"""`bodydock completion SHELL`: what a shell needs to complete the verbs and options, made by click."""

from __future__ import annotations

import click

PROGRAM = "bodydock"
VARIABLE = "_BODYDOCK_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what completes `bodydock` in SHELL.

    \b
    bodydock completion bash > ~/.local/share/bash-completion/completions/bodydock
    bodydock completion zsh > ~/.zfunc/_bodydock
    bodydock completion fish > ~/.config/fish/completions/bodydock.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # click knows each shell of the choice
    click.echo(made(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())

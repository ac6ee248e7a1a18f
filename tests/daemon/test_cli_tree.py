"""Every command explains itself: an example, every option, exit statuses in one place; completion."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from daemon.cli.main import main_group

ROOT = Path(__file__).resolve().parents[2]


def _walk(
    command: click.Command, path: tuple[str, ...] = ("bodydock",)
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _walk(below, (*path, name))


COMMANDS = dict(_walk(main_group))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_is_its_own(name: str) -> None:
    command = COMMANDS[name]
    # Blocks after \b are printed as they stand: elsewhere an example would be run together with the text.
    blocks = (command.help or "").split("\b")[1:]
    examples = [line.strip() for block in blocks for line in block.splitlines()]
    own = [line for line in examples if line.startswith(name)]
    assert own, f"{name} --help has no example"
    for line in own:
        _known(re.split(r"\s{2,}", line)[0])


def _known(example: str) -> None:
    """The commands and options that an example names are there."""
    words = example.split("|")[0].split(">")[0].split()
    command: click.Command = main_group
    for word in words[1:]:
        if isinstance(command, click.Group) and not word.startswith("-"):
            below = command.get_command(click.Context(command), word)
            if below is not None:
                command = below
        elif word.startswith("--"):
            known = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)} | {
                "--help",
                "--version",
            }
            assert word.split("=")[0] in known, example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option):
            assert param.help, f"{name} {param.opts[0]} says nothing of itself"


# What prints no data, or prints it in a form of its own.
NO_JSON = {
    "bodydock run": "a service: it logs",
    "bodydock center run": "a service: it logs",
    "bodydock identity": "what it prints is JSON: the signed identity",
    "bodydock completion": "prints a script for a shell",
}


def _only_groups(name: str) -> bool:
    command = COMMANDS[name]
    return isinstance(command, click.Group) and not command.invoke_without_command


@pytest.mark.parametrize("name", [name for name in COMMANDS if not _only_groups(name)])
def test_data_is_printed_as_json_wherever_it_is_printed(name: str) -> None:
    options = {opt for param in COMMANDS[name].params for opt in param.opts}
    assert ("--json" in options) == (name not in NO_JSON)


def test_exit_statuses_are_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main_group.main(["--help"], prog_name="bodydock")
    said = capsys.readouterr().out
    for status in (0, 1, 2, 130):
        assert re.search(rf"^\s+{status}\s+\S", said, re.M), said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_and_bash_reads_it(shell: str) -> None:
    ran = _bodydock("completion", shell)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "_BODYDOCK_COMPLETE" in ran.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=ran.stdout, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_what_is_completed_are_the_verbs() -> None:
    words = {"COMP_WORDS": "bodydock re", "COMP_CWORD": "1", "_BODYDOCK_COMPLETE": "bash_complete"}
    assert set(_bodydock(more=words).stdout.split()) == {"plain,recordings", "plain,release"}


def test_another_shell_is_refused_with_those_there_are() -> None:
    ran = _bodydock("completion", "tcsh")
    assert (ran.returncode, "bash" in ran.stderr) == (2, True)


def _bodydock(*words: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.argv[0] = 'bodydock'; from daemon.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(more or {})},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_model_that_was_made_is_printed_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("transcoder.models.install_speech_model", lambda into: into)
    result = CliRunner().invoke(main_group, ["models", "install", "--into", str(tmp_path), "--json"])
    assert json.loads(result.stdout) == {"speech": str(tmp_path)}

"""What documents say of the code is held to the code."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from daemon.cli.main import main_group

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`([a-z_/]+\.py): ([A-Za-z_.]+)`")


def _references() -> list[tuple[str, str]]:
    return NAMED.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))


def test_there_are_references() -> None:
    assert len(_references()) > 20


@pytest.mark.parametrize(("module", "name"), _references())
def test_what_the_way_of_a_recording_names_is_there(module: str, name: str) -> None:
    body: list[ast.stmt] = ast.parse((ROOT / module).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        ]
        assert found, f"{module} has no {part}"
        body = found[0].body


PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("config/**/*.md")]
)
ELLIPSIS = {"…", "..."}  # something more may stand here, or a value after its option


def _written(page: Path) -> list[str]:
    """Return every `bodydock ...` of a page: in blocks by line, else in code spans."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```.*?^```", text, re.M | re.S) + re.findall(r"^    .*$", text, re.M)
    lines = [line for block in blocks for line in block.splitlines()]
    spans = [
        " ".join(span.split())
        for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    ]
    found = [
        re.search(r"(?:^|[\s(/])bodydock ((?!is\b|of\b|bodydock\b)[a-z-].*)", line)
        for line in (*lines, *spans)
    ]
    return sorted({match.group(1) for match in found if match})


def _words(said: str) -> list[str]:
    """Return a command's words: without comments, redirections and what comes after it."""
    said = re.split(r"\s+#\s|\s{3,}|[<>|&;)]|\s2>", said)[0]
    words = shlex.split(said)
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in ELLIPSIS or before.startswith("--")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_of_a_page_is_one_with_these_options(page: Path) -> None:
    for said in _written(page):
        command: click.Command = main_group
        words = _words(said)
        context = click.Context(command)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words[0])
            assert found is not None, f"{page.name}: bodydock {said}: there is no {words[0]}"
            command, words = found, words[1:]
            context = click.Context(command, parent=context)
        try:
            command.make_parser(context).parse_args(words)
        except click.UsageError as error:
            pytest.fail(f"{page.name}: bodydock {said}: {error.format_message()}")


def test_commands_are_found_in_pages() -> None:
    assert sum(len(_written(page)) for page in PAGES) > 100


def test_the_scripts_of_the_readme_exist() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        for script in re.findall(r"script/[a-z]+", (ROOT / readme).read_text(encoding="utf-8")):
            assert (ROOT / script).is_file(), script


SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_[\w*]+)`", SECURITY))))
def test_each_test_that_the_security_model_names_is_there(name: str) -> None:
    assert list((ROOT / "tests").rglob(f"{name}.py"))

"""What documents say of the code is held to the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

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


def test_the_commands_of_the_readme_exist() -> None:
    from daemon.cli.main import VERBS

    for readme in ("README.md", "README.zh-CN.md"):
        text = (ROOT / readme).read_text(encoding="utf-8")
        verbs = set(re.findall(r"`(?:\.venv/bin/)?bodydock ([a-z]+)", text))
        assert verbs <= set(VERBS), verbs - set(VERBS)
        for script in re.findall(r"script/[a-z]+", text):
            assert (ROOT / script).is_file(), script


SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_[\w*]+)`", SECURITY))))
def test_each_test_that_the_security_model_names_is_there(name: str) -> None:
    assert list((ROOT / "tests").rglob(f"{name}.py"))

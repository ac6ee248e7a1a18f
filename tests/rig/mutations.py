"""Invariants, the lines that keep them, and the tests that must see those lines broken.

- `tests/mutations.toml` lists, for a sentence of a design page, a file, its exact text, what it becomes, and
  the tests that must fail then.  What is no invariant of the code is set aside there with its reason.
- A break is made in a copy of the tree, one at a time, never in the tree itself.
- The tests have to pass on the whole copy first: one that fails anyway catches nothing.
- Caught is a test that *fails*; a module that cannot be imported any more proves nothing.
"""

from __future__ import annotations

import argparse
import ast
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "mutations.toml"
PAGES = ("trust.md", "architecture.md")
_A_BREAK_S = 240
_PASSED, _FAILED, _INTERRUPTED = 0, 1, 2  # pytest's exit codes


@dataclass(frozen=True)
class Break:
    """One line that keeps `quote` of `page`, broken.  `tests`: pytest node ids."""

    id: str
    page: str
    quote: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Aside:
    """A passage that no line of ours keeps, and why."""

    page: str
    quote: str
    reason: str


@dataclass(frozen=True)
class Listed:
    breaks: tuple[Break, ...]
    asides: tuple[Aside, ...]


class Verdict(Enum):
    CAUGHT = "caught"
    NOT_CAUGHT = "NOT CAUGHT"
    NOT_APPLIED = "DID NOT APPLY"  # the old text is not there exactly once
    NO_IMPORT = "BROKE THE IMPORT"
    NO_BASE = "FAILS ANYWAY"  # or is skipped: unbroken


def load(path: Path = LIST) -> Listed:
    """Read the list.  Raises ValueError, KeyError: what is wrong with it."""
    document = tomllib.loads(path.read_text())
    breaks = tuple(
        Break(row["id"], row["page"], row["quote"], row["file"], row["old"], row["new"], tuple(row["tests"]))
        for row in document["break"]
    )
    asides = tuple(
        Aside(row["page"], quote, row["reason"]) for row in document["aside"] for quote in row["quotes"]
    )
    if len({one.id for one in breaks}) != len(breaks):
        raise ValueError(f"{path}: an id occurs twice")
    return Listed(breaks, asides)


# What a test of the suite holds the list to


def passages(text: str) -> list[str]:
    """Return the paragraphs, items and table rows of a page, each on one line."""
    found: list[str] = []
    fenced = False
    new = True
    for line in text.splitlines():
        if line.startswith("```"):
            fenced, new = not fenced, True
        elif fenced or line.startswith("#") or re.fullmatch(r"\|[-|]+\|", line) or not line.strip():
            new = True
        elif new or line.startswith(("- ", "| ")):
            found.append(line)
            new = False
        else:
            found[-1] += "\n" + line
    return [plain(passage) for passage in found]


def plain(text: str) -> str:
    """Return `text` with all white space as single blanks."""
    return " ".join(text.split())


@functools.cache
def names_in(path: Path) -> set[str]:
    """Return the names of the tests that a file defines, or gets by an assignment (`TestModel`)."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
    return names


# Running


@contextmanager
def scratch() -> Iterator[Path]:
    """A copy of the tree as it is now, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="bodydock-mutate-") as folder:
        for name in filter(None, listed.decode().split("\0")):
            source, target = ROOT / name, Path(folder, name)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        yield Path(folder)


@contextmanager
def broken(tree: Path, one: Break) -> Iterator[None]:
    """Have `one` broken in `tree`.  Raises LookupError if its text is not there exactly once."""
    path = tree / one.file
    text = path.read_text()
    if text.count(one.old) != 1:
        raise LookupError(f"{one.file} has the old text {text.count(one.old)} times")
    path.write_text(text.replace(one.old, one.new))
    try:
        yield
    finally:
        path.write_text(text)


def run_tests(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Return pytest's exit code and what it said.  Without a cache: a broken file may look unchanged."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(tree))
    environment.setdefault("BODYDOCK_SHARED", str(ROOT.parent / "shared"))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rs", "--no-header", "-p", "no:cacheprovider"]
    try:
        ran = subprocess.run(
            [*command, *tests],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_A_BREAK_S,
        )
    except subprocess.TimeoutExpired:
        return _FAILED, "hangs"
    return ran.returncode, ran.stdout + ran.stderr


def judge(tree: Path, one: Break) -> Verdict:
    """Break one line in `tree` and run its tests."""
    try:
        with broken(tree, one):
            code, said = run_tests(tree, one.tests)
    except LookupError:
        return Verdict.NOT_APPLIED
    if code == _PASSED:
        return Verdict.NOT_CAUGHT
    gone = "ImportError" in said or "SyntaxError" in said or "ERROR collecting" in said
    return Verdict.CAUGHT if code == _FAILED and not gone else Verdict.NO_IMPORT


def sound(tree: Path, breaks: Sequence[Break]) -> dict[str, bool]:
    """Return for each test whether it runs and passes unbroken."""
    tests = sorted({test for one in breaks for test in one.tests})
    code, said = run_tests(tree, tests)
    if code == _PASSED and "SKIPPED" not in said:
        return dict.fromkeys(tests, True)
    found = {}
    for test in tests:
        code, said = run_tests(tree, [test])
        found[test] = code == _PASSED and "SKIPPED" not in said
        if not found[test]:
            print(f"{test}:\n{said[-1500:]}", file=sys.stderr)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="script/mutate", description="Break each listed line in a copy of the tree: a test must see it."
    )
    parser.add_argument("word", nargs="*", help="only breaks whose id or file holds one of these words")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--part", metavar="K/N", help="the K-th of N parts, e.g. 1/4")
    asked = parser.parse_args(arguments)
    chosen = [
        one
        for one in load().breaks
        if not asked.word or any(word in one.id or word in one.file for word in asked.word)
    ]
    if asked.part:
        part, of = (int(number) for number in asked.part.split("/"))
        chosen = chosen[part - 1 :: of]
    if asked.list:
        for one in chosen:
            print(f"{one.id:44} {one.file}: {one.page}, “{one.quote[:60]}”")
        return 0
    return _run(chosen)


def _run(chosen: Sequence[Break]) -> int:
    uncaught = 0
    with scratch() as tree:
        base = sound(tree, chosen)
        for one in chosen:
            began = time.monotonic()
            verdict = judge(tree, one) if all(base[test] for test in one.tests) else Verdict.NO_BASE
            uncaught += verdict is not Verdict.CAUGHT
            took_s = time.monotonic() - began
            print(f"{verdict.value:16} {one.id:44} {one.file}  ({took_s:.1f} s)", flush=True)
    print(f"{len(chosen) - uncaught} of {len(chosen)} caught")
    return int(uncaught > 0)


if __name__ == "__main__":
    sys.exit(main())

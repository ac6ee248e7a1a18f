"""Asking the command line about items, and keeping its answers.

- Only `bodydock inspect --json` is asked, as anybody would: nothing of ours is imported.
- Files go in batches (one process each), shifts one by one.  A batch that dies is asked again file by file.
- Kept answers (`--keep`) are for a run that was broken off, and for scoring anew: they do not know which
  engine gave them, so a folder is for one state of the code.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.corpus.items import Item
from tests.corpus.recipes import Recipe
from tests.corpus.score import Found, findings_of, verdict_of
from tests.corpus.store import Made

REPO = Path(__file__).parents[2]
CLOCK_PROFILE = str(Path(__file__).with_name("clock_profile.toml"))
BATCH = 12
TIMEOUT_S = 600


class CannotRun(Exception):
    """The command is not there, or its answer is no report."""


@dataclass(frozen=True)
class Answer:
    """What was said of one item; `heard`: was a notice searched for; `failed`: why nothing was said."""

    verdict: str = ""
    findings: tuple[Found, ...] = ()
    heard: bool = False
    failed: str | None = None


@dataclass(frozen=True)
class Command:
    """How the command is called."""

    program: tuple[str, ...]
    depth: str
    rules: str | None = None
    keep: Path | None = None

    def report(
        self, paths: Sequence[Path], place_known: str = "unknown", profile: str | None = None
    ) -> dict[str, Any]:
        """Its report on the paths; `profile`: a file.  Raises CannotRun."""
        call = [*self.program, "inspect", "--json", "--depth", self.depth, "--place-known", place_known]
        call += ["--rules", self.rules] if self.rules else []
        call += ["--profile", profile] if profile else []
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        try:
            done = subprocess.run(
                [*call, *map(str, paths)],
                capture_output=True,
                check=False,
                timeout=TIMEOUT_S,
                env=environment,
                cwd=REPO,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"{' '.join(call)}: {error}") from error
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise CannotRun(f"{' '.join(call)} ended with {done.returncode} and no report: {said}") from error
        return report

    def kept(self, made: Made) -> Answer | None:
        """The answer of an earlier run."""
        path = self._kept_at(made)
        if path is None or not path.is_file():
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        document["findings"] = tuple(Found(**found) for found in document["findings"])
        return Answer(**document)

    def put(self, made: Made, answer: Answer) -> Answer:
        path = self._kept_at(made)
        if path is not None and answer.failed is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(asdict(answer), ensure_ascii=False), encoding="utf-8")
            unfinished.rename(path)
        return answer

    def _kept_at(self, made: Made) -> Path | None:
        return None if self.keep is None else self.keep / f"{made.folder.name}.{self.depth}.json"


def _was_heard(command: Command, report: Mapping[str, Any]) -> bool:
    return command.depth != "fast" and report["engine"].get("speech_model") is not None


def _indices(report: Mapping[str, Any], made: Made) -> list[int]:
    """Which recordings of the report are this file: the longest common end of the paths."""
    path = Path(made.label.path)
    whole = [i for i, r in enumerate(report["recordings"]) if Path(r["path"]).parts[-2:] == path.parts[-2:]]
    named = [i for i, r in enumerate(report["recordings"]) if Path(r["path"]).name == path.name]
    return whole or named


def ask_files(command: Command, batch: Sequence[Made], root: Path) -> list[Answer]:
    """Answers on files, in order."""
    try:
        report = command.report([root / made.label.path for made in batch], profile=_profile(batch[0]))
    except CannotRun as error:
        if len(batch) == 1:
            return [Answer(failed=f"{batch[0].label.id}: {error}")]
        return [answer for made in batch for answer in ask_files(command, [made], root)]
    answers = []
    for made in batch:
        indices = _indices(report, made)
        if len(indices) == 1:
            said = Answer(
                verdict_of(report, indices), tuple(findings_of(report, indices)), _was_heard(command, report)
            )
        else:
            name = Path(made.label.path).name
            said = Answer(failed=f"{made.label.id}: {len(indices)} recordings are called {name}")
        answers.append(command.put(made, said))
    return answers


def ask_shift(command: Command, made: Made) -> list[Answer]:
    """The answer on one shift."""
    try:
        report = command.report([made.folder], made.label.place_known)
    except CannotRun as error:
        return [Answer(failed=f"{made.label.id}: {error}")]
    said = Answer(verdict_of(report), tuple(findings_of(report)), _was_heard(command, report))
    return [command.put(made, said)]


def _profile(made: Made) -> str | None:
    """The profile that has to be named: of cameras whose clock's place an office would have written down."""
    return CLOCK_PROFILE if _burns_a_clock(made.item) else None


def _burns_a_clock(item: Item) -> bool:
    recipe = getattr(item, "recipe", None)
    take = recipe.take if isinstance(recipe, Recipe) else None
    return take is not None and take.clock


def batches(files: Sequence[Made]) -> list[list[Made]]:
    """Files for one process each, no name twice."""
    out: list[list[Made]] = []
    for made in files:
        last = out[-1] if out else []
        names = {Path(m.label.path).name for m in last}
        if (
            not last
            or len(last) == BATCH
            or _profile(last[0]) != _profile(made)
            or Path(made.label.path).name in names
        ):
            out.append([made])
        else:
            last.append(made)
    return out

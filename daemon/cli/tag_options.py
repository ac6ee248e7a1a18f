"""What a tag can say, as options of the command line: shared by `bodydock tag` and `center order tag`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from uplink.messages.command import Confidential, KeyContent, LongTerm, Matter, Stage

F = TypeVar("F", bound=Callable[..., Any])
_MARK = re.compile(r"(?P<start>[0-9:.]+)-(?P<end>[0-9:.]+):(?P<content>[a-z_]+)")


def key_mark(value: str) -> dict[str, Any]:
    """Read `START-END:CONTENT`: seconds, or `m:ss`, from the recording's start.  Raises BadParameter."""
    match = _MARK.fullmatch(value)
    if match is None or match["content"] not in get_args(KeyContent):
        raise click.BadParameter(
            f"{value!r}: write START-END:CONTENT, e.g. 1:30-2:05:interview;"
            f" CONTENT is {', '.join(get_args(KeyContent))}"
        )
    start_s, end_s = _seconds(match["start"]), _seconds(match["end"])
    if start_s is None or end_s is None or end_s < start_s:
        raise click.BadParameter(f"{value!r}: START and END are seconds or m:ss, START first")
    return {"start_s": start_s, "end_s": end_s, "content": match["content"]}


def tag_options(marks: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Add the options of a tag.  `marks`: further values for the two marks (`none`)."""

    def add(command: F) -> F:
        for option in reversed(
            [
                click.option("--officer", help="执法人员 The officer's id."),
                click.option("--case", "cases", multiple=True, help="案件 A case; may be given again."),
                click.option("--place", help="地点 Where it was recorded."),
                click.option("--matter", type=click.Choice(get_args(Matter)), help="事项 (article 10)."),
                click.option("--stage", type=click.Choice(get_args(Stage)), help="环节 (articles 2, 3)."),
                click.option(
                    "--mark",
                    "key_marks",
                    type=key_mark,
                    multiple=True,
                    metavar="START-END:CONTENT",
                    help="重点内容 Key content (article 14); may be given again.",
                ),
                click.option(
                    "--long-term",
                    type=click.Choice([*get_args(LongTerm), *marks]),
                    help="长期保存 Why it is kept for ever (article 20).",
                ),
                click.option(
                    "--confidential",
                    type=click.Choice([*get_args(Confidential), *marks]),
                    help="保密标记 (article 23).",
                ),
            ]
        ):
            command = option(command)
        return command

    return add


def tag_arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the verb `tag` from these options; what was not given is left out.

    Raises click.UsageError where nothing was given.
    """
    args = {
        name: given[name]
        for name in ("officer", "place", "matter", "stage", "long_term", "confidential")
        if given[name] is not None
    }
    if given["cases"]:
        args["cases"] = list(given["cases"])
    if given["key_marks"]:
        args["marks"] = list(given["key_marks"])
    if not args:
        raise click.UsageError("say what the tag is to say, e.g. --case NUMBER")
    return args


def _seconds(text: str) -> float | None:
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return None
    if len(parts) > 3:
        return None
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total

"""The control socket's verbs that change facts: `tag`, `hold`, `release` (architecture.md, One way in)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.acts.act import Act, ActRefused
from daemon.acts.commands import Commands
from daemon.acts.dispatch import arguments, do
from daemon.acts.people import actor_of
from daemon.acts.tools import Tools
from daemon.control import Asker, Handler
from daemon.status import find_recording
from uplink.ids import draw_id

MAX_REASON = 2048


def handlers(tools: Tools, commands: Commands | None) -> dict[str, Handler]:
    """Return the handlers by verb.  `commands` None: a dock without a platform, so nobody to sign."""

    def tag(asker: Asker, args: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in args.items() if key != "recording"}
        return _at_the_dock(tools, asker, "tag", _whole(tools, args) | given)

    def hold(asker: Asker, args: dict[str, Any]) -> dict[str, Any]:
        reason = args.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise ActRefused("args", "请说明理由。", "A hold needs a reason.")
        return _at_the_dock(tools, asker, "hold", _whole(tools, args) | {"hold": draw_id()}, reason)

    def release(asker: Asker, args: dict[str, Any]) -> dict[str, Any]:
        raw = args.get("command")
        if commands is None:
            raise ActRefused("platform", "未接入平台。", "This dock has no platform whose people could sign.")
        if not isinstance(raw, str):
            raise ActRefused("args", "缺少指令文件。", "The signed command is missing.")
        return commands.carried(raw.encode(), actor_of(asker.uid, tools.settings.people).person)

    table: dict[str, Callable[[Asker, dict[str, Any]], Any]] = {"tag": tag, "hold": hold, "release": release}
    return table


def _at_the_dock(
    tools: Tools, asker: Asker, verb: str, given: dict[str, Any], reason: str = ""
) -> dict[str, Any]:
    actor = actor_of(asker.uid, tools.settings.people)
    act = Act(verb, arguments(verb, given), actor, reason[:MAX_REASON])
    done = do(tools, act)
    return {"text": done.text, "by": actor.model_dump()} | done.data


def _whole(tools: Tools, args: dict[str, Any]) -> dict[str, Any]:
    """`recording` may be the beginning of an id.  Raises NoSuchThing."""
    return {"recording": find_recording(tools.store, str(args.get("recording", "")))["recording"]}

"""From a verb to its module: the one table that the control socket and MQTT commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from daemon.acts import holding, operating, tagging
from daemon.acts.act import Act, ActRefused, Done
from daemon.acts.tools import Tools
from daemon.store import Transaction
from uplink.messages.base import Wire
from uplink.messages.command import ARGS
from uplink.wanted import key_of, wanted

Perform = Callable[[Tools, Transaction, Act], Done]
PERFORM: Mapping[str, Perform] = {
    "tag": tagging.perform,
    "hold": holding.hold,
    "release": holding.release,
    "rescan": operating.rescan,
    "resend": operating.resend,
    "config": operating.config,
    "ping": operating.ping,
}


def arguments(verb: str, given: Mapping[str, Any]) -> Wire:
    """Return a verb's arguments.  Raises ActRefused (`args`) naming the first that does not fit."""
    try:
        # JSON values: lists for lists, numbers for numbers, nothing is converted.
        return ARGS[verb].model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        said = f"{verb}.{key_of(first['loc'])}: {wanted(first)}"
        raise ActRefused("args", "参数不正确。", said[:500]) from None


def perform(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Do an act inside the caller's transaction.  Raises ActRefused, before anything is written."""
    return PERFORM[act.verb](tools, tx, act)


def do(tools: Tools, act: Act) -> Done:
    """Do an act in a transaction of its own, and what follows from it.  Raises ActRefused."""
    with tools.store.write() as tx:
        done = perform(tools, tx, act)
    if done.after is not None:
        done.after()
    return done

"""`hold` and `release`: a recording on hold is never cleared; a hold ends by two persons only."""

from __future__ import annotations

from typing import cast

from daemon.acts.act import Act, ActRefused, Done
from daemon.acts.tools import Tools, check_base, check_hold_room, recording_row
from daemon.revisions import Deed, Revision, holds_of, revise
from daemon.stages.first import tag_of
from daemon.store import Row, Transaction
from uplink.messages import Tag
from uplink.messages.command import HoldArgs, ReleaseArgs
from uplink.messages.manifest import Hold

MAX_HOLDS = 64


def hold(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Commit a hold.  The same again changes nothing.  Raises ActRefused."""
    args = cast(HoldArgs, act.args)
    row = recording_row(tx, args.recording)
    holds = holds_of(row)
    facts = {"recording": args.recording, "hold": args.hold}
    if any(held.hold == args.hold for held in holds):
        return Done("已在保留中。 It is on hold already.", facts | {"changed": False})
    if len(holds) >= MAX_HOLDS:
        raise ActRefused("limits", "保留已达上限。", f"A recording bears at most {MAX_HOLDS} holds.")
    put = Hold(hold=args.hold, person=act.actor.person, reason=act.reason, since=tools.custody.clock.now())
    check_hold_room([*holds, put])
    deed = Deed(actor=act.actor, command=act.command, holds=[*holds, put], held=put)
    made = _revise(tools, tx, row, deed)
    return Done("已设为保留，不会被清除。 On hold: it will not be cleared.", facts | made, tools.wake)


def release(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Commit the end of a hold.  Raises ActRefused (`weakening`: one person; `base`; `unknown`)."""
    args = cast(ReleaseArgs, act.args)
    if not act.by_two or act.command is None:
        raise ActRefused(
            "weakening", "解除保留须由两人签名。", "Ending a hold takes a command signed by two persons."
        )
    row = recording_row(tx, args.recording)
    check_base(tools, tx, act, row)
    holds = holds_of(row)
    left = [held for held in holds if held.hold != args.hold]
    if len(left) == len(holds):
        raise ActRefused("unknown", "没有这项保留。", f"There is no hold {args.hold} on this recording.")
    deed = Deed(
        actor=act.actor,
        command=act.command,
        holds=left,
        released=args.hold,
        persons=act.persons,
        carried_by=act.carried_by,
        reason=act.reason,
    )
    made = _revise(tools, tx, row, deed)
    text = (
        "保留已解除。 Released."
        if not left
        else "该项保留已解除，仍有其他保留。 Released; other holds stand."
    )
    facts = {"recording": args.recording, "hold": args.hold, "holds_left": len(left)}
    return Done(text, facts | made, tools.wake)


def _revise(tools: Tools, tx: Transaction, row: Row, deed: Deed) -> dict[str, object]:
    made: Revision = revise(
        tx, tools.custody, row["recording"], tag_of(row) or Tag(), row["registries"], None, deed
    )
    return {"revision": made.revision, "manifest": made.manifest, "changed": True}

"""`tag`: what is given is added to a recording's tag (rules: `amend`)."""

from __future__ import annotations

from typing import cast

from daemon.acts.act import Act, ActRefused, Done
from daemon.acts.amend import Amending, amend
from daemon.acts.tools import Tools, check_base, check_tag_room, recording_row
from daemon.registries import load_registries
from daemon.revisions import Deed, revise
from daemon.stages.first import tag_facts, tag_of
from daemon.store import Transaction
from daemon.tagging import tag as complete
from uplink.messages import Tag
from uplink.messages.command import TagArgs

ONE_PERSONS_CASES = 48  # of 64


def perform(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Commit the tag as a revision.  Raises ActRefused."""
    args = cast(TagArgs, act.args)
    row = recording_row(tx, args.recording)
    check_base(tools, tx, act, row)
    before = tag_of(row) or Tag()
    amended = amend(before, args, Amending(act.source, act.by_two, tools.rules))
    registries = load_registries(tools.store)
    made = complete(tag_facts(row, None), amended, registries, tools.rules)
    facts = {"recording": args.recording}
    if made == before:
        return Done(
            "没有新内容，标签不变。 Nothing new: the tag stands as it was.",
            facts | {"revision": row["revision"], "manifest": row["manifest"], "changed": False},
        )
    check_tag_room(made)
    _check_share(before, made, act.by_two)
    deed = Deed(
        actor=act.actor,
        command=act.command,
        persons=act.persons,
        carried_by=act.carried_by,
        reason=act.reason,
    )
    revision = revise(tx, tools.custody, args.recording, made, registries.versions, None, deed)
    known = {row.case for row in registries.cases}
    unknown = [case for case in args.cases if case not in known] if known else []
    note = f" 登记表中没有案件 no such case in the registry: {', '.join(unknown)}." if unknown else ""
    return Done(
        "标签已更新。 Tagged." + note,
        facts
        | {"revision": revision.revision, "manifest": revision.manifest, "changed": True}
        | {"tag": made.model_dump(mode="json")},
        tools.wake,
    )


def _check_share(before: Tag, made: Tag, by_two: bool) -> None:
    """One person fills at most three quarters of the cases: the rest is for two.  Raises ActRefused."""
    if not by_two and len(made.cases) > max(ONE_PERSONS_CASES, len(before.cases)):
        raise ActRefused(
            "limits",
            "案件过多，须由两人签名添加。",
            f"It has {len(before.cases)} cases: above {ONE_PERSONS_CASES} another one takes two persons.",
        )

"""What acts work with, and how they find the recording that they speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.acts.act import Act, ActRefused
from daemon.custody import Custody
from daemon.fitting import room_for_holds, room_for_tag
from daemon.limits import Limits
from daemon.settings import Settings
from daemon.store import Row, Store, Transaction
from daemon.tagrules import TagRules
from uplink import envelope
from uplink.messages import Manifest, Tag
from uplink.messages.manifest import Hold


@dataclass(frozen=True)
class Tools:
    """`apply`: have new limits of the uplink obeyed.  `rescan`: look at a slot (None: all) again.

    `health`: what `up/health` says, as plain JSON values.  `wake`: somebody may have work.
    """

    store: Store
    custody: Custody
    settings: Settings
    rules: TagRules
    apply: Callable[[Limits], None]
    rescan: Callable[[int | None], None]
    health: Callable[[], dict[str, Any]]
    wake: Callable[[], None]


def recording_row(tx: Transaction, recording: str) -> Row:
    """Return the row of a recording that has a manifest.  Raises ActRefused (`unknown`, `later`)."""
    row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
    if row is None:
        raise ActRefused("unknown", "没有这段记录。", f"This dock has no recording {recording}.")
    if row["revision"] == 0:
        raise ActRefused(
            "later", "正在登记，请稍后再试。", "It is just being taken in: try again in a moment."
        )
    return row


def check_tag_room(tag: Tag) -> None:
    """Raise ActRefused (`limits`) where a manifest could not carry all of it."""
    if not room_for_tag(tag):
        raise ActRefused("limits", "标签内容过多。", "This recording's tag says more than fits.")


def check_hold_room(holds: Sequence[Hold]) -> None:
    """Raise ActRefused (`limits`) where a manifest could not carry all of it."""
    if not room_for_holds(holds):
        raise ActRefused("limits", "保留内容过多。", "This recording's holds say more than fits.")


def check_base(tools: Tools, tx: Transaction, act: Act, row: Row) -> None:
    """A command rests on a revision whose tag and holds are still the current ones (trust.md).

    At the dock a person sees what stands.  Raises ActRefused (`base`).
    """
    if act.command is None:
        return
    platform = tools.custody.identity.platform
    based = _manifest(tx, platform, row["recording"], act.base or "")
    current = _manifest(tx, platform, row["recording"], row["manifest"])
    if based is None or current is None or (based.tag, based.holds) != (current.tag, current.holds):
        raise ActRefused(
            "base",
            "标签已有变化，请按最新情况重新下达指令。",
            "The facts have changed since: order it again on what stands now.",
        )


def _manifest(tx: Transaction, platform: str, recording: str, digest: str) -> Manifest | None:
    row = tx.row(
        "SELECT raw FROM manifests WHERE platform = ? AND recording = ? AND manifest = ?",
        (platform, recording, digest),
    )
    return None if row is None else Manifest.parse(envelope.peek(row["raw"], "manifest"))

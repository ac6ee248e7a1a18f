"""`rescan`, `resend`, `config`, `ping`: acts on the dock itself; each but `ping` stands in the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from daemon.acts.act import Act, ActRefused, Done
from daemon.acts.tools import Tools
from daemon.limits import check_hours, digest_of, joined, keep_amendments, kept_amendments, limits_of
from daemon.store import Transaction
from uplink.messages.command import ConfigArgs, RescanArgs, ResendArgs
from uplink.messages.custody import Commanded


def ping(tools: Tools, tx: Transaction, act: Act) -> Done:  # noqa: ARG001
    """Say what `up/health` says, and which settings are in force."""
    return Done("采集站在线。 The dock is up.", {"health": tools.health(), "settings": _settings(tools, tx)})


def rescan(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Look at one slot, or all of them, again.  Raises ActRefused (`unknown`)."""
    slot = cast(RescanArgs, act.args).slot
    if slot is not None and slot not in {known.number for known in tools.settings.slots}:
        raise ActRefused("unknown", "没有这个卡位。", f"This dock has no slot {slot}.")
    _tell(tools, tx, act, {} if slot is None else {"slot": slot})
    return Done("正在重新检查卡位。 Looking again.", {}, lambda: tools.rescan(slot))


def resend(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Void receipts: their recordings are not delivered any more, and their bytes go again.

    A receipt that is void already, or not this dock's, changes nothing; nor does one for bytes that the
    dock has cleared: it stays the only word on where they are.  Raises ActRefused (`unknown`, `gone`)
    where none is left.
    """
    named = cast(ResendArgs, act.args).receipts
    found, gone = _receipted(tools, tx, named)
    if not found and not gone:
        raise ActRefused("unknown", "没有可作废的回执。", "This dock holds none of these receipts in force.")
    if not found:
        raise ActRefused("gone", "本地已清除，无法重新上传。", "The dock has cleared these bytes: it cannot.")
    for recording in found:
        _send_again(tx, tools.custody.identity.platform, recording)
    _tell(tools, tx, act, {"recordings": len(found)})
    facts = {"recordings": found, "gone": gone}
    return Done("回执已作废，将重新上传。 Void: the bytes go again.", facts, tools.wake)


def config(tools: Tools, tx: Transaction, act: Act) -> Done:
    """Amend the uplink's limits: at once, and lastingly.  Raises ActRefused (`base`, `hours`)."""
    args = cast(ConfigArgs, act.args)
    before = kept_amendments(tx)
    if act.base != digest_of(tools.settings.sha256, before):
        raise ActRefused(
            "base", "设置已有变化，请重新下达指令。", "The settings have changed since: order it again."
        )
    if empty := check_hours(args.hours or []):
        raise ActRefused("hours", "时段为空。", f"These hours are empty: {', '.join(empty)}.")
    after = joined(before, args)
    keep_amendments(tx, after)
    digest = digest_of(tools.settings.sha256, after)
    _tell(tools, tx, act, args.model_dump(exclude_none=True), digest)
    limits = limits_of(tools.settings, after)
    return Done("设置已生效。 In force.", {"settings": _settings(tools, tx)}, lambda: tools.apply(limits))


def _receipted(tools: Tools, tx: Transaction, named: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the recordings that these receipts in force are for: those whose bytes are here, and others."""
    found: dict[str, bool] = {}
    for receipt in dict.fromkeys(named):
        row = tx.row(
            "SELECT r.recording, r.vault FROM receipts s JOIN recordings r USING (recording)"
            " WHERE s.id = ? AND s.voided = 0",
            (receipt,),
        )
        if row is not None:
            found[row["recording"]] = (tools.settings.vault_folder / row["vault"]).is_file()
    return [name for name, here in found.items() if here], [n for n, here in found.items() if not here]


def _send_again(tx: Transaction, platform: str, recording: str) -> None:
    """Every revision waits for a receipt again; the bytes start under the next attempt."""
    # Receipts for its other revisions spoke of the same bytes: those are void too.
    tx.execute("UPDATE receipts SET voided = 1 WHERE recording = ?", (recording,))
    tx.execute(
        "UPDATE recordings SET state = 'stored', attempt = attempt + 1, failures = 0, failure = NULL,"
        " retry_at = '', delivered_revision = 0, durable_bytes = 0, sent_bytes = 0 WHERE recording = ?",
        (recording,),
    )
    tx.execute(
        "UPDATE manifests SET receipted = 0, tries = 0, retry_at = '' WHERE platform = ? AND recording = ?"
        " AND revision = (SELECT revision FROM recordings WHERE recording = ?)",
        (platform, recording, recording),
    )


def _tell(tools: Tools, tx: Transaction, act: Act, args: dict[str, Any], settings: str | None = None) -> None:
    if act.command is None:
        raise ActRefused("command", "只能由平台指令执行。", "Only a command of the platform does this.")
    told = Commanded(command=act.command, verb=act.verb, outcome="done", args=args, settings=settings)
    tools.custody.append(tx, "commanded", told, actor=act.actor)


def _settings(tools: Tools, tx: Transaction) -> dict[str, Any]:
    amended = kept_amendments(tx)
    limits = limits_of(tools.settings, amended)
    return {
        "digest": digest_of(tools.settings.sha256, amended),
        "bytes_per_second": limits.bytes_per_second,
        "hours": list(limits.hours),
        "marked_first": limits.marked_first,
        "amended": amended.model_dump(exclude_none=True),
    }

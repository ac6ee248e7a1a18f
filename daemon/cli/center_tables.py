"""How `bodydock center` prints what it read: plain values in, tables out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.cli.checked import act_text
from daemon.cli.common import VERDICTS, say, size_text


def print_recordings(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            item["recording"],
            item["name"],
            item["dock"],
            f"{item['officer'] or '-'} {item['officer_name'] or ''}",
            ", ".join(item["cases"]) or "-",
            VERDICTS.get(item["verdict"], "-"),
            [f"{f['code']} ({f['article']})" for f in item["findings"]] or "-",
            size_text(item["size_bytes"]),
            str(item["revision"]),
            (item["received_at"] or "-")[:19],
            (item["receipt"] or "-")[:12],
        )
        for item in found
    ]
    _table(
        (
            "recording",
            "名称 name",
            "dock",
            "警员 officer",
            "案件 cases",
            "结论 verdict",
            "发现 findings (article)",
            "size",
            "rev.",
            "received (UTC)",
            "receipt",
        ),
        rows,
    )


def print_docks(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            dock["site"],
            dock["dock"],
            dock["key"][:16] + (f" (rolled {len(dock['rolled_from'])})" if dock["rolled_from"] else ""),
            dock["added_at"][:19],
            "-" if dock["head"] is None else f"{dock['head']['epoch'][:8]}:{dock['head']['n']}",
            _chain_word(dock),
            [f"{one['person']} {one['at'][:19]}" for one in dock["settled"]] or "-",
            f"{dock['state_claimed'] or '-'} {(dock['state_at'] or '')[:19]}",
        )
        for dock in found
    ]
    _table(("site", "dock", "key", "enrolled", "head", "chain", "settled by", "says it is"), rows)


def _chain_word(dock: dict[str, Any]) -> str:
    """What is wrong with a dock's chain; `lost`: it goes on from events that nobody holds any more."""
    words = [word for word, on in (("CLONED", dock["cloned"]), ("forked", dock["events_beside"])) if on]
    if dock["events_lost"]:
        words.append(f"{dock['events_lost']} lost")
    return ", ".join(words) or "-"


def print_recording(shown: dict[str, Any]) -> None:
    stored = shown["file"]
    verified = {None: "", True: " (read again: holds)", False: " (read again: DOES NOT HOLD)"}
    facts = [
        ("recording", shown["recording"] + (" (revisions before are lost)" if shown["incomplete"] else "")),
        ("名称 name", shown["name"]),
        ("dock, camera", f"{shown['dock']}, {shown['camera']}"),
        ("警员 officer", f"{shown['officer'] or '-'} {shown['officer_name'] or ''}"),
        ("案件 cases", ", ".join(shown["cases"]) or "-"),
        ("结论 verdict", f"{VERDICTS.get(shown['verdict'], '-')} ({shown['depth'] or '-'})"),
        ("大小 size", size_text(shown["size_bytes"])),
        ("SHA-256", shown["sha256"]),
        ("file", f"{stored['path'] or 'not stored'}{verified[stored.get('verified')]}"),
    ]
    _table(("", ""), facts)
    for finding in shown["findings"]:
        text = finding["text"]
        where = f"{finding['code']} ({finding['severity']}, art. {finding['article']})"
        say(f"  {where} {text.get('zh', '')} {text.get('en', '')}")
    revisions = [
        (
            str(revision["revision"]),
            revision["received_at"][:19],
            revision["manifest"][:16],
            revision["signature"],
            "-" if revision["receipt"] is None else revision["receipt"]["receipt"][:12],
            "-" if revision["receipt"] is None else revision["receipt"]["check"],
        )
        for revision in shown["revisions"]
    ]
    _table(("rev.", "received (UTC)", "manifest", "signature", "receipt", "check"), revisions)
    chain = [
        (
            f"{e['epoch'][:8]}:{e['n']}",
            e["kind"],
            e["actor"]["person"],
            act_text(e["data"]),
            e["line"],
            e["received_at"][:19],
        )
        for e in shown["chain"]
    ]
    _table(("event", "kind", "who", "how", "line", "received (UTC)"), chain)


def print_counters(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = [(row["name"], row["dock"] or "-", str(row["value"])) for row in found["counters"]]
    _table(("counter", "dock", "value"), rows)
    kept = [
        (str(row["id"]), row["dock"] or "-", row["topic"], row["reason"], row["received_at"][:19])
        for row in found["quarantine"]
    ]
    _table(("quarantine", "dock", "topic", "reason", "received (UTC)"), kept)


def print_status(shown: dict[str, Any]) -> None:
    alive = (shown["alive_at"] or "-")[:19]
    say(f"platform {shown['platform']}: {shown['docks']} docks, {shown['open_transfers']} files on their way")
    say(f"接收程序 receiver last seen: {alive} UTC")
    print_troubles(shown["troubles"])
    if not shown["troubles"]:
        say("无异常 nothing is wrong")


def print_troubles(found: list[dict[str, Any]]) -> None:
    """Print what wants a person, most urgent first."""
    for one in found:
        mark = "!!!" if one["severity"] == "critical" else "!"
        where = " ".join(filter(None, [one["dock"], one["detail"]]))
        since = f"since {one['since'][:19]}, {one['times']} ×, " if one["since"] else ""
        last = f"last {one['last_at'][:19]} UTC" if one["last_at"] else "never seen"
        say(f"{mark} {one['text']['zh']} {one['text']['en']} ({one['name']}; {since}{last}; {where or '-'})")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str | list[str], ...]]) -> None:
    from rich.table import Table

    from daemon.cli.screen import console, lines

    table = Table(show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(lines(cell) if isinstance(cell, list) else cell for cell in row))
    console(wide_when_piped=True).print(table)


def print_surveys(found: Sequence[Any]) -> None:
    """Print what `center reconcile` found."""
    _table(("dock", "held", "lost"), [(one.dock, str(one.held), str(one.lost)) for one in found])

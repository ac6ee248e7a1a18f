"""What must be true at the end of a demonstration: pure, over its evidence.  A check returns what is wrong.

- Labels: every file has one and is what it says; the gap and the missing notice are on run 2 of camera 2,
  and nothing else violates.
- Every docking adds up: listed = stored + already stored + explained, as the card holds it, and as signed.
- The platform's list and the dock's are the same, record by record, by the SHA-256 the cards have.
- Every newest revision has a receipt that verifies under the platform's key, by code of its own.
- An interruption costs at most one window; when camera 1 comes again only its new file moves.

    python -m tests.rig.demo_checks FOLDER [LABELS]    judges kept evidence anew
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.rig import labels as labelling
from tests.rig.demo_evidence import Evidence, load, name_of
from tests.rig.receipt_check import MANIFEST_TYPE, digest, opened, verified_receipt

LABELS = Path(__file__).resolve().parents[1] / "data/demo-labels.json"
WINDOW_BYTES = 8 * 1024 * 1024  # mqtt.md: at most so much is un-credited on loopback
FREE_WITHIN_S = 10.0
GAP, ABSENT = "continuity.gap_between_files", "notice.absent"
VIOLATIONS = [GAP, ABSENT]
Labels = dict[str, dict[str, Any]]


def judge(evidence: Evidence, labels: Labels) -> list[str]:
    """Return everything that is wrong; nothing if the demonstration showed what it should."""
    return [
        *labels_hold(evidence, labels),
        *only_run_2_violates(evidence),
        *dockings_add_up(evidence),
        *lists_agree(evidence),
        *receipts_verify(evidence),
        *little_was_sent_twice(evidence),
        *only_the_new_file_moved(evidence),
    ]


def labels_hold(evidence: Evidence, labels: Labels) -> list[str]:
    received = {name_of(item): item for item in evidence.platform}
    wrong = [f"{name} never arrived" for name in labels if name not in received]
    for name, item in received.items():
        if name not in labels:
            wrong.append(f"{name}: there is no label for it")
        else:
            wrong += labelling.differences(name, labels[name], item)
    return wrong


def only_run_2_violates(evidence: Evidence) -> list[str]:
    """The two violations are on the later run of camera 2; a notice is only missed where somebody listens."""
    runs = evidence.two_runs.get("runs", [])
    wanted = VIOLATIONS if evidence.speech else [GAP]
    by_run = [_violations(run["findings"]) for run in runs]
    wrong = [] if by_run == [[], wanted] else [f"camera 2: its runs violate {by_run}, not [[], {wanted}]"]
    total = [(name_of(item), code) for item in evidence.platform for code in _violations(item["findings"])]
    later = sorted(evidence.cards[1]["files"])[1]
    if sorted(total) != [(later, code) for code in wanted]:
        wrong.append(f"what violates is {total}, not {wanted} of {later} alone")
    return wrong


def _violations(findings: list[dict[str, Any]]) -> list[str]:
    return sorted(found["code"] for found in findings if found["severity"] == "violation")


def dockings_add_up(evidence: Evidence) -> list[str]:
    wrong = []
    signed = _signed_sums(evidence)
    oldest_first = sorted(evidence.dockings, key=lambda item: str(item["attached_at"]))
    of_slot = Counter(item["slot"] for item in oldest_first)
    if of_slot != Counter(card["slot"] for card in evidence.cards):
        return [f"dockings by slot are {dict(of_slot)}: one a plug-in was expected"]
    for card in evidence.cards:
        item = next(item for item in oldest_first if item["slot"] == card["slot"])
        oldest_first.remove(item)
        who = f"docking {item['docking'][:8]} (slot {item['slot']}, {item['camera']})"
        parts = [item["stored"], item["already_stored"], *item["explained"].values()]
        sizes = [file["size"] for file in card["files"].values()]
        held = {"count": len(sizes), "bytes": sum(sizes)}
        for unit, on_card in held.items():
            total = sum(part[unit] for part in parts)
            if not item["listed"][unit] == total == on_card:
                listed = item["listed"][unit]
                wrong.append(f"{who}: {unit}: listed {listed}, accounted for {total}, on the card {on_card}")
        if item["state"] != "closed" or item["open"]["count"]:
            wrong.append(f"{who} is {item['state']} with {item['open']['count']} files open")
        if signed.get(item["docking"]) != _sums(item["listed"], item["stored"], item["already_stored"]):
            wrong.append(f"{who}: the signed event says {signed.get(item['docking'])}")
    return wrong


def _signed_sums(evidence: Evidence) -> dict[str, Any]:
    """Return listed, stored and already stored of each docking, from `closed` events on the wire."""
    sums = {}
    for topic, raw in evidence.messages:
        if topic.endswith("/up/events"):
            event = json.loads(opened(raw)[1])
            if event["kind"] == "closed":
                data = event["data"]
                sums[data["docking"]] = _sums(data["listed"], data["stored"], data["already_stored"])
    return sums


def _sums(*totals: dict[str, int]) -> list[tuple[int, int]]:
    return [(total["count"], total["bytes"]) for total in totals]


def lists_agree(evidence: Evidence) -> list[str]:
    dock, platform = (
        {item["recording"]: item for item in items} for items in (evidence.dock, evidence.platform)
    )
    wrong = [f"{name_of(dock[key])} is at the dock only" for key in dock.keys() - platform.keys()]
    wrong += [f"{name_of(platform[key])} is at the platform only" for key in platform.keys() - dock.keys()]
    for key in dock.keys() & platform.keys():
        here, there = _of_dock(dock[key]), _of_platform(platform[key])
        wrong += [
            f"{here['name']}: {field} is {here[field]!r} at the dock, {there[field]!r} at the platform"
            for field in here
            if here[field] != there[field]
        ]
        if not evidence.verified.get(key):
            wrong.append(f"{there['name']}: the platform's file does not hold")
    made = {(name, file["sha256"]) for card in evidence.cards for name, file in card["files"].items()}
    held = {(name_of(item), item["sha256"]) for item in evidence.platform}
    wrong += [f"{name}: what the card held is not at the platform" for name, _ in sorted(made - held)]
    wrong += [f"{name}: the platform holds what no card held" for name, _ in sorted(held - made)]
    return wrong


def _of_dock(item: dict[str, Any]) -> dict[str, Any]:
    officer = item["officer"]
    return {
        "name": name_of(item),
        "sha256": item["sha256"],
        "size": item["size"],
        "revision": item["revision"],
        "receipted revision": item["delivered_revision"],
        "kind": item["kind"],
        "verdict": item["verdict"],
        "officer": officer["officer"] if officer else None,
        "cases": item["cases"],
    }


def _of_platform(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name_of(item),
        "sha256": item["sha256"],
        "size": item["size_bytes"],
        "revision": item["revision"],
        "receipted revision": item["revision"] if item["receipt"] else None,
        "kind": item["kind"],
        "verdict": item["verdict"],
        "officer": item["officer"],
        "cases": item["cases"],
    }


def receipts_verify(evidence: Evidence) -> list[str]:
    return [wrong for item in evidence.platform if (wrong := _without_receipt(evidence, item)) is not None]


def _without_receipt(evidence: Evidence, item: dict[str, Any]) -> str | None:
    """Return why the newest revision of a recording has no receipt that verifies; else None."""
    name, recording = name_of(item), item["recording"]
    manifests = [raw for raw in _said(evidence, f"/manifests/{recording}") if opened(raw)[0] == MANIFEST_TYPE]
    newest = max(manifests, key=_revision, default=None)
    if newest is None:
        return f"{name}: no manifest was on the wire"
    for raw in _said(evidence, f"/receipts/{recording}"):
        receipt = verified_receipt(raw, evidence.publics)
        if (
            receipt is not None
            and receipt["manifest"] == digest(newest)
            and (receipt["sha256"], receipt["size"]) == (item["sha256"], item["size_bytes"])
        ):
            return None
    return f"{name}: no receipt for revision {_revision(newest)} verifies under the platform's key"


def _said(evidence: Evidence, part: str) -> list[bytes]:
    return [raw for topic, raw in evidence.messages if part in topic]


def _revision(raw: bytes) -> int:
    return int(json.loads(opened(raw)[1])["revision"])


def little_was_sent_twice(evidence: Evidence) -> list[str]:
    once = evidence.sent_bytes - sum(evidence.twice_bytes.values())
    size = sum(item["size_bytes"] for item in evidence.platform)
    blind = [] if once == size else [f"{once} different bytes were on the wire for {size} of files"]
    return blind + [
        f"{twice} bytes were sent twice because of {what}: more than one window"
        for what, twice in evidence.twice_bytes.items()
        if twice > WINDOW_BYTES
    ]


def only_the_new_file_moved(evidence: Evidence) -> list[str]:
    before, after = evidence.cards[0]["files"], evidence.cards[-1]["files"]
    new = [file["size"] for name, file in after.items() if name not in before]
    wrong = []
    if evidence.again.free_s > FREE_WITHIN_S:
        wrong.append(f"camera 1 came again and could be taken only after {evidence.again.free_s:.1f} s")
    if list(evidence.again.sent.values()) != new:
        wrong.append(f"camera 1 came again and {evidence.again.sent} went over the wire, not {new}")
    last = max((d for d in evidence.dockings if d["slot"] == 1), key=lambda d: str(d["attached_at"]))
    moved = _sums(last["stored"], last["already_stored"])
    wanted = [(len(new), sum(new)), (len(before), sum(file["size"] for file in before.values()))]
    if moved != wanted:
        wrong.append(f"camera 1 came again: stored and already stored are {moved}, not {wanted}")
    return wrong


def main(folder: str, labels: str = str(LABELS)) -> int:
    evidence = load(Path(folder))
    wrong = judge(evidence, labelling.load(Path(labels), speech=evidence.speech))
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""What a demonstration leaves to be judged: plain values, gathered once, kept as files if wanted.

A folder of evidence holds `evidence.json` and what was on the wire, `NNNNN.topic` and `NNNNN.payload`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tests.rig.demo_cards import DemoCamera, contents
from tests.rig.small_office import SmallOffice
from tests.rig.wire import WireObserver


@dataclass
class Again:
    """How camera 1 came again: seconds until it could be taken, and bytes on the wire by file id."""

    free_s: float = 0.0
    sent: dict[str, int] = field(default_factory=dict)


@dataclass
class Evidence:
    """`cards`: for each plug-in its slot and files (SHA-256, size) by name, as they were made.

    `sent_bytes`: of all segments;
    `twice_bytes`: what of them was sent twice because of what.  `two_runs`: the dock's report on camera 2.
    """

    speech: bool
    cards: list[dict[str, Any]]
    publics: list[str]
    platform: list[dict[str, Any]]
    verified: dict[str, bool]
    dock: list[dict[str, Any]]
    dockings: list[dict[str, Any]]
    two_runs: dict[str, Any]
    sent_bytes: int
    twice_bytes: dict[str, int]
    again: Again
    messages: list[tuple[str, bytes]]


def name_of(item: dict[str, Any]) -> str:
    """Return the file's name of a recording of either list."""
    return PurePosixPath(item["name"]).name


def gather(
    office: SmallOffice,
    observer: WireObserver,
    cameras: list[DemoCamera],
    *,
    speech: bool,
    twice_bytes: dict[str, int],
    again: Again,
) -> Evidence:
    """Ask both sides, by the commands a person would use."""
    platform, dock = office.ask_center("list"), office.ask_dock("recordings")
    verified = {
        item["recording"]: bool(
            office.ask_center("show", item["recording"], "--verify")["file"].get("verified")
        )
        for item in platform
    }
    second = next(iter(contents(cameras[1].folder)))
    found = next((item["recording"] for item in dock if name_of(item) == second), None)
    return Evidence(
        speech=speech,
        cards=[{"slot": int(c.port.split(".")[1]), "files": contents(c.folder)} for c in cameras],
        publics=office.platform_table()["keys"]["receipt"],
        platform=platform,
        verified=verified,
        dock=dock,
        dockings=office.ask_dock("dockings"),
        two_runs=(office.ask_dock("show", found)["report"] if found else None) or {},
        sent_bytes=sum(observer.segment_bytes(file_id) for file_id in observer.file_ids()),
        twice_bytes=twice_bytes,
        again=again,
        messages=observer.messages("bodydock/"),
    )


def save(evidence: Evidence, folder: Path) -> None:
    """Write a folder of evidence."""
    folder.mkdir(parents=True, exist_ok=True)
    values = asdict(evidence)
    del values["messages"]
    text = json.dumps(values, ensure_ascii=False, indent=1)
    (folder / "evidence.json").write_text(text, encoding="utf-8")
    for number, (topic, payload) in enumerate(evidence.messages):
        (folder / f"{number:05}.topic").write_text(topic, encoding="utf-8")
        (folder / f"{number:05}.payload").write_bytes(payload)


def load(folder: Path) -> Evidence:
    """Read a folder of evidence.  Raises OSError, ValueError, TypeError."""
    values = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    values["again"] = Again(**values["again"])
    messages = [
        (path.with_suffix(".topic").read_text(encoding="utf-8"), path.read_bytes())
        for path in sorted(folder.glob("*.payload"))
    ]
    return Evidence(**values, messages=messages)

"""Alarms: what wants a person, by a stable id, with its cause and its cure.

- An alarm stands while its facts do: `standing` is worked out anew each time, purely, from `Facts`.
- It has an id (and a subject: the slot, where there is one), since, severity, and when it cleared.
- The daemon's are those here; a watcher has some of its own (`daemon.watching`), and so has the center
  (`center.troubles`).
- What each says, its cause and its cure stand in `config/alarms.toml`; `docs/alarms.md` is made from it:
  `python -m daemon.alarms > docs/alarms.md` (a test holds the two together).
- Texts hold no numbers that change all the time: each change of a text is told to everybody who watches.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

Severity = Literal["warning", "critical"]
SHOWN_NAMES = 5
MAX_DETAIL = 300


@dataclass(frozen=True)
class Kind:
    """What an alarm says (`zh`, `en`), what it comes from, and what to do."""

    severity: Severity
    zh: str
    en: str
    cause: str
    cure: str
    by: str = "dock"  # who raises it: dock, watcher or center


@dataclass(frozen=True)
class Raised:
    """An alarm that stands.  `detail` is added to its texts."""

    alarm: str
    subject: str = ""
    detail: str = ""

    @property
    def kind(self) -> Kind:
        return KINDS[self.alarm]

    @property
    def text(self) -> dict[str, str]:
        more = f": {self.detail[:MAX_DETAIL]}" if self.detail else ""
        return {"zh": self.kind.zh + more, "en": self.kind.en + more}


@dataclass(frozen=True)
class SlotTrouble:
    """A slot that shows an error, something that it cannot read, or a card that is nearly full."""

    slot: int
    what: str


@dataclass(frozen=True)
class Facts:
    """What alarms are made of.  Ages in seconds; lists hold recordings."""

    disk_used_share: float = 0.0
    high_water: float = 1.0
    nothing_clearable: bool = False  # room is wanted, and no copy can go
    pulls_wait: bool = False
    reserve_held: bool = True
    wal_bytes: int = 0
    oldest_undelivered_s: float = 0.0
    undelivered_limit_s: float = 24 * 3600.0
    has_platform: bool = True
    broker_away_s: float = 0.0
    broker_limit_s: float = 900.0
    link: frozenset[str] = frozenset()  # the link's words
    refused_receipts: bool = False  # lately
    refused_by_platform: Sequence[str] = ()
    coming_again: Sequence[str] = ()  # the platform does not hold them any more, this dock does
    lost: Sequence[str] = ()  # the platform does not hold them, and neither does this dock
    damaged: Sequence[str] = ()
    unknown_files: bool = False
    failing: Sequence[str] = ()  # a stage failed on them
    slots: Sequence[SlotTrouble] = field(default_factory=tuple)
    full_cards: Sequence[SlotTrouble] = field(default_factory=tuple)
    shared_serials: Sequence[tuple[str, Sequence[int]]] = ()  # with the slots that show them now
    lost_together: bool = False  # several cameras left in mid-copy at once, lately
    clock_behind_s: float = 0.0
    under_voltage: bool = False
    wrong_files: Sequence[str] = ()  # registries from files


def standing(facts: Facts) -> list[Raised]:
    """Return the alarms that stand, critical ones first."""
    found = [*_disk(facts), *_platform(facts), *_vault(facts), *_machine(facts)]
    return sorted(
        found, key=lambda raised: (raised.kind.severity != "critical", raised.alarm, raised.subject)
    )


def _disk(facts: Facts) -> list[Raised]:
    found = []
    if facts.disk_used_share > facts.high_water and facts.nothing_clearable:
        found.append(Raised("disk.high_water"))
    if facts.pulls_wait and facts.nothing_clearable:
        found.append(Raised("disk.full"))
    if not facts.reserve_held:
        found.append(Raised("disk.reserve_used"))
    if facts.wal_bytes > WAL_LIMIT_BYTES:
        found.append(Raised("store.wal"))
    return found


def _platform(facts: Facts) -> list[Raised]:
    if not facts.has_platform:
        return []
    found = []
    if facts.oldest_undelivered_s > facts.undelivered_limit_s:
        found.append(Raised("delivery.late"))
    if facts.broker_away_s > facts.broker_limit_s:
        found.append(Raised("broker.away"))
    found += [Raised(OF_THE_LINK[word]) for word in facts.link if word in OF_THE_LINK]
    if facts.refused_receipts:
        found.append(Raised("platform.bad_receipts"))
    for alarm, recordings in (
        ("platform.refuses", facts.refused_by_platform),
        ("platform.forgot", facts.coming_again),
        ("platform.lost", facts.lost),
    ):
        if recordings:
            found.append(Raised(alarm, detail=named(recordings)))
    return found


def _vault(facts: Facts) -> list[Raised]:
    found = [Raised("slot.error", str(trouble.slot), trouble.what) for trouble in facts.slots]
    found += [Raised("card.full", str(trouble.slot), trouble.what) for trouble in facts.full_cards]
    found += [
        Raised("camera.serial_shared", str(slots[0]), f"{serial}, slots {', '.join(map(str, slots))}")
        for serial, slots in facts.shared_serials
    ]
    if facts.damaged:
        found.append(Raised("vault.damaged", detail=named(facts.damaged)))
    if facts.unknown_files:
        found.append(Raised("vault.unknown_file"))
    if facts.failing:
        found.append(Raised("inspection.failing", detail=named(facts.failing)))
    return found


def _machine(facts: Facts) -> list[Raised]:
    found = []
    if facts.clock_behind_s > CLOCK_LIMIT_S:
        found.append(Raised("clock.behind"))
    if facts.lost_together:
        found.append(Raised("slot.lost_together"))
    if facts.under_voltage:
        found.append(Raised("power.low"))
    if facts.wrong_files:
        found.append(Raised("registry.wrong_file", detail=facts.wrong_files[0]))
    return found


def named(recordings: Sequence[str]) -> str:
    """Return the first names, and that there are more."""
    shown = ", ".join(recordings[:SHOWN_NAMES])
    return shown + (" …" if len(recordings) > SHOWN_NAMES else "")


WAL_LIMIT_BYTES = 256 * 1024 * 1024
CLOCK_LIMIT_S = 60.0
# The link's own words (uplink.dockside.LinkReport, uplink.tls).
OF_THE_LINK = {
    "copied": "dock.copied",
    "key_gone": "dock.key_gone",
    "other_board": "dock.other_board",
    "certificate_expiring": "broker.certificate_expires",
    "certificate_time": "broker.certificate_time",
    "certificate_refused": "broker.certificate_refused",
    "broker_untrusted": "broker.untrusted",
    "broker_unfit": "broker.unfit",
    "tls_files": "broker.tls_files",
    "taken_over": "broker.taken_over",
    "not_authorised": "broker.not_authorised",
    "packet_too_large": "broker.packet_too_large",
}


def _read_kinds() -> dict[str, Kind]:
    values = tomllib.loads(files("config").joinpath("alarms.toml").read_text("utf-8"))
    return {name: _kind(texts) for name, texts in values.items()}


def _kind(texts: dict[str, str]) -> Kind:
    said = {key: " ".join(text.split()) for key, text in texts.items()}
    severity: Severity = "critical" if said["severity"] == "critical" else "warning"
    return Kind(severity, said["zh"], said["en"], said["cause"], said["cure"], said.get("by", "dock"))


EVERY_KIND = _read_kinds()
KINDS = {name: kind for name, kind in EVERY_KIND.items() if kind.by == "dock"}
WATCHERS = {name: kind for name, kind in EVERY_KIND.items() if kind.by == "watcher"}


_HEAD = """\
# Alarms

Made from `config/alarms.toml` by `python -m daemon.alarms > docs/alarms.md`: edit there.

An alarm has an id, a subject (the slot, where there is one), since, a severity, and when it cleared. It
stands while its reason does, and clears by itself. It is shown by `bodydock status` at the dock, in
`up/health`, and by `bodydock watch` everywhere else. The watcher has one of its own; those of the center
(below, each says so) are shown by `bodydock center status` as long as they stand.

`critical`: footage or evidence is at risk, or nothing goes on without a person. `warning`: it goes on, and
somebody should look.
"""


_BY = {
    "dock": "",
    "watcher": " (`bodydock watch`)",
    "center": " (`bodydock center status`)",
}


def document() -> str:
    """Return docs/alarms.md."""
    lines = _HEAD.splitlines()
    for name, kind in EVERY_KIND.items():
        lines += [
            "",
            f"## {name}",
            "",
            f"**{kind.severity}**{_BY[kind.by]}: {kind.zh} · {kind.en}",
            "",
            f"- *Cause:* {kind.cause}",
            f"- *Cure:* {kind.cure}",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())

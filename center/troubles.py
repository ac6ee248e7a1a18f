"""What is wrong at the center and wants a person: names, words, and how each one ends.

- What each says, its cause and its cure stand in `config/alarms.toml` (`by = "center"`), and so in
  `docs/alarms.md`.
- What the broker tells (rights, connection) stands until the broker tells otherwise.
- What somebody did to a transfer, or by flooding, stands for a day after the last time.
- Chinese first, then English; `detail` (a topic, a dock's words) is added where it is shown.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files

FADES_AFTER = timedelta(days=1)
FADING = frozenset({"forged_bytes", "transfers_pushed_out", "evidence_dropped", "flooding"})
NOT_RUNNING = "not_running"  # told by who reads: nobody else could
NOT_RUNNING_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Trouble:
    """What a trouble says."""

    zh: str
    en: str
    severity: str


def _read() -> dict[str, Trouble]:
    kinds = tomllib.loads(files("config").joinpath("alarms.toml").read_text("utf-8"))
    return {
        name: Trouble(*(" ".join(said[key].split()) for key in ("zh", "en", "severity")))
        for name, said in kinds.items()
        if said.get("by") == "center"
    }


TROUBLES = _read()

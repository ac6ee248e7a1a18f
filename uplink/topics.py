"""Topics (mqtt.md): made of ids only, split by direction, parsed strictly.

`bodydock/1/{site}/{dock}/up/...` is spoken by the dock, `.../down/...` by the platform.
Names of files and people never stand in a topic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ROOT = "bodydock/1"
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_DOCK_TOPIC = re.compile(r"bodydock/1/([a-z0-9-]{1,32})/([a-z0-9-]{1,32})/(up|down)/([\x21-\x7e]{1,200})")


@dataclass(frozen=True)
class DockTopics:
    """The topics of one dock."""

    site: str
    dock: str

    def __post_init__(self) -> None:
        for name in (self.site, self.dock):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no id for a topic: a-z, 0-9 and -, 1 to 32 of them")

    def up(self, rest: str) -> str:
        return f"{ROOT}/{self.site}/{self.dock}/up/{rest}"

    def down(self, rest: str) -> str:
        return f"{ROOT}/{self.site}/{self.dock}/down/{rest}"

    def registry(self, kind: str) -> str:
        return registry_topic(self.site, kind)


@dataclass(frozen=True)
class DockTopic:
    """A topic of some dock, taken apart: `parts` is what follows `up/` or `down/`."""

    site: str
    dock: str
    direction: str
    parts: tuple[str, ...]


def registry_topic(site: str, kind: str) -> str:
    return f"{ROOT}/{site}/registry/{kind}"


def parse(topic: str) -> DockTopic | None:
    """Take a dock's topic apart; None for anything that is not one."""
    match = _DOCK_TOPIC.fullmatch(topic)
    if match is None:
        return None
    site, dock, direction, rest = match.groups()
    return DockTopic(site, dock, direction, tuple(rest.split("/")))

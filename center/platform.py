"""The platform's own keys, one for each role (trust.md, Signing and the chain).

`receipt` signs receipts, refusals, heads and reconciliations; `registry` the registry snapshots;
`operate` commands.  `destroy` keys are two persons' (`people`) and `root` is off line: neither lives here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uplink.keys import KeyRecord, KeyRing, Role, SigningKey

ROLES = (Role.RECEIPT, Role.REGISTRY, Role.OPERATE)


@dataclass(frozen=True)
class PlatformKeys:
    """The signing keys that a center holds."""

    platform: str
    by_role: dict[Role, SigningKey]

    @property
    def receipt(self) -> SigningKey:
        return self.by_role[Role.RECEIPT]

    @property
    def registry(self) -> SigningKey:
        return self.by_role[Role.REGISTRY]

    def ring(self) -> KeyRing:
        """Return the public halves, as a dock would know them."""
        return KeyRing(key.record(role, self.platform) for role, key in self.by_role.items())

    def table(
        self,
        people: Mapping[str, Sequence[str]],
        retired: Mapping[str, Sequence[str]] | None = None,
        coming: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the `[platform]` table for a dock's settings.

        `people`: destroy keys by person.  `retired`: keys that were replaced, by role: what they signed and
        docks keep still verifies, and nothing new does.  `coming`: keys that were prepared, by role: docks
        are to know them before the platform signs with them.
        """
        keys = {role.value: [key.public.hex()] for role, key in self.by_role.items()}
        for role, public in (coming or {}).items():
            keys[role].append(public)
        table: dict[str, Any] = {"id": self.platform, "keys": keys}
        if retired:
            table["retired"] = {role: list(publics) for role, publics in retired.items()}
        if people:
            keys[Role.DESTROY.value] = [public for publics in people.values() for public in publics]
            table["people"] = {who: list(has) for who, has in people.items()}
        return table


def as_toml(table: Mapping[str, Any]) -> str:
    """Return a `[platform]` table as it is written into settings."""
    lines = ["[platform]", f"id = {json.dumps(table['id'])}"]
    for name in ("keys", "retired", "people"):
        if name in table:
            lines += ["", f"[platform.{name}]"]
            # A quoted key of TOML takes what a string of JSON does.
            lines += [
                f"{json.dumps(key, ensure_ascii=False)} = {json.dumps(publics)}"
                for key, publics in table[name].items()
            ]
    return "\n".join(lines) + "\n"


def grouped(key_id: str) -> str:
    """Return a fingerprint as people compare it: groups of four."""
    return " ".join(key_id[i : i + 4] for i in range(0, len(key_id), 4))


def dock_record(dock: str, public: bytes) -> KeyRecord:
    """Return the record of a dock's key.  Raises BadKey (small order, not canonical)."""
    return KeyRecord(public, Role.DOCK, dock)

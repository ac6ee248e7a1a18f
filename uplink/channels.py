"""Every topic of the contract (mqtt.md): who speaks on it, whether it is retained, and what it carries.

One table: `asyncapi.py` writes it down for others, and the tests hold the wire to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Speaker = Literal["dock", "platform"]
ROOT_ADDRESS = "bodydock/1/{site}"
DOCK_ADDRESS = f"{ROOT_ADDRESS}/{{dock}}"

# Parameters of addresses: pattern, what it is.
PARAMETERS: dict[str, tuple[str, str]] = {
    "site": (r"[a-z0-9-]{1,32}", "The office."),
    "dock": (r"[a-z0-9-]{1,32}", "The dock, unique over the platform."),
    "slot": (r"[1-9][0-9]{0,2}", "The slot's number, from 1."),
    "recording": (r"[a-z2-7]{26}", "The recording, as both sides compute it."),
    "digest": (r"[0-9a-f]{64}", "SHA-256 of the bytes."),
    "file_id": (r"[0-9a-f]{32}", "One attempt to transfer one recording, as both sides compute it."),
    "offset": (r"[0-9]{1,16}", "Where in the file these bytes belong."),
    "verb": (r"[a-z][a-z-]{0,31}", "What is ordered."),
    "kind": (r"officers|cameras|cases", "The kind of registry."),
    "request": (
        r"[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64}){0,2}",
        "The command's id, or what who asks put into its Response Topic.",
    ),
}


@dataclass(frozen=True)
class Channel:
    """One topic.

    `payloads`: names of schemas (`schemas.all_schemas`), any of which may come; none: bytes, or nothing.
    `signed`: they travel in an envelope.  `bare`: or without one, where they change nothing that lasts.
    `empty`: an empty payload has a meaning as well.
    """

    name: str
    address: str
    speaker: Speaker
    summary: str
    payloads: tuple[str, ...] = ()
    signed: bool = False
    bare: bool = False
    retained: bool = False
    expiry_s: int | None = None
    empty: bool = False
    binary: bool = False
    user_property: str | None = None
    replies_on: str | None = None  # the channel of answers to what is asked here


_DAYS_2_S = 2 * 24 * 3600


def _up(name: str, rest: str, summary: str, *payloads: str, **more: object) -> Channel:
    return Channel(name, f"{DOCK_ADDRESS}/up/{rest}", "dock", summary, payloads, **more)  # type: ignore[arg-type]


def _down(name: str, rest: str, summary: str, *payloads: str, **more: object) -> Channel:
    return Channel(name, f"{DOCK_ADDRESS}/down/{rest}", "platform", summary, payloads, **more)  # type: ignore[arg-type]


CHANNELS: tuple[Channel, ...] = (
    _up(
        "state",
        "state",
        "Online, stopping or offline; the Last Will too, whose time is the time of connecting.",
        "state",
        retained=True,
        expiry_s=_DAYS_2_S,
    ),
    _up(
        "health",
        "health",
        "Disk, queues, counters, certificate, alarms: every 60 s and on change.",
        "health",
        retained=True,
        expiry_s=_DAYS_2_S,
    ),
    _up(
        "slot",
        "slots/{slot}",
        "What is in a slot, and how far it has come. Empty: the slot is no more.",
        "slot",
        retained=True,
        expiry_s=_DAYS_2_S,
        empty=True,
    ),
    _up("events", "events", "The dock's chain, event by event.", "event", signed=True),
    _up("manifest", "manifests/{recording}", "One revision of a recording's facts.", "manifest", signed=True),
    _up(
        "report",
        "reports/{digest}",
        "An inspection report too large for its manifest, which names it by digest. JSON.",
        binary=True,
    ),
    _up("file_init", "file/{file_id}/init", "A transfer begins, or is asked after.", "file-init"),
    _up(
        "file_segment",
        "file/{file_id}/{offset}",
        "Bytes of the file, from the offset on.",
        binary=True,
        user_property="sha256",
    ),
    _up("file_fin", "file/{file_id}/fin", "All was sent: read it back and say so.", "file-fin"),
    _up("file_abort", "file/{file_id}/abort", "This attempt ends. No payload.", empty=True),
    _up("answer", "reply/{request}", "The answer to a command.", "answer", signed=True),
    _down(
        "receipt",
        "receipts/{recording}",
        "The platform keeps these bytes and this revision; or refuses, with its reason.",
        "receipt",
        "refusal",
        signed=True,
    ),
    _down(
        "head",
        "head",
        "The last event of this dock that the platform holds.",
        "head",
        signed=True,
        retained=True,
    ),
    _down(
        "reconciliation",
        "reconciliation",
        "Daily: what the store was found to hold, in pages that each stand alone.",
        "reconciliation",
        signed=True,
    ),
    _down("file_answer", "file/{file_id}", "Durable ranges and results of a transfer.", "file-answer"),
    _down(
        "command",
        "cmd/{verb}",
        "A command; ping and rescan may come without an envelope. Its Response Topic is below the dock's "
        "own up/reply/.",
        "command",
        signed=True,
        bare=True,
        replies_on="answer",
    ),
    _down("reply", "reply/{request}", "Where a dock that asks is answered.", "answer", signed=True),
    Channel(
        "registry",
        f"{ROOT_ADDRESS}/registry/{{kind}}",
        "platform",
        "Officers, cameras or cases of a site: a whole snapshot, the highest version counts.",
        ("registry",),
        signed=True,
        retained=True,
    ),
)

"""The messages on the wire, one module a family.  Names and shapes: `trust.md`, `mqtt.md`."""

from uplink.messages.base import LOCAL, MACHINE, Actor, CameraClaim, ChainPoint, Clock, Wire
from uplink.messages.command import Answer, Command
from uplink.messages.custody import CustodyEvent
from uplink.messages.identity import Identity
from uplink.messages.manifest import Case, Manifest, Officer, Tag
from uplink.messages.receipt import Head, Receipt, Reconciliation, Refusal
from uplink.messages.registry import CameraRegistry, CaseRegistry, OfficerRegistry, Registry
from uplink.messages.telemetry import HealthMessage, SlotMessage, StateMessage
from uplink.messages.transfer import FileAnswer, FileFin, FileInit

__all__ = [
    "LOCAL",
    "MACHINE",
    "Actor",
    "Answer",
    "CameraClaim",
    "CameraRegistry",
    "Case",
    "CaseRegistry",
    "ChainPoint",
    "Clock",
    "Command",
    "CustodyEvent",
    "FileAnswer",
    "FileFin",
    "FileInit",
    "Head",
    "HealthMessage",
    "Identity",
    "Manifest",
    "Officer",
    "OfficerRegistry",
    "Receipt",
    "Reconciliation",
    "Refusal",
    "Registry",
    "SlotMessage",
    "StateMessage",
    "Tag",
    "Wire",
]

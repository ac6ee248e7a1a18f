"""The link to the platform as the service sees it: started if there is a platform, silent if not."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from daemon.desk import StoreDesk
from daemon.heartbeat import Heartbeats
from daemon.limits import Limits, kept_amendments, limits_of
from daemon.lineage.board import what_to_do
from daemon.parts import Parts
from daemon.telemetry import Telemetry, Waiting, waiting_for_platform
from uplink.dockside import dock_connection
from uplink.link import DockLink
from uplink.messages import SlotMessage
from uplink.reception import OnCommand
from uplink.topics import DockTopics

_LOG = logging.getLogger(__name__)
_LINK_LIMIT_S = 90.0
_HEALTH_S = 60.0
_TURN_S = 1.0
_CHANGE_S = 5.0  # health is told so often at most where what waits changes all the time
KEY_GONE = (
    "平台所知的本站密钥不在本机（可能由密钥更换之前的备份恢复）：照常采集，停止上传，请放入新密钥。"
    " The platform knows this dock by a newer key, which is not here: footage is taken in, nothing is sent."
    " See docs/keys.md"
)
COPIED = (
    "平台上有另一台设备在用本采集站的身份：照常采集，停止上传，请停用其中一台后重启另一台。"
    " Somebody else goes on under this dock's name: footage is taken in, nothing is sent."
    " Stop one of the two, then start the other again"
)


class Uplinking(Protocol):
    """What the service needs of the uplink."""

    def threads(self) -> list[threading.Thread]: ...

    def wake(self) -> None: ...

    def slot(self, message: SlotMessage) -> None: ...

    def progress(self) -> dict[str, Any]: ...

    def apply(self, limits: Limits) -> None: ...

    def health_changed(self) -> None: ...


class NoUplink:
    """A dock without a platform, or a copy of a dock: everything is taken in and signed, nothing is sent."""

    def __init__(self, why: str, *alarms: str) -> None:
        self._told = {"connected": False, "why": why, "alarms": list(alarms)}

    def threads(self) -> list[threading.Thread]:
        return []

    def wake(self) -> None:
        pass

    def slot(self, message: SlotMessage) -> None:
        pass

    def progress(self) -> dict[str, Any]:
        return dict(self._told)

    def apply(self, limits: Limits) -> None:
        pass

    def health_changed(self) -> None:
        pass


class PlatformUplink:
    """The link's thread, and a second one that feeds it with health and the watchdog with its life."""

    def __init__(
        self,
        parts: Parts,
        telemetry: Telemetry,
        beats: Heartbeats,
        stop: threading.Event,
        changed: Callable[[], None],
        on_command: OnCommand | None = None,
    ) -> None:
        settings = parts.settings
        assert settings.platform is not None  # the settings hold platform and broker, or none
        self._parts = parts
        self._telemetry = telemetry
        self._stop = stop
        self._health_wanted = threading.Event()
        self._beat = beats.register("uplink", _LINK_LIMIT_S)
        topics = DockTopics(settings.dock.site, settings.dock.id)
        self._zone = ZoneInfo(settings.dock.time_zone)
        self._desk = desk = StoreDesk(
            parts.store,
            parts.custody,
            parts.vault,
            settings.platform.ring(),
            parts.counters,
            changed,
            zone=self._zone,
        )
        self._link = DockLink(
            dock_connection(settings.broker_address(), topics, telemetry.state),
            desk,
            topics,
            telemetry.state,
            on_command=on_command,
        )
        self.apply(limits_of(settings, kept_amendments(parts.store)))

    def threads(self) -> list[threading.Thread]:
        link = threading.Thread(target=self._link.run, args=(self._stop,), name="uplink", daemon=True)
        health = threading.Thread(target=self._tend, name="health", daemon=True)
        return [link, health]

    def wake(self) -> None:
        self._link.wake()

    def slot(self, message: SlotMessage) -> None:
        self._link.publish_slot(message)

    def progress(self) -> dict[str, Any]:
        """Return the link's state as plain JSON values."""
        report = self._link.report()
        expires_at = report.certificate_expires_at
        shown = dataclasses.asdict(report) | {
            "alarms": sorted(report.alarms | self._of_the_chain()),
            "certificate_expires_at": expires_at.isoformat() if expires_at else None,
        }
        if self._desk.key_gone:
            shown["why"] = KEY_GONE
        elif self._desk.silent:
            shown["why"] = COPIED
        elif report.why is None and not self._allowed():
            shown["why"] = "outside the hours in which footage is sent"
        return shown | {"limits": dataclasses.asdict(self._limits)}

    def _of_the_chain(self) -> frozenset[str]:
        if self._desk.key_gone:
            return frozenset({"key_gone"})
        return frozenset({"copied"}) if self._desk.silent else frozenset()

    def apply(self, limits: Limits) -> None:
        """Obey other limits from now on."""
        self._limits = limits
        self._desk.marked_first = limits.marked_first
        self._link.set_limits(limits.bytes_per_second or None, self._allowed)

    def health_changed(self) -> None:
        """An alarm came or went: health is told now, not in a minute."""
        self._health_wanted.set()

    def _allowed(self) -> bool:
        now = self._parts.custody.clock.now()
        return self._limits.allow(now.astimezone(self._zone).time())

    def _tend(self) -> None:
        waited_s, waiting = _HEALTH_S, self._waiting()
        while not self._stop.wait(_TURN_S):
            waited_s += _TURN_S
            if self._link.alive:
                self._beat()
            if waited_s >= _CHANGE_S and self._waiting() != waiting:
                self._health_wanted.set()
            if waited_s >= _HEALTH_S or self._health_wanted.is_set():
                waited_s, waiting = 0.0, self._waiting()
                self._health_wanted.clear()
                self._publish_health()
        self._parts.store.release()

    def _waiting(self) -> Waiting | None:
        try:
            return waiting_for_platform(self._parts.store)
        except Exception:  # noqa: BLE001 - as below
            return None

    def _publish_health(self) -> None:
        try:
            health = self._telemetry.health(self._parts.store, self._parts.vault.folder)
            expires_at = self._link.report().certificate_expires_at
            self._link.publish_health(health.model_copy(update={"certificate_expires_at": expires_at}))
        except Exception:  # noqa: BLE001 - health must not end by what it looks at
            _LOG.exception("health could not be told")


def make_uplink(
    parts: Parts,
    telemetry: Telemetry,
    beats: Heartbeats,
    stop: threading.Event,
    changed: Callable[[], None],
    on_command: OnCommand | None = None,
) -> Uplinking:
    """Return the uplink that the settings ask for.  Raises uplink.NotLoopback."""
    if parts.copy_of is not None:
        return NoUplink(what_to_do(parts.copy_of, parts.settings.key_file), "other_board")
    if parts.settings.platform is None:
        return NoUplink("no platform in the settings: nothing is sent")
    return PlatformUplink(parts, telemetry, beats, stop, changed, on_command)

"""Whether the board slows itself down now, and why, as far as the kernel tells without a vendor's tool.

- Raspberry Pi: the firmware's `get_throttled`, hexadecimal; bits 0 to 3 are now, 16 to 19 what was before and
  are left alone (raspberrypi.com, vcgencmd get_throttled; the attribute is of their own kernel).
- Anywhere: a frequency policy whose ceiling is below what the processor can (`scaling_max_freq`: heat and
  firmware lower it), and a thermal zone at or above a trip point that acts (`passive`, `hot`, `critical`).
- The frequency of the moment says nothing: an idle processor is slow by itself.
- None where none of these is there: unknown is not *no*.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from uplink.messages.telemetry import Throttle

SYS = Path("/sys")
_BITS: tuple[tuple[int, Throttle], ...] = (
    (1 << 0, "under_voltage"),
    (1 << 1, "frequency_capped"),
    (1 << 2, "slowed"),
    (1 << 3, "hot"),
)
_ACTING_TRIPS = ("passive", "hot", "critical")


def throttled(system: Path = SYS) -> list[Throttle] | None:
    """Return why the board is slowed down now, nothing where it is not; None where nothing tells."""
    found: set[Throttle] = set()
    known = False
    for reasons in (_firmware(system), _frequency(system), _heat(system)):
        if reasons is not None:
            known = True
            found |= reasons
    return sorted(found) if known else None


def _firmware(system: Path) -> set[Throttle] | None:
    for path in sorted((system / "devices" / "platform").glob("soc*/*firmware*/get_throttled")):
        bits = _number(path, 16)
        if bits is not None:
            return {reason for bit, reason in _BITS if bits & bit}
    return None


def _frequency(system: Path) -> set[Throttle] | None:
    found: set[Throttle] | None = None
    for policy in (system / "devices" / "system" / "cpu" / "cpufreq").glob("policy*"):
        ceiling, most = _number(policy / "scaling_max_freq"), _number(policy / "cpuinfo_max_freq")
        if ceiling is None or most is None:
            continue
        found = found or set()
        if ceiling < most:
            found.add("frequency_capped")
    return found


def _heat(system: Path) -> set[Throttle] | None:
    found: set[Throttle] | None = None
    for zone in (system / "class" / "thermal").glob("thermal_zone*"):
        now = _number(zone / "temp")
        for trip in _trips(zone):
            if now is not None:
                found = found or set()
                if now >= trip:
                    found.add("hot")
    return found


def _trips(zone: Path) -> Iterator[int]:
    """Yield the temperatures from which something is done, in thousandths of a degree."""
    for path in zone.glob("trip_point_*_type"):
        at = _number(path.with_name(path.name.removesuffix("_type") + "_temp"))
        if at is not None and at > 0 and _text(path) in _ACTING_TRIPS:
            yield at


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""

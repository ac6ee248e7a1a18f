"""What the board says of itself: its supply voltage (known-faults B13), its temperature, its load."""

from __future__ import annotations

import os
from pathlib import Path

THERMAL = Path("/sys/class/thermal")
HWMON = Path("/sys/class/hwmon")
_RASPBERRY = "rpi_volt"


def under_voltage(hwmon: Path = HWMON) -> bool:
    """Return what the Raspberry Pi's sensor says; False where there is none."""
    for sensor in sorted(hwmon.glob("hwmon*")):
        try:
            if (sensor / "name").read_text().strip() != _RASPBERRY:
                continue
            return (sensor / "in0_lcrit_alarm").read_text().strip() == "1"
        except OSError:
            continue
    return False


def temperature_c(thermal: Path = THERMAL) -> float | None:
    """Return the hottest thermal zone in degrees Celsius; None where there is none."""
    found = []
    for zone in thermal.glob("thermal_zone*"):
        try:
            found.append(int((zone / "temp").read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max((value for value in found if -60 < value < 200), default=None)


def cpu_load() -> float:
    """Return how many processes wait for a core or have one, over the last minute, to a core."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)

"""Whether the board says that its supply voltage is too low (known-faults B13)."""

from __future__ import annotations

from pathlib import Path

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

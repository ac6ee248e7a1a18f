"""What the kernel tells of a board that slows itself down, in trees as they are on the machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.throttling import throttled

FIRMWARE = "devices/platform/soc/soc:firmware/get_throttled"
POLICY = "devices/system/cpu/cpufreq/policy0"
ZONE = "class/thermal/thermal_zone0"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def zone(millidegrees: int, trip: str = "passive", at: int = 80_000) -> dict[str, str]:
    values = {"temp": millidegrees, "trip_point_0_type": trip, "trip_point_0_temp": at}
    return {f"{ZONE}/{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({FIRMWARE: "0"}, []),
        ({FIRMWARE: "50000"}, []),  # it was, and is no more
        ({FIRMWARE: "50005"}, ["slowed", "under_voltage"]),
        ({FIRMWARE: "e000a"}, ["frequency_capped", "hot"]),
        ({FIRMWARE: "no number"}, None),
        ({FIRMWARE.replace("soc/soc:", "soc@107c000000/soc@107c000000:"): "4"}, ["slowed"]),
        ({f"{POLICY}/scaling_max_freq": "1800000", f"{POLICY}/cpuinfo_max_freq": "1800000"}, []),
        (
            {f"{POLICY}/scaling_max_freq": "1000000", f"{POLICY}/cpuinfo_max_freq": "1800000"},
            ["frequency_capped"],
        ),
        ({f"{POLICY}/scaling_cur_freq": "600000", f"{POLICY}/cpuinfo_max_freq": "1800000"}, None),
        (zone(79_999), []),
        (zone(80_000), ["hot"]),
        (zone(80_000, "active"), None),  # a fan: nothing is slowed down
        (zone(80_000, at=-274_000), None),  # a trip point that is switched off
        ({FIRMWARE: "0"} | zone(85_000), ["hot"]),
        ({}, None),
    ],
)
def test_why_a_board_is_slowed_down_is_told_as_far_as_it_is_known(
    tmp_path: Path, files: dict[str, str], expected: list[str] | None
) -> None:
    assert throttled(tree(tmp_path, files)) == expected

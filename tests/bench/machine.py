"""The machine and the versions that figures were taken with."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("av", "numpy", "paho-mqtt", "cryptography", "faster-whisper")
_PROGRAMS = {
    "ffmpeg": ("ffmpeg", "-version"),
    "coreutils": ("cp", "--version"),
    "rsync": ("rsync", "--version"),
    "mosquitto": ("mosquitto", "-h"),
}


def machine_facts() -> dict[str, str]:
    """What stands at the head of BENCHMARKS.md."""
    facts = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    }
    facts["programs"] = ", ".join(f"{name} {_program(command)}" for name, command in _PROGRAMS.items())
    return facts


def load() -> float:
    """How many processes wanted a core over the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _program(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return "absent"
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    words = said.splitlines()[0].split() if said else ["?"]
    return next((word for word in words if word[0].isdigit()), words[-1])

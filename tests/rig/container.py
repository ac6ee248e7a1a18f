"""A small machine in which systemd is process 1: bodydock is installed there as docs/install.md says.

systemd-nspawn over a throw-away layer on a cached Debian root, made once by mmdebstrap.  Network and udev are
this machine's: its broker on loopback is the container's too, and so are its loop cameras.  What pip would
fetch is this environment's own site-packages, bound read-only.

`BODYDOCK_TEST_CACHE` names the folder of the cached root (default: /var/cache/bodydock-tests).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.rig.until import until
from transcoder.models import find_speech_model

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("BODYDOCK_TEST_CACHE", "/var/cache/bodydock-tests"))
# A Raspberry Pi has all of these; the smallest Debian does not.
PACKAGES = ("systemd", "systemd-sysv", "python3", "tzdata")
_KEPT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_DISK_GROUP = 6  # base-passwd: the same in every Debian
_HOME = "/opt/bodydock"


class ContainerError(Exception):
    """The container cannot be made or does not come up; says what is in the way."""


def missing_parts() -> list[str]:
    """Return, in words for a person, what this machine lacks for such a container; empty if nothing."""
    missing = []
    if os.geteuid() != 0:
        missing.append("root (run it with sudo)")
    tools = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nsenter": "util-linux"}
    missing += [
        f"{tool} (apt install {package})" for tool, package in tools.items() if not shutil.which(tool)
    ]
    if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode != 0:
        missing.append("user namespaces (the kernel gives none in a chroot)")
    if _suite() is None:
        missing.append("Debian (its version decides which root is made)")
    return missing


def cached_root() -> Path:
    """Return the Debian root, made if it is not there.  Raises ContainerError."""
    suite = _suite() or "bookworm"
    recipe = hashlib.sha256(repr((suite, PACKAGES, _KEPT_OUT)).encode()).hexdigest()[:12]
    root = CACHE / f"{suite}-{recipe}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as folder:
                made = Path(folder) / "root"
                _make_root(suite, made)
                made.rename(root)
    return root


def _make_root(suite: str, at: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += ["--aptopt=Acquire::Languages none", *(f"--dpkgopt=path-exclude={p}" for p in _KEPT_OUT)]
    ran = subprocess.run([*command, suite, str(at)], capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode != 0:
        raise ContainerError(f"mmdebstrap could not make a root: {ran.stderr[-2000:]}")
    (at / "root").chmod(0o755)


def _suite() -> str | None:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return None


class Container:
    """Enter it to have it booted and bodydock's wheel in /opt/bodydock; nothing of it outlives the block."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._pid = 0
        self._log = Path()

    def __enter__(self) -> Container:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="container-")))
            top = self._stack.enter_context(_layer_over(cached_root(), folder))
            _build_wheel(top / "opt")
            self._boot(top, folder)
            self._install()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def path(self, inside: str) -> Path:
        """Return where this machine sees a path of the container."""
        return Path(f"/proc/{self._pid}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside; return its standard output.  Raises ContainerError."""
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--uts", "--ipc", "--root", "--wd"]
        ran = subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=120, check=False, env=_ENVIRONMENT
        )
        if check and ran.returncode != 0:
            raise ContainerError(f"{' '.join(command)}: exit {ran.returncode}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def run_as(self, user: str, *command: str, check: bool = True) -> str:
        """As `run`, as a user of the container (with a group of that name, as useradd makes it)."""
        drop = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env")
        return self.run(*drop, *command, check=check)

    def unit(self, name: str) -> dict[str, str]:
        """Return the properties of a unit."""
        lines = self.run("systemctl", "show", name).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def journal(self, *match: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", *match)

    def provide_loop(self, number: int) -> None:
        """Have /dev/loopN inside, as udev would make it there."""
        node = self.path(f"/dev/loop{number}")
        # What the kernel says: the minor number is not everywhere the device's.
        major, minor = Path(f"/sys/block/loop{number}/dev").read_text().split(":")
        os.mknod(node, 0o660 | 0o060000, os.makedev(int(major), int(minor)))
        os.chown(node, 0, _DISK_GROUP)
        node.chmod(0o660)

    def _boot(self, top: Path, folder: Path) -> None:
        self._log = folder / "console"
        binds = [f"--bind-ro={sysconfig.get_path('purelib')}:/opt/site-packages", "--bind-ro=/run/udev"]
        if sys.base_prefix != "/usr":  # else the container has the same Python itself
            binds.append(f"--bind-ro={sys.base_prefix}:/opt/python")
        if (model := find_speech_model()) is not None:
            binds.append(f"--bind-ro={model}:{_HOME}/share/bodydock/models/whisper-base")
        name = f"bodydock-{secrets.token_hex(4)}"
        command = ["setpriv", "--pdeathsig=TERM"]  # a test run that is killed takes its container along
        command += ["systemd-nspawn", "--quiet", f"--directory={top}", f"--machine={name}", "--register=no"]
        command += ["--keep-unit", "--console=pipe", "--capability=CAP_SYS_ADMIN", *binds]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*command, "--boot", "systemd.unit=multi-user.target"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._stack.callback(_stop, process)
        until(lambda: self._find_leader(process), "systemd-nspawn starts systemd", 30)
        until(lambda: self._is_up(process), "the container boots", 60)

    def _find_leader(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise ContainerError(f"systemd-nspawn ended: {self._log.read_text()[-2000:]}")
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    self._pid = int(child)
        return self._pid != 0

    def _is_up(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise ContainerError(f"the container ended: {self._log.read_text()[-2000:]}")
        time.sleep(0.1)
        return self.run("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"}

    def _install(self) -> None:
        """docs/install.md, but for what pip would download."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        python = "/usr/bin/python3" if sys.base_prefix == "/usr" else f"/opt/python/bin/python{version}"
        self.write(
            "/etc/ld.so.conf.d/python.conf", "/opt/python/lib\n"
        )  # a shared libpython of that Python's own
        self.run("ldconfig")
        self.run(python, "-m", "venv", "--without-pip", _HOME)
        self.write(f"{_HOME}/lib/python{version}/site-packages/bound.pth", "/opt/site-packages\n")
        wheel = next(self.path("/opt").glob("*.whl")).name
        pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--root-user-action=ignore")
        self.run(f"{_HOME}/bin/python", *pip, f"/opt/{wheel}")
        self.run("ln", "-s", f"{_HOME}/bin/bodydock", "/usr/local/bin/bodydock")
        for command in documented("Services"):
            self.run("sh", "-c", command.replace("sudo ", ""))


def documented(heading: str) -> list[str]:
    """Return the commands of docs/install.md under a heading."""
    text = (ROOT / "docs/install.md").read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return section.split("```sh\n", 1)[1].split("```", 1)[0].splitlines()


def _build_wheel(into: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ran.returncode != 0:
        raise ContainerError(f"the wheel cannot be built: {ran.stderr[-2000:]}")


@contextlib.contextmanager
def _layer_over(root: Path, folder: Path) -> Iterator[Path]:
    """A writable layer over `root`, in memory: the kernel takes no overlay (a CI job) as upper layer."""
    memory, top = folder / "memory", folder / "top"
    memory.mkdir()
    top.mkdir()
    with _mounted(memory, "-t", "tmpfs", "-o", "size=2g,mode=755", "tmpfs"):
        (memory / "upper").mkdir()
        (memory / "work").mkdir()
        layers = f"lowerdir={root},upperdir={memory / 'upper'},workdir={memory / 'work'}"
        with _mounted(top, "-t", "overlay", "-o", layers, "overlay"):
            yield top


@contextlib.contextmanager
def _mounted(at: Path, *what: str) -> Iterator[None]:
    subprocess.run(["mount", *what, str(at)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)  # nspawn tells systemd to power off
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)

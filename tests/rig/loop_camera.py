"""A simulated camera: a card image on a loop device which udevd takes for a USB disk.

For tests and for script/demo.  Real kernel, real udevd, real events; made up are only the USB identity (a
rule file for this one device under /run/udev/rules.d) and, with `faulty=True`, read errors on demand
(nbdkit's error filter → nbdfuse → loop).

Everything that is started, mounted or written is undone when its context ends, also after an exception or
Ctrl-C. Several rigs may run on one machine: each takes loop numbers that were free, rules name one device
each, every process has a USB controller of its own, and the last rig to leave ends the udevd that a rig
started.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

UDEVD = Path("/lib/systemd/systemd-udevd")
CONTROL_SOCKET = Path("/run/udev/control")
RULES = Path("/run/udev/rules.d")
STATE = Path("/run/bodydock-rig")
LOOP_CONTROL = Path("/dev/loop-control")
LOOP_CTL_ADD, LOOP_CTL_REMOVE = 0x4C80, 0x4C81
FIRST_NUMBER, LAST_NUMBER = 200, 4000
WAIT_S = 20.0
STEP_S = 0.01
CAP_SYS_ADMIN = 21
_MIB = 1024 * 1024

# One USB controller per process, so that rigs that run side by side never meet in a slot.
CONTROLLER = f"platform-rig{os.getpid()}x{secrets.token_hex(3)}"


class RigError(Exception):
    """The rig cannot be set up or taken down; says what is in the way."""


def port_path(port: str, controller: str = CONTROLLER) -> str:
    """Return the beginning of ID_PATH that a slot at `port` (`1.2`) is configured with."""
    return f"{controller}-usb-0:{port}"


def missing_parts(*, faulty: bool = False) -> list[str]:
    """Return, in words for a person, what this machine lacks for simulated cameras; empty if nothing."""
    missing = []
    if os.geteuid() != 0:
        missing.append("root (run it with sudo)")
    elif not _has_capability(CAP_SYS_ADMIN):
        missing.append("the right to mount (CAP_SYS_ADMIN; a container needs --privileged)")
    if not LOOP_CONTROL.exists():
        missing.append("loop devices (/dev/loop-control; load the kernel module loop)")
    if not UDEVD.exists():
        missing.append(f"{UDEVD} (apt install udev)")
    tools = {"udevadm": "udev", "losetup": "mount", "mkfs.ext4": "e2fsprogs"}
    if faulty:
        tools |= {"nbdkit": "nbdkit", "nbdfuse": "nbdfuse (libnbd-bin)"}
    missing += [f"{tool} (apt install {package})" for tool, package in tools.items() if not _which(tool)]
    if not kernel_has("ext4"):
        missing.append("ext4 in this kernel")
    if faulty and not Path("/dev/fuse").exists():
        missing.append("/dev/fuse")
    return missing


def kernel_has(fs_type: str) -> bool:
    """Whether the running kernel can mount `fs_type` without loading anything."""
    return any(line.split()[-1] == fs_type for line in Path("/proc/filesystems").read_text().splitlines())


@contextlib.contextmanager
def udevd() -> Iterator[None]:
    """Have a running udevd: the machine's own, or one started here and ended by the last rig that used it."""
    STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (STATE / "users").open("w") as users:
        with _locked("gate"):
            if not _is_alive():
                _start_udevd()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _locked("gate"):
                fcntl.flock(users, fcntl.LOCK_UN)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _end_udevd()


def settle() -> None:
    """Wait until udevd has dealt with all events so far."""
    _talk_to_udevd("udevadm", "settle", "--timeout=30")


def make_card(
    image: Path,
    folder: Path,
    *,
    fs_type: str = "ext4",
    label: str = "",
    size_bytes: int | None = None,
) -> Path:
    """Make `image` a card without a partition table, a copy of `folder`; nothing is mounted for it."""
    content = sum(file.lstat().st_size + 4096 for file in folder.rglob("*") if file.is_file())
    size = size_bytes or max(8 * _MIB, content + content // 16 + 8 * _MIB)
    with image.open("wb") as file:
        file.truncate((size + _MIB - 1) // _MIB * _MIB)
    if fs_type == "ext4":
        run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-L", label[:16], "-d", str(folder), str(image))
    elif fs_type == "vfat":
        run("mkfs.vfat", "-n", label[:11] or "CARD", str(image))
        entries = [str(entry) for entry in sorted(folder.iterdir())]
        if entries:
            run("mcopy", "-s", "-m", "-i", str(image), *entries, "::/")
    else:
        raise RigError(f"no recipe for a card with {fs_type}")
    return image


def join_partitions(image: Path, parts: list[Path]) -> Path:
    """Make `image` a disk with an MBR and up to four partitions with the content of `parts`."""
    table, start = b"", 1
    with image.open("wb") as disk:
        for part in parts:
            disk.seek(start * _MIB)
            disk.write(part.read_bytes())
            sectors = part.stat().st_size // 512
            table += struct.pack("<B3xB3xII", 0, 0x83, start * 2048, sectors)
            start += sectors // 2048
        disk.seek(446)
        disk.write(table.ljust(64, b"\0") + b"\x55\xaa")
    return image


class LoopCamera:
    """One simulated camera.  Enter it to be able to plug it; leaving it undoes whatever it did.

    `port` is the USB port it is plugged into (`1.2`, see `port_path`); `serial` what its disk says.  With
    `faulty=True` `break_reads()` makes every further read of the device fail with EIO, as a yanked card's
    do; each read takes `read_s` seconds longer then.  With `partitions=True` the image's partition table is
    read.  `made` is told the number of the loop device before udev hears of its medium.
    """

    def __init__(
        self,
        image: Path,
        serial: str,
        port: str,
        *,
        vendor: str = "2c7a",
        product: str = "0b01",
        controller: str = CONTROLLER,
        faulty: bool = False,
        read_s: float = 0.0,
        partitions: bool = False,
        made: Callable[[int], None] | None = None,
    ) -> None:
        self.image = image
        self.serial = serial
        self.id_path = f"{port_path(port, controller)}:1.0-scsi-0:0:0:0"
        self.vendor = vendor
        self.product = product
        self.faulty = faulty
        self.read_s = read_s
        self.partitions = partitions
        self._made = made
        self.number: int | None = None
        self._stack = contextlib.ExitStack()
        self._backing = image
        self._bad: Path | None = None
        self._rule: Path | None = None

    @property
    def node(self) -> str:
        """The device node while it is plugged."""
        if self.number is None:
            raise RigError("the camera is not plugged in")
        return f"/dev/loop{self.number}"

    def __enter__(self) -> LoopCamera:
        try:
            if self.faulty:
                self._serve_with_errors()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.unplug()
        finally:
            self._stack.close()

    def plug(self) -> None:
        """Plug it in: udev reports a USB disk a moment later."""
        if self.number is not None:
            return
        self.number = _new_loop()
        try:
            if self._made is not None:
                self._made(self.number)
            self._write_rule()
            # Direct: a page cached before `break_reads` would be read all the same.
            flags = ["--direct-io=on"] if self.faulty else []
            run("losetup", "-r", *flags, self.node, str(self._backing))
            if self.partitions:  # by hand: not every kernel reads such tables, and losetup -P is its reading
                run("partx", "--add", self.node)
        except BaseException:
            self.unplug()
            raise

    def unplug(self) -> None:
        """Unplug it.  A loop device in use stays until its users let go: waits for them, else RigError."""
        if self.number is None:
            return
        try:
            with contextlib.suppress(subprocess.CalledProcessError):  # not attached, or detaching already
                if self.partitions:
                    run("partx", "--delete", self.node)
                run("losetup", "-d", self.node)
            _remove_loop(self.number)
        finally:
            self.number = None
            self._remove_rule()

    def yank(self) -> None:
        """Pull it out of a running copy, as near as a loop device comes to it.

        Reads fail with EIO (only if `faulty`), udev reports the removal; then waits, as `unplug`, until the
        daemon has let go.  (A loop device that is mounted cannot vanish from sysfs.)
        """
        self.break_reads()
        self.report_removal()
        self.unplug()

    def report_removal(self) -> None:
        """Have the kernel send a `remove` event although the device is still in use."""
        Path(f"/sys/block/loop{self.number}/uevent").write_text("remove")

    def break_reads(self) -> None:
        """From now on every read of the device fails with EIO."""
        if self._bad is not None:
            self._bad.touch()

    def mend_reads(self) -> None:
        """Undo `break_reads`."""
        if self._bad is not None:
            self._bad.unlink(missing_ok=True)

    def _serve_with_errors(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-")))
        self._bad = folder / "bad"
        mount = folder / "fuse"
        mount.mkdir()
        # nbdkit fails nothing until the file `bad` exists.
        command = ["nbdkit", "-s", "--exit-with-parent", "--filter=error", "--filter=delay"]
        command += ["file", str(self.image.resolve()), f"delay-read={round(self.read_s * 1000)}ms"]
        command += ["error-pread=EIO", "error-pread-rate=100%", f"error-file={self._bad}"]
        server = subprocess.Popen(
            ["nbdfuse", "-r", f"{mount}/card.img", "--command", *command],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._stack.callback(_stop_server, server, mount)
        self._backing = mount / "card.img"
        _wait(self._backing.exists, "nbdfuse did not start", lambda: server.poll() is None)

    def _write_rule(self) -> None:
        RULES.mkdir(parents=True, exist_ok=True)
        self._rule = RULES / f"59-bodydock-rig-{os.getpid()}-{self.number}.rules"
        values = {
            "ID_BUS": "usb",
            "ID_USB_DRIVER": "usb-storage",
            "ID_VENDOR_ID": self.vendor,
            "ID_MODEL_ID": self.product,
            "ID_SERIAL": f"Rig_{self.serial}-0:0" if self.serial else "",
            "ID_SERIAL_SHORT": self.serial,
            "ID_PATH": self.id_path,
        }
        settings = ", ".join(f'ENV{{{key}}}="{value}"' for key, value in values.items() if value)
        self._rule.write_text(f'SUBSYSTEM=="block", KERNEL=="loop{self.number}*", {settings}\n')
        _talk_to_udevd("udevadm", "control", "--reload")

    def _remove_rule(self) -> None:
        if self._rule is not None:
            self._rule.unlink(missing_ok=True)
            self._rule = None


def _new_loop() -> int:
    """Make a loop device with a number that was free, so that the kernel sends an `add` of its own."""
    for _ in range(50):
        number = FIRST_NUMBER + secrets.randbelow(LAST_NUMBER - FIRST_NUMBER)
        try:
            _loop_control(LOOP_CTL_ADD, number)
        except FileExistsError:
            continue
        _provide_node(number)
        return number
    raise RigError("no free loop number found")


def _provide_node(number: int) -> None:
    # devtmpfs makes the node at once; a /dev that is a plain folder (a chroot) needs it made.
    node = Path(f"/dev/loop{number}")
    if not node.exists():
        major, minor = Path(f"/sys/block/loop{number}/dev").read_text().split(":")
        with contextlib.suppress(FileExistsError):
            os.mknod(node, 0o600 | 0o060000, os.makedev(int(major), int(minor)))


def _remove_loop(number: int) -> None:
    def removed() -> bool:
        try:
            _loop_control(LOOP_CTL_REMOVE, number)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            if error.errno != errno.ENODEV:
                raise
        return True

    _wait(removed, f"/dev/loop{number} stays in use")


def _loop_control(request: int, number: int) -> None:
    fd = os.open(LOOP_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, request, number)
    finally:
        os.close(fd)


def _stop_server(server: subprocess.Popen[bytes], mount: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2(os.fsencode(mount), 2)  # MNT_DETACH: nbdfuse ends when its last user is gone
    server.terminate()
    try:
        server.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    with (STATE / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_alive() -> bool:
    # The socket file outlives a killed udevd: only one that can be connected to counts.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        try:
            control.connect(str(CONTROL_SOCKET))
        except BlockingIOError:
            return True  # busy with others
        except OSError:
            return False
    return True


def _talk_to_udevd(*command: str) -> None:
    """Run `udevadm`, one at a time: udevd turns a second caller away."""

    def done() -> bool:
        return subprocess.run(command, capture_output=True, check=False, env=_environment()).returncode == 0

    with _locked("control"):
        _wait(done, f"{' '.join(command)} fails")


def _start_udevd() -> None:
    process = subprocess.Popen(
        [str(UDEVD), "--children-max=4"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=_environment(),
    )
    (STATE / "pid").write_text(f"{process.pid} {_started_at(process.pid)}")
    _wait(_is_alive, "udevd did not start", lambda: process.poll() is None)
    _talk_to_udevd("udevadm", "control", "--ping")


def _end_udevd() -> None:
    """End the udevd that a rig started, if there is one: it is told from another by pid and start time."""
    note = STATE / "pid"
    if not note.exists():
        return
    pid, started_at = (int(word) for word in note.read_text().split())
    if _started_at(pid) == started_at:
        os.kill(pid, signal.SIGTERM)
        _wait(lambda: _has_ended(pid, started_at), "udevd does not end")
    note.unlink()
    # A dead socket looks like a running udevd to whoever only looks for the file.
    CONTROL_SOCKET.unlink(missing_ok=True)


def _has_ended(pid: int, started_at: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # if it is a child of ours, it would stay as a zombie
    return _started_at(pid) != started_at


def _started_at(pid: int) -> int:
    """Return when a process started, in ticks since boot; 0 if there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def _wait(done: Callable[[], bool], what: str, alive: Callable[[], bool] = lambda: True) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while not done():
        if time.monotonic() > give_up_at or not alive():
            raise RigError(what)
        time.sleep(STEP_S)


def run(*command: str) -> None:
    """Run a tool quietly.  Raises CalledProcessError."""
    subprocess.run(command, check=True, capture_output=True, env=_environment())


def _environment() -> dict[str, str]:
    # udevadm does nothing in a chroot, and says so with exit status 0, unless told that it is meant.
    return os.environ | {
        "SYSTEMD_IGNORE_CHROOT": "1",
        "MTOOLS_SKIP_CHECK": "1",
        "PATH": _path(),
    }


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=_path())


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False

"""The four cameras of the demonstration, as folders to make cards from.

- 1: one long run that the camera split into three gapless files, the notice at its start.
- 2: two runs 40 s apart at one declared place; the second speaks, and gives no notice.
- 3: a file cut in mid-frame, a photograph, a spoken note, a file of a real action camera, a name in GBK, and
  something that is no media.
- 4: one short run, so that every slot is taken at once; camera 1 comes again later with one file more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import wave
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import av
import numpy as np

from tests.rig.demo_media import make_recording

DATA = Path(__file__).resolve().parents[1] / "data"
CHINA = timezone(timedelta(hours=8))
DAY = datetime(2026, 11, 24, tzinfo=CHINA)
SHORT_AT = DAY + timedelta(hours=8)
SPLIT_AT = DAY + timedelta(hours=9, minutes=30)
TWO_AT = DAY + timedelta(hours=14)
MIXED_AT = DAY + timedelta(hours=16)
LATER_AT = DAY + timedelta(hours=17)
PIECE_S = 10
GAP_S = 40
REAL = "karma.mp4"
SERIALS = ("BWC0041", "BWC0042", "GP0007", "BWC0044")


@dataclass(frozen=True)
class DemoCamera:
    """A camera to be: what its card holds, its disk's serial, and the port it is plugged into."""

    folder: Path
    serial: str
    port: str


def make_cameras(folder: Path, mib: int) -> list[DemoCamera]:
    """Make the cards in `folder`, `mib` MiB on the first; what is there already is taken as it is.

    The last is camera 1 when it comes again, with what it held and one file more.
    """
    made = [
        DemoCamera(folder / f"camera-{number}", serial, f"1.{number}")
        for number, serial in enumerate(SERIALS, 1)
    ]
    again = DemoCamera(folder / "camera-1-again", made[0].serial, made[0].port)
    if not again.folder.exists():
        first, second, third, fourth = (_emptied(camera.folder) for camera in made)
        split_run(first, mib)
        two_runs(second)
        mixed(third)
        short_run(fourth)
        coming = folder / "coming"
        shutil.copytree(made[0].folder, coming)
        one_more(coming / "DCIM")
        coming.rename(again.folder)  # the last one, and whole: it says that all are there
    return [*made, again]


def contents(folder: Path) -> dict[str, dict[str, int | str]]:
    """Return SHA-256 and size in bytes of every file of a card, by name."""
    return {
        _readable(path): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _readable(path: Path) -> str:
    name = os.fsencode(path.name)
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("gbk")


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "DCIM").mkdir(parents=True)
    return folder / "DCIM"


def gat947(serial: str, officer: str, at: datetime, number: int) -> str:
    """Return a name in the usual form of GA/T 947."""
    return f"{serial}_{officer}_{at:%Y%m%d%H%M%S}_{number:04}.mp4"


def split_run(folder: Path, mib: int) -> list[str]:
    """One run of three files, `mib` MiB together.  Returns their names in order."""
    names = []
    for number in range(3):
        at = SPLIT_AT + timedelta(seconds=number * PIECE_S)
        names.append(gat947("8888888", "J0H42A", at, number + 1))
        make_recording(
            folder / names[-1],
            seconds=PIECE_S,
            notice=DATA / "speech/notice-08.flac" if number == 0 else None,
            started_at=at,
            target_bytes=mib * 1024 * 1024 // 3,
            seed=number,
            moov_first=False,
        )
    return names


def two_runs(folder: Path) -> list[str]:
    """Two runs, 40 s apart.  Returns their names."""
    first = gat947("7777777", "J0H42B", TWO_AT, 1)
    make_recording(
        folder / first,
        seconds=12,
        size=(640, 360),
        notice=DATA / "speech/notice-02.flac",
        started_at=TWO_AT,
        seed=10,
    )
    later = TWO_AT + timedelta(seconds=12 + GAP_S)
    second = gat947("7777777", "J0H42B", later, 2)
    make_recording(
        folder / second,
        seconds=12,
        size=(640, 360),
        talk=DATA / "speech/other-02.flac",
        started_at=later,
        seed=11,
    )
    return [first, second]


def _short_take(path: Path, at: datetime, *, seed: int, moov_first: bool = True) -> None:
    """Eight seconds that begin with the notice."""
    make_recording(
        path,
        seconds=8,
        size=(640, 360),
        notice=DATA / "speech/notice-02.flac",
        started_at=at,
        seed=seed,
        moov_first=moov_first,
    )


def short_run(folder: Path) -> str:
    """One run of one file, of a third officer.  Returns its name."""
    name = gat947("6666666", "J0H42C", SHORT_AT, 1)
    _short_take(folder / name, SHORT_AT, seed=50)
    return name


def mixed(folder: Path) -> list[str]:
    """What cards hold besides: damaged, photographed, spoken, foreign, oddly named.  Returns the names."""
    cut = f"{MIXED_AT:%Y%m%d_%H%M%S}.mp4"
    _short_take(folder / cut, MIXED_AT, seed=20)
    with (folder / cut).open("r+b") as f:
        f.truncate((folder / cut).stat().st_size * 7 // 10)
    photo = f"{MIXED_AT + timedelta(hours=1):%Y%m%d_%H%M%S}.jpg"
    _photograph(folder / photo)
    note = f"{MIXED_AT + timedelta(hours=2):%Y%m%d_%H%M%S}.wav"
    _note(folder / note)
    shutil.copyfile(DATA / "footage" / REAL, folder / REAL)
    gbk = "视频说明.txt"
    (Path(os.fsdecode(bytes(folder) + b"/" + gbk.encode("gbk")))).write_text("GBK\n")
    broken = "broken.mp4"
    (folder / broken).write_bytes(b"no media at all\n" * 4096)
    return [cut, photo, note, REAL, gbk, broken]


def one_more(folder: Path) -> str:
    """The file that camera 1 has besides when it comes again.  Returns its name."""
    name = gat947("8888888", "J0H42A", LATER_AT, 4)
    _short_take(folder / name, LATER_AT, seed=30, moov_first=False)
    return name


def _photograph(path: Path) -> None:
    picture = np.linspace(16, 235, 480, dtype=np.uint8)[:, None].repeat(640, axis=1)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.dstack([picture] * 3), format="rgb24")
        for packet in (*stream.encode(frame.reformat(format="yuvj420p")), *stream.encode(None)):
            container.mux(packet)


def _note(path: Path) -> None:
    rng = np.random.default_rng(40)
    tone = np.sin(2 * np.pi * 220 * np.arange(16_000 * 3) / 16_000) * 4000 + rng.normal(0, 200, 16_000 * 3)
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, 16_000, 0, "NONE", ""))
        f.writeframes(tone.astype("<i2").tobytes())

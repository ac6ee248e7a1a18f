"""Recordings as a body camera writes them, made on the spot: H.264 and AAC in MP4.

- A moving picture under sensor noise, with a running clock drawn in; a key frame every second; constant rate.
- The room is never digitally silent; speech clips are mixed in at fixed times.
- The same arguments give the same bytes (with one version of PyAV): noise is seeded, x264 gets a fixed
  number of threads.
- The size is reached by bit rate over the noise, never by padding, so that every byte is picture.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.rig.camera_marks import sign_as_camera

NOTICE_AT_S = 2.0
TALK_AT_S = 12.0  # with a notice before it; without one, talk is where the notice would be
SOUND_RATE_HZ = 16_000  # that of the clips, and of cheap cameras
ROOM_NOISE_RMS = 0.004  # of full scale: -48 dBFS
SENSOR_NOISE_LEVELS = 9.0
LOWEST_BIT_RATE = 600_000
# x264 may end a little under the bit rate that it was asked for.
RATE_MARGIN = 1.04
ENCODER_THREADS = 2

Plane = NDArray[np.uint8]

# 5 x 7 dots, a row per number, the leftmost dot in bit 4.
FONT = {
    "0": (0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E),
    "1": (0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E),
    "2": (0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F),
    "3": (0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E),
    "4": (0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02),
    "5": (0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E),
    "6": (0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E),
    "7": (0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08),
    "8": (0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E),
    "9": (0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C),
    "-": (0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00),
    ":": (0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00),
    " ": (0x00,) * 7,
}


def make_recording(
    path: Path,
    *,
    seconds: int,
    fps: int = 25,
    size: tuple[int, int] = (1280, 720),
    notice: Path | None = None,
    talk: Path | None = None,
    started_at: datetime,
    target_bytes: int = 0,
    seed: int = 0,
    moov_first: bool = True,
) -> None:
    """Write a recording of `seconds` to `path`, of `target_bytes` or somewhat more.

    `size` is width and height in even pixels.  `notice` and `talk` are clips at 16 kHz, mono, as in
    tests/data/speech; they begin at NOTICE_AT_S and TALK_AT_S.  `started_at` must be aware: the clock
    shows it in its own zone, the container's creation time says it in UTC.  `moov_first` puts the index
    before the media, as for playing over a network; cameras write it at the end.

    Raises ValueError for a naive time, a clip that does not fit, or a size that was not reached.
    """
    if started_at.tzinfo is None:
        raise ValueError("started_at has no time zone")
    rng = np.random.default_rng(seed)
    talk_at_s = TALK_AT_S if notice else NOTICE_AT_S
    clips = [(at_s, clip) for at_s, clip in ((NOTICE_AT_S, notice), (talk_at_s, talk)) if clip]
    sound = _sound(seconds, clips, rng)
    pictures = _pictures(seconds * fps, fps, size, started_at, rng)
    bit_rate = max(LOWEST_BIT_RATE, int(target_bytes * 8 / seconds * RATE_MARGIN))
    _encode(
        path,
        pictures,
        sound,
        fps=fps,
        size=size,
        started_at=started_at,
        bit_rate=bit_rate,
        moov_first=moov_first,
    )
    sign_as_camera(path)
    written = path.stat().st_size
    if written < target_bytes:
        raise ValueError(
            f"{path}: {written} bytes written, {target_bytes} wanted: more seconds or pixels are needed"
        )


def draw_text(plane: Plane, text: str, *, left: int, top: int, scale: int) -> None:
    """Draw `text` (digits, '-', ':', ' ') in white on a black box; what exceeds the plane is cut off."""
    dots = np.zeros((9, 6 * len(text) + 1), dtype=np.uint8)
    for index, character in enumerate(text):
        for row, bits in enumerate(FONT[character]):
            dots[row + 1, index * 6 + 1 : index * 6 + 6] = [bits >> shift & 1 for shift in (4, 3, 2, 1, 0)]
    box = np.where(dots, np.uint8(235), np.uint8(16)).repeat(scale, axis=0).repeat(scale, axis=1)
    target = plane[top : top + box.shape[0], left : left + box.shape[1]]
    target[:] = box[: target.shape[0], : target.shape[1]]


def _pictures(
    count: int, fps: int, size: tuple[int, int], started_at: datetime, rng: np.random.Generator
) -> Iterator[Plane]:
    """Yield planar 4:2:0 pictures: a scene that is panned over, somebody walking by, noise, the clock."""
    width, height = size
    scene = _scene(width * 2, height)
    noise = rng.normal(0, SENSOR_NOISE_LEVELS, (height + 64, width + 64)).round().astype(np.int16)
    chroma_across = np.linspace(112, 144, width // 2, dtype=np.float32)
    walker = height // 4
    for index in range(count):
        pan = int(width / 2 * (1 - np.cos(index / fps / 8)))
        down, across = rng.integers(0, 64, 2)
        luma = scene[:, pan : pan + width] + noise[down : down + height, across : across + width]
        step = int(index * width / (fps * 6)) % (width - walker)
        luma[height // 2 : height // 2 + walker, step : step + walker // 2] += 50
        picture = np.empty((height * 3 // 2, width), dtype=np.uint8)
        np.clip(luma, 16, 235, out=picture[:height], casting="unsafe")
        clock = (started_at + timedelta(seconds=index // fps)).strftime("%Y-%m-%d %H:%M:%S")
        draw_text(picture[:height], clock, left=16, top=16, scale=max(1, height // 240))
        blue, red = picture[height:].reshape(2, height // 2, width // 2)
        blue[:] = chroma_across + 4 * np.sin(index / fps)
        red[:] = chroma_across[::-1]
        yield picture


def _scene(width: int, height: int) -> NDArray[np.int16]:
    """Return a still luma picture with edges and slopes: sky, ground, and a row of houses."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    scene = 170 - 80 * down / height
    houses = (across // (height // 5) * 37 % 11) * height / 30
    scene[down > height * 0.6 - houses] -= 45
    scene += 12 * np.sin(across / 23) * np.cos(down / 17)
    return scene.astype(np.int16)


def _sound(seconds: int, clips: list[tuple[float, Path]], rng: np.random.Generator) -> NDArray[np.int16]:
    """Return room noise with the clips mixed in, mono at SOUND_RATE_HZ."""
    length = seconds * SOUND_RATE_HZ
    white = rng.normal(0, 1, length + 15)
    room = np.convolve(white, np.ones(16) / 16, mode="valid")  # rooms rumble more than they hiss
    mixed = room * (ROOM_NOISE_RMS / room.std())
    for at_s, clip in clips:
        speech = _read_clip(clip)
        start = int(at_s * SOUND_RATE_HZ)
        if start + len(speech) > length:
            raise ValueError(
                f"{clip}: {len(speech) / SOUND_RATE_HZ:.1f} s from {at_s} s on do not fit into {seconds} s"
            )
        mixed[start : start + len(speech)] += speech
    pcm: NDArray[np.int16] = (np.clip(mixed, -1, 1) * 32767).astype(np.int16)
    return pcm


def _read_clip(path: Path) -> NDArray[np.float64]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        if stream.rate != SOUND_RATE_HZ or stream.channels != 1:
            raise ValueError(
                f"{path}: {stream.rate} Hz and {stream.channels} channels, not {SOUND_RATE_HZ} and 1"
            )
        pieces = [frame.to_ndarray().reshape(-1) for frame in container.decode(stream)]
    samples: NDArray[np.float64] = np.concatenate(pieces).astype(np.float64) / 32768
    return samples


def _encode(
    path: Path,
    pictures: Iterator[Plane],
    sound: NDArray[np.int16],
    *,
    fps: int,
    size: tuple[int, int],
    started_at: datetime,
    bit_rate: int,
    moov_first: bool,
) -> None:
    options = {"movflags": "+faststart"} if moov_first else {}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["creation_time"] = started_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.bit_rate = bit_rate
        video.options = _x264_options(fps)
        audio = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
        audio.bit_rate = 48_000

        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            begin, end = (at * SOUND_RATE_HZ // fps for at in (index, index + 1))
            heard = av.AudioFrame.from_ndarray(sound[begin:end].reshape(1, -1), format="s16", layout="mono")
            heard.sample_rate = SOUND_RATE_HZ
            heard.pts = begin
            for packet in chain(video.encode(frame), audio.encode(heard)):
                container.mux(packet)
        for packet in chain(video.encode(None), audio.encode(None)):
            container.mux(packet)


def _x264_options(fps: int) -> dict[str, object]:
    # No VBV: with it, threads make the bytes depend on who was first.
    return {
        "preset": "ultrafast",
        "threads": str(ENCODER_THREADS),
        "x264-params": f"keyint={fps}:min-keyint={fps}:scenecut=0",
    }

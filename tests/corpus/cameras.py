"""The cameras that the corpus pretends to have: what they write and how, as data.

- What a camera writes bears no mark of FFmpeg or x264: those are for the faults of editing software.
- Only encoders within PyAV are used; an `Encoder`'s options leave nothing to the machine (one thread).
"""

from dataclasses import dataclass, field, replace

Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Encoder:
    """A video encoder: `codec` as FFmpeg names it, key frames every `gop` pictures."""

    codec: str = "libx264"
    gop: int = 25
    b_frames: int = 0
    quality: int = 24
    bit_rate: int = 0
    options: Options = ()


@dataclass(frozen=True)
class Camera:
    """`format` is FFmpeg's muxer ("ps", "raw": ours), `profile` the form of its names; no `audio`: deaf."""

    name: str
    suffix: str = "mp4"
    format: str = "mp4"
    muxing: Options = ()
    video: Encoder | None = field(default_factory=Encoder)
    audio: str | None = "aac"
    audio_rate_hz: int = 16000
    audio_bit_rate: int = 32000
    width: int = 320
    height: int = 240
    fps: int = 25
    profile: str = "gat947"
    pixel_format: str = "yuv420p"
    video_stamps: bool = True
    says_time: bool = True

    def but(self, **changes: object) -> "Camera":
        return replace(self, **changes)  # type: ignore[arg-type]


FRAGMENTS = (("movflags", "frag_keyframe+empty_moov+default_base_moof"),)
FIRST = (("movflags", "faststart"),)
MPEG4 = Encoder("mpeg4", gop=25, quality=4)
MJPEG = Encoder("mjpeg", gop=1, quality=5)
HEVC = Encoder("libx265", gop=25, quality=27)
B_FRAMES = Encoder(b_frames=2, gop=50)
LONG_GOP = Encoder(gop=250)
CONSTANT = Encoder(bit_rate=500_000)
REFRESH = Encoder(gop=50, options=(("intra-refresh", "1"),))

PLAIN = Camera("plain")
CAMERAS: dict[str, Camera] = {
    camera.name: camera
    for camera in (
        PLAIN,
        PLAIN.but(name="first", muxing=FIRST, width=640, height=360),
        PLAIN.but(name="fragmented", muxing=FRAGMENTS, profile="h22"),
        PLAIN.but(name="b-frames", video=B_FRAMES, fps=30),
        PLAIN.but(name="long-gop", video=LONG_GOP),
        PLAIN.but(name="constant", video=CONSTANT),
        PLAIN.but(name="refresh", video=REFRESH),
        PLAIN.but(name="hevc", video=HEVC),
        PLAIN.but(name="hd", width=1920, height=1080, video=Encoder(quality=28, gop=30), fps=15),
        PLAIN.but(name="ntsc", fps=30, video=Encoder(gop=30)),
        PLAIN.but(name="slow", fps=12, video=Encoder(gop=12)),
        PLAIN.but(name="mute", audio=None),
        PLAIN.but(name="mp2-mp4", audio="mp2", audio_bit_rate=64000),
        Camera("mov-alaw", "mov", "mov", audio="pcm_alaw", audio_rate_hz=8000),
        Camera("mov-pcm", "mov", "mov", audio="pcm_s16le"),
        Camera("mov-mjpeg", "mov", "mov", video=MJPEG, audio="pcm_s16le", pixel_format="yuvj420p", fps=15),
        Camera(
            "3gp",
            "3gp",
            "3gp",
            video=MPEG4,
            audio="libopencore_amrnb",
            audio_rate_hz=8000,
            audio_bit_rate=12200,
            fps=15,
            profile="generic",
        ),
        Camera("3gp-h264", "3gp", "3gp", profile="generic"),
        Camera(
            "avi-mjpeg",
            "avi",
            "avi",
            video=MJPEG,
            audio="pcm_s16le",
            audio_rate_hz=8000,
            pixel_format="yuvj420p",
            fps=15,
            profile="generic",
            says_time=False,
        ),
        Camera(
            "avi-mpeg4", "avi", "avi", video=MPEG4, audio="libmp3lame", profile="generic", says_time=False
        ),
        Camera(
            "avi-h264",
            "avi",
            "avi",
            audio="pcm_mulaw",
            audio_rate_hz=8000,
            profile="generic",
            says_time=False,
        ),
        Camera(
            "avi-adpcm",
            "avi",
            "avi",
            video=MJPEG,
            audio="adpcm_ima_wav",
            audio_rate_hz=8000,
            pixel_format="yuvj420p",
            fps=15,
            profile="generic",
            says_time=False,
        ),
        Camera("mkv", "mkv", "matroska", profile="gat947"),
        Camera("mkv-hevc", "mkv", "matroska", video=HEVC, audio="pcm_s16le", audio_rate_hz=8000),
        Camera("ts", "ts", "mpegts", audio_rate_hz=16000, says_time=False),
        Camera("ts-mp2", "ts", "mpegts", audio="mp2", audio_bit_rate=64000, says_time=False),
        Camera("ts-hevc", "ts", "mpegts", video=HEVC, says_time=False),
        Camera("ps", "mpg", "ps", audio="mp2", audio_bit_rate=64000, says_time=False),
        Camera("ps-mp4", "mp4", "ps", audio="mp2", audio_bit_rate=64000, says_time=False),
        Camera("ps-hevc", "mpg", "ps", video=HEVC, audio="mp2", audio_bit_rate=64000, says_time=False),
        Camera("raw-h264", "h264", "raw", audio=None, profile="generic", says_time=False),
        Camera("raw-hevc", "h265", "raw", video=HEVC, audio=None, profile="generic", says_time=False),
        Camera("wav", "wav", "wav", video=None, audio="pcm_s16le", profile="generic", says_time=False),
        Camera(
            "wav-alaw",
            "wav",
            "wav",
            video=None,
            audio="pcm_alaw",
            audio_rate_hz=8000,
            profile="generic",
            says_time=False,
        ),
        Camera(
            "wav-mulaw",
            "wav",
            "wav",
            video=None,
            audio="pcm_mulaw",
            audio_rate_hz=8000,
            profile="generic",
            says_time=False,
        ),
        Camera(
            "wav-adpcm",
            "wav",
            "wav",
            video=None,
            audio="adpcm_ima_wav",
            audio_rate_hz=8000,
            profile="generic",
            says_time=False,
        ),
        Camera(
            "mp3",
            "mp3",
            "mp3",
            (("write_xing", "0"), ("id3v2_version", "0")),
            video=None,
            audio="libmp3lame",
            profile="generic",
            says_time=False,
        ),
        Camera("aac", "aac", "adts", video=None, profile="generic", says_time=False),
        Camera("m4a", "m4a", "ipod", video=None, profile="generic"),
        Camera(
            "amr",
            "amr",
            "amr",
            video=None,
            audio="libopencore_amrnb",
            audio_rate_hz=8000,
            audio_bit_rate=12200,
            profile="generic",
            says_time=False,
        ),
    )
}

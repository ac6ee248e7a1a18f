"""Fixtures of the transcoder's tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the speech model, or a skip that says why."""
    from transcoder.errors import SpeechUnavailable
    from transcoder.models import find_speech_model, install_speech_model

    pytest.importorskip("faster_whisper", reason="the speech extra is not installed")
    found = find_speech_model()
    if found is not None:
        return found
    try:
        return install_speech_model(tmp_path_factory.mktemp("model") / "whisper-base")
    except SpeechUnavailable as error:
        pytest.skip(str(error))

"""Fixtures of the transcoder's tests; `media_maker` is private to this directory."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "transcoder_media_maker", Path(__file__).with_name("media_maker.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["transcoder_media_maker"] = module
    spec.loader.exec_module(module)
    return module


_load()


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

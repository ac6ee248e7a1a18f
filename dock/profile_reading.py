"""Reading profile files: the shipped ones, and the office's own.

- A mistake stops the start, and names the file, the key, the value and what is allowed.
- A file that `extends` a shipped profile says only what is different: tables are merged key by key, lists and
  values are replaced.  Usually it bears the same name, and so takes its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dock.errors import ProfileError
from dock.profile_files import GENERIC, ProfileFile

_MAX_BYTES = 1024 * 1024


def shipped_files() -> list[Traversable]:
    """Return the files of the shipped profiles by name, `generic` last."""
    found = (file for file in resources.files("config").joinpath("profiles").iterdir() if _is_toml(file))
    return sorted(found, key=lambda file: (file.name == f"{GENERIC}.toml", file.name))


def read_profile(file: Path | Traversable) -> ProfileFile:
    """Read one profile.  Raises ProfileError."""
    where = str(file)
    return _checked(where, _extended(where, _content(where, lambda: file.read_bytes())))


def profile_of_text(text: str, where: str) -> ProfileFile:
    """Read a profile from its text.  Raises ProfileError that names `where`."""
    return _checked(where, _extended(where, _content(where, lambda: text.encode("utf-8", "replace"))))


def _content(where: str, read: Callable[[], bytes]) -> dict[str, Any]:
    try:
        raw = read()
        if len(raw) > _MAX_BYTES:
            raise ProfileError(where, "(file)", len(raw), f"must have at most {_MAX_BYTES} bytes")
        return tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ProfileError(where, "(file)", error.strerror, "must be readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(where, "(file)", str(error), "must be TOML in UTF-8") from error


def _extended(where: str, content: dict[str, Any]) -> dict[str, Any]:
    base = content.get("extends")
    if base is None:
        return content
    shipped = {file.name.removesuffix(".toml"): file for file in shipped_files()}
    if not isinstance(base, str) or base not in shipped:
        raise ProfileError(where, "extends", base, f"must be one of {', '.join(sorted(shipped))}")
    found = shipped[base]
    return _merged(_content(str(found), lambda: found.read_bytes()), content)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(base)
    for key, value in own.items():
        below = made.get(key)
        made[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return made


def _checked(where: str, content: dict[str, Any]) -> ProfileFile:
    try:
        return ProfileFile.model_validate(content)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ProfileError(where, key, first["input"], first["msg"]) from error


def _is_toml(file: Traversable) -> bool:
    return file.is_file() and file.name.endswith(".toml")

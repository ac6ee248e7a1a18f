"""The persons who may take away, each with a `destroy` key of their own (trust.md, Roles).

- A destroy key lives with its person (a file of mode 0600, e.g. on a stick); the center's folder has the
  public half and whose it is, so that `center keys` can tell the docks.
- A key belongs to one person; a person may have several, and is one person all the same.
- Nobody is removed here: docks take keys from their settings only, where a person strikes it out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from center.errors import BadFolder, BadPerson
from center.settings import Folder
from uplink.errors import BadKey
from uplink.keys import KeyRecord, KeyRing, Role, SigningKey
from uplink.messages.base import PublicKey
from uplink.persons import mixes_alphabets, same_eyes

MAX_NAME = 60  # two of them fit where one person is named


class PersonKey(BaseModel):
    """A person's public key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    person: str = Field(min_length=1, max_length=MAX_NAME)
    public: PublicKey

    @property
    def record(self) -> KeyRecord:
        return KeyRecord(bytes.fromhex(self.public), Role.DESTROY, self.person)


_LIST: TypeAdapter[list[PersonKey]] = TypeAdapter(list[PersonKey])


@dataclass(frozen=True)
class Registered:
    """A new key: its public half as registered, and whether the file was there before."""

    key: PersonKey
    key_id: str
    made: bool


def load(folder: Folder) -> list[PersonKey]:
    """Return the registered keys, in order of registering.  Raises BadFolder."""
    path = _path(folder)
    try:
        return _LIST.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as e:
        raise BadFolder(f"{path} cannot be used: {e}") from None


def checked_name(person: str) -> str:
    """Return a person's name without the blanks around it.  Raises BadPerson."""
    person = person.strip()
    if not 1 <= len(person) <= MAX_NAME or not person.isprintable():
        raise BadPerson(f"a person's name has 1 to {MAX_NAME} printable characters, not {person!r}")
    if mixes_alphabets(person):
        raise BadPerson(f"{person!r} mixes letters of alphabets that look alike: write it in one of them")
    return person


def register(folder: Folder, person: str, file: Path) -> Registered:
    """Make a destroy key for `person` in `file` (or take the one there), and register its public half.

    Raises BadPerson, BadKey, BadFolder, OSError.
    """
    person = checked_name(person)
    if file.parent.resolve() == folder.keys.resolve():
        raise BadPerson(f"{file}: a destroy key lives with its person, never in the center's folder")
    with folder.locked("people"):
        held = load(folder)
        key, made = SigningKey.load_or_make(file)
        mine = PersonKey(person=person, public=key.public.hex())
        other = next((one for one in held if one.public == mine.public), None)
        if other is not None and other.person != person:
            raise BadPerson(f"{file} is the key of {other.person}: each person has a key of their own")
        alike = next((one.person for one in held if _overlooked(one.person, person)), None)
        if alike is not None:
            raise BadPerson(f"{person!r} reads like {alike!r}, who has a key here: write it as before")
        if other is None:
            _write(folder, [*held, mine])
    return Registered(mine, key.key_id, made)


def _overlooked(one: str, other: str) -> bool:
    return one != other and same_eyes(one) == same_eyes(other)


def ring(people: Sequence[PersonKey]) -> KeyRing:
    return KeyRing(person.record for person in people)


def person_of(people: Sequence[PersonKey], key: SigningKey, file: Path) -> str:
    """Return whose key this is.  Raises BadPerson."""
    for one in people:
        if one.public == key.public.hex():
            return one.person
    raise BadPerson(f"{file} is nobody's key here: `bodydock center keys new PERSON {file}` registers it")


def load_key(file: Path) -> SigningKey:
    """Read a person's key.  Raises BadKey."""
    if not file.exists():
        raise BadKey(f"no key file {file}: `bodydock center keys new PERSON {file}` makes one")
    return SigningKey.load(file)


def table(people: Sequence[PersonKey]) -> dict[str, list[str]]:
    """Return the keys by person, as `[platform.people]` has them."""
    found: dict[str, list[str]] = {}
    for one in people:
        found.setdefault(one.person, []).append(one.public)
    return found


def _path(folder: Folder) -> Path:
    return folder.keys / "people.json"


def _write(folder: Folder, people: Sequence[PersonKey]) -> None:
    path = _path(folder)
    temporary = path.with_name(f".people.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as f:
            json.dump([one.model_dump() for one in people], f, ensure_ascii=False, indent=1)
            f.flush()
            os.fsync(f.fileno())
        temporary.chmod(0o600)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

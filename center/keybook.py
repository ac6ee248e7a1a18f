"""Which of the platform's keys count: the files have to agree with what docks were told.

- The first key of a role is in force from when it is made; another takes its place only when somebody says
  so (`center keys --replace ROLE`).  A file that is gone, or that is another key's, is never papered over:
  docks would go on trusting the old one, and what is signed with the new one would deliver nothing.
- A key may be prepared (`--prepare ROLE`): it waits beside the one in force until docks know both, and is
  what `--replace` puts in force then; so nothing that is signed meets a dock that does not know the key.
- A retired key still verifies what it signed, unless it was distrusted; nothing is signed with it.
- A catalogue from before this book takes the files' keys, if the receipts in it bear them out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

from center.catalogue import database, recordings
from center.catalogue import keys as known
from center.catalogue.keys import KnownKey
from center.errors import BadFolder
from center.office import utc_now
from center.platform import ROLES, PlatformKeys
from center.settings import Folder
from uplink import envelope, keyfiles
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role, SigningKey
from uplink.messages.receipt import Receipt


def load(folder: Folder, platform: str) -> PlatformKeys:
    """Read the keys in force.

    Raises BadKey where a file is missing, open to others, or another key than docks were told; BadFolder.
    """
    keys = _read(folder, platform)
    connection = database.open_for_writing(folder)  # a catalogue of an older version has no such tables yet
    try:
        _check_platform(folder, connection, platform)
        _check(folder, keys, known.every(connection), connection)
    finally:
        connection.close()
    return keys


def load_or_make(
    folder: Folder, platform: str, replace: Collection[Role] = (), *, distrust: bool = False
) -> tuple[PlatformKeys, list[Role]]:
    """Read the keys, make those that never were, and note them.  Returns (keys, the roles whose key is new).

    `replace`: roles whose key, prepared, as it is in the folder or made now, stands in place of the one in
    force;
    `distrust`: what that one signed does not count any more.  Raises BadKey, BadFolder.
    """
    folder.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = database.open_for_writing(folder)
    try:
        _check_platform(folder, connection, platform)
        in_force = _in_force(known.every(connection))
        for role in ROLES:
            if role not in replace and not _file(folder, role).exists():
                _must_be_new(folder, connection, role, in_force.get(role))
        for role in replace:
            if _next_file(folder, role).exists():
                keyfiles.replace(_file(folder, role), _next_file(folder, role))
        made = [role for role in ROLES if SigningKey.load_or_make(_file(folder, role))[1]]
        keys = _read(folder, platform)
        with database.writing(connection):
            known.set_platform(connection, platform)
            for role in ROLES:
                key = keys.by_role[role]
                if role in replace and role in in_force and in_force[role].key_id == key.key_id:
                    raise BadKey(
                        f"{_file(folder, role)} is the key in force: move it away, and a new one is made"
                    )
                if role in replace or (role not in in_force and _borne_out(connection, keys, role)):
                    known.put_in_force(
                        connection, role, key.key_id, key.public.hex(), utc_now(), distrust=distrust
                    )
        _check(folder, keys, known.every(connection), connection)
    finally:
        connection.close()
    return keys, made


def prepare(folder: Folder, platform: str, roles: Collection[Role]) -> None:
    """Make keys that are to replace those in force, beside them.  Raises BadKey, BadFolder, OSError."""
    load(folder, platform)  # what is not sound now is not to be replaced in silence
    for role in roles:
        SigningKey.load_or_make(_next_file(folder, role))


def coming(folder: Folder) -> dict[str, str]:
    """Return the public halves (hex) of keys that were prepared, by role.  Raises BadKey."""
    files = {role: _next_file(folder, role) for role in ROLES}
    return {role.value: SigningKey.load(file).public.hex() for role, file in files.items() if file.exists()}


def ring(folder: Folder, platform: str) -> KeyRing:
    """Return the keys by which what is kept is verified: those in force and the retired.

    Raises BadFolder; BadKey where the catalogue knows none and the files cannot be read.
    """
    with database.reading(folder) as connection:
        book = [key for key in known.every(connection) if not key.distrusted]
    if not book:
        return _read(folder, platform).ring()
    return KeyRing(KeyRecord(bytes.fromhex(key.public), key.role, platform) for key in book)


def retired(folder: Folder) -> dict[str, list[str]]:
    """Return the public halves (hex) of retired keys that still count, by role.  Raises BadFolder."""
    found: dict[str, list[str]] = {}
    with database.reading(folder) as connection:
        for key in known.every(connection):
            if key.retired_at is not None and not key.distrusted:
                found.setdefault(key.role.value, []).append(key.public)
    return found


def _read(folder: Folder, platform: str) -> PlatformKeys:
    try:
        return PlatformKeys(platform, {role: SigningKey.load(_file(folder, role)) for role in ROLES})
    except BadKey as e:
        raise BadKey(
            f"{e}. Put it back from the backup of {folder.keys}; a new center makes its keys with"
            " `bodydock center keys`"
        ) from None


def _check(
    folder: Folder, keys: PlatformKeys, book: Sequence[KnownKey], connection: sqlite3.Connection
) -> None:
    in_force = _in_force(book)
    for role, key in keys.by_role.items():
        if role in in_force:
            if in_force[role].key_id != key.key_id:
                raise BadKey(_another(folder, in_force[role], key.key_id, book))
        elif not _borne_out(connection, keys, role):
            raise BadKey(
                f"{_file(folder, role)} is not the key that signed this center's receipts: put that one back."
                f" If it is lost for good: `bodydock center keys --replace {role.value}`"
            )


def _check_platform(folder: Folder, connection: sqlite3.Connection, platform: str) -> None:
    """A platform keeps its id for ever: under another one docks refuse what it signs, and chains fork."""
    held = known.platform(connection)
    if held is None and (newest := recordings.newest_receipt(connection)) is not None:
        held = Receipt.parse(envelope.peek(newest, "receipt")).platform
    if held is not None and held != platform:
        raise BadFolder(
            f"{folder.settings} says id = {platform!r}, and everything in {folder.root} is of platform"
            f" {held!r}: put id = {held!r} back. Another platform needs a folder of its own"
            " (`bodydock center init`)"
        )


def _borne_out(connection: sqlite3.Connection, keys: PlatformKeys, role: Role) -> bool:
    """Whether nothing in the catalogue contradicts that this key was in force all the time."""
    if role is not Role.RECEIPT:
        return True
    newest = recordings.newest_receipt(connection)
    return newest is None or signed_by(newest, keys)


def signed_by(receipt: bytes, keys: PlatformKeys) -> bool:
    """Whether a kept receipt verifies under the receipt key in force."""
    try:
        envelope.unseal(receipt, "receipt", keys.ring(), Role.RECEIPT)
    except Refused:
        return False
    return True


def _in_force(book: Sequence[KnownKey]) -> dict[Role, KnownKey]:
    return {key.role: key for key in book if key.retired_at is None}


def _file(folder: Folder, role: Role) -> Path:
    return folder.keys / f"{role.value}.pem"


def _next_file(folder: Folder, role: Role) -> Path:
    return folder.keys / f"{role.value}-next.pem"


def _must_be_new(folder: Folder, connection: sqlite3.Connection, role: Role, held: KnownKey | None) -> None:
    signed = role is Role.RECEIPT and recordings.newest_receipt(connection) is not None
    if held is None and not signed:
        return
    which = f" (key {held.key_id[:16]})" if held is not None else ""
    raise BadKey(
        f"{_file(folder, role)} is gone, and docks trust it{which}: put it back from a backup. If it is lost"
        f" for good: `bodydock center keys --replace {role.value}`, and then every dock needs the new"
        " [platform] table before it believes anything that is signed with the new key"
    )


def _another(folder: Folder, wanted: KnownKey, found: str, book: Sequence[KnownKey]) -> str:
    before = any(key.key_id == found for key in book if key.role is wanted.role)
    what = "a key that was replaced before" if before else "another key"
    return (
        f"{_file(folder, wanted.role)} is {what} ({found[:16]}), docks were told of {wanted.key_id[:16]}"
        f" (since {wanted.since[:10]}): put that one back. To have this one count from now on:"
        f" `bodydock center keys --replace {wanted.role.value}`, and give every dock the new [platform] table"
    )

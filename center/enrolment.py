"""Taking a dock in (trust.md, Enrolment; Dock id and key are one to one for ever).

- The envelope that `bodydock identity` prints is signed by the key it names; that alone proves
  nothing: a person compares the fingerprint, or a script brings it.
- Another key for a known dock, and a known key under another id, are refused; so are keys of small
  order (one verifies any message).  A key that was rolled brings the signed way from the key that is known.
- A dock whose key was rolled before it is taken in (a platform that was restored, or begun anew) is taken in
  with its first key: its chain begins with that, and rolls it by its own events.
- The certificate for the broker is made for the key in the request that the signed identity carries, under
  the name that was enrolled; nothing else of the request counts.
- A fork is ended by a person, who is kept with the time and what was ended.
- The same identity again changes nothing but the broker's entries, which are written anew.
"""

from __future__ import annotations

import base64
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from center import acl, ca, people
from center.catalogue import database, docks, events, settling
from center.errors import NotEnrolled
from center.office import utc_now
from center.platform import dock_record, grouped
from center.settings import Folder, Settings
from uplink import envelope, tlskey
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.identity import Identity
from uplink.rolls import Roll, read_line, read_roll


@dataclass(frozen=True)
class Applicant:
    """A dock that asks to be taken in: what it says, its key, and its envelope as received.

    `rolls`: how it came to this key at the platform in its settings, oldest first.
    """

    identity: Identity
    key: KeyRecord
    raw: bytes
    rolls: tuple[Roll, ...] = ()

    @property
    def first_key(self) -> KeyRecord:
        return self.rolls[0].before if self.rolls else self.key

    @property
    def keys(self) -> list[str]:
        """The ids of all its keys, oldest first."""
        return [*(roll.before.key_id for roll in self.rolls), self.key.key_id]


def read(raw: bytes, source: str) -> Applicant:
    """Verify an identity.  Raises NotEnrolled."""
    try:
        raw = raw.strip()
        payload = envelope.peek(raw, "identity")
        identity = Identity.parse(payload)
        key = dock_record(identity.dock, bytes.fromhex(identity.public))
        envelope.unseal(raw, "identity", KeyRing([key]), Role.DOCK)
        rolls = _rolls(identity, key)
    except (Refused, BadKey) as e:
        raise NotEnrolled(
            f"{source} is no identity of a dock: {e}. Print it anew: `bodydock identity`"
        ) from None
    return Applicant(identity, key, raw, rolls)


def _rolls(identity: Identity, key: KeyRecord) -> tuple[Roll, ...]:
    """Verify what an identity says of the keys before.  Raises Refused."""
    if not identity.rolled:
        return ()
    raws = [envelope.dump(one) for one in identity.rolled]
    platform = read_roll(raws[0], identity.dock).event.platform
    return tuple(read_line(raws, identity.dock, platform, key))


def same_fingerprint(given: str, key: KeyRecord) -> bool:
    """Return whether `given` (hex; spaces and colons are for the eye) is the whole key id."""
    return re.sub(r"[\s:]", "", given).lower() == key.key_id


def take_in(folder: Folder, settings: Settings, applicant: Applicant) -> bool:
    """Write the dock's record and the broker's entries; False where it was enrolled already.

    Raises NotEnrolled, BadFolder, OSError.
    """
    identity = applicant.identity
    connection = database.open_for_writing(folder)
    try:
        with folder.locked("acl"), database.writing(connection):
            held = docks.find(connection, identity.dock)
            _check_platform(applicant, settings.id)
            _check_one_to_one(held, _by_any_key(connection, applicant), applicant)
            if held is None:
                docks.add(
                    connection, applicant.first_key, identity.site, identity.host, applicant.raw, utc_now()
                )
            # Within the transaction: no record without its entries.
            acl.write(folder, settings, docks.every(connection))
    finally:
        connection.close()
    return held is None


def certify(folder: Folder, applicant: Applicant) -> ca.Issued:
    """Issue the certificate of an enrolled dock.  Raises NotEnrolled, BadAuthority, BadKey, OSError."""
    identity = applicant.identity
    if identity.tls_request is None:
        raise NotEnrolled(
            f"the identity of {identity.dock} carries no certificate request: print it anew with a newer "
            "`bodydock identity`"
        )
    with database.reading(folder) as connection:
        held = docks.find(connection, identity.dock)
        _check_one_to_one(held, _by_any_key(connection, applicant), applicant)
        if held is None:
            raise NotEnrolled(f"dock {identity.dock} is not enrolled: a certificate would serve nobody")
    public = tlskey.requested_key(base64.b64decode(identity.tls_request))
    return ca.load(folder.ca).client(f"{identity.site}/{identity.dock}", public)


def settle(folder: Folder, dock: str, person: str, login: str) -> settling.Settling | None:
    """End a fork or `cloned` of a dock by a person's decision, and keep who decided and when.

    `person`: who decides; `login`: the Unix user who asks.  None where there was nothing to end.
    Raises NotEnrolled, BadPerson.
    """
    person = people.checked_name(person)
    connection = database.open_for_writing(folder)
    try:
        with database.writing(connection):
            held = docks.find(connection, dock)
            if held is None:
                raise NotEnrolled(f"no dock {dock} is enrolled: see `bodydock center docks list`")
            docks.set_cloned(connection, dock, False)
            beside = events.settle(connection, dock)
            if not beside and not held.cloned:
                return None
            done = settling.Settling(person, login, utc_now().isoformat(), beside, held.cloned)
            settling.add(connection, dock, done)
            return done
    finally:
        connection.close()


def read_source(file: str, standard_input: bytes | None) -> bytes:
    """Return the bytes of FILE, or of standard input for `-`.  Raises NotEnrolled."""
    if standard_input is not None:
        return standard_input
    try:
        with Path(file).open("rb") as f:
            return f.read(1024 * 1024)
    except OSError as e:
        raise NotEnrolled(f"{file} cannot be read: {e.strerror}") from None


def _by_any_key(connection: sqlite3.Connection, applicant: Applicant) -> docks.Dock | None:
    """Return the dock that has, or had, one of the applicant's keys: another one than itself, if there is."""
    owners = [docks.by_key(connection, key) for key in applicant.keys]
    known = [owner for owner in owners if owner is not None]
    return next((o for o in known if o.dock != applicant.identity.dock), known[0] if known else None)


def _check_platform(applicant: Applicant, platform: str) -> None:
    if applicant.rolls and applicant.rolls[0].event.platform != platform:
        raise NotEnrolled(
            f"its key was rolled at platform {applicant.rolls[0].event.platform}, not {platform}: print the"
            " identity anew with this platform in the dock's settings"
        )


def _check_one_to_one(of_dock: docks.Dock | None, of_key: docks.Dock | None, applicant: Applicant) -> None:
    identity, key = applicant.identity, applicant.key
    if of_key is not None and of_key.dock != identity.dock:
        raise NotEnrolled(f"this key is enrolled as dock {of_key.dock}: a key belongs to one dock for ever")
    if of_dock is None:
        return
    if key.key_id in {before.key_id for before in of_dock.before}:
        raise NotEnrolled(
            f"the key of dock {identity.dock} was rolled since this was printed: print it anew with"
            " `bodydock identity`; a dock that was restored from before that: docs/keys.md"
        )
    if of_dock.key.key_id not in applicant.keys:
        raise NotEnrolled(
            f"dock {identity.dock} is enrolled with another key ({grouped(of_dock.key.key_id)[:19]} …): "
            "a dock's key changes only by `bodydock identity roll`; one that lost its key gets a new id"
        )
    if of_dock.site != identity.site:
        raise NotEnrolled(
            f"dock {identity.dock} is enrolled for site {of_dock.site}, not {identity.site}: "
            "dock ids are unique over the platform"
        )

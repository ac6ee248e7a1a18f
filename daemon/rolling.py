"""Another key in the place of the dock's (`bodydock identity roll`).

Three steps, each durable before the next; a kill between them leaves one key in force, and the chain whole:

1. the new key is kept beside the old one: nothing is changed yet, and the next roll draws another;
2. `key_rolled`, signed by both, is committed: from here on the new key is in force;
3. the new key's file takes the old one's place; where a kill prevents it, the next start does (`identity`).

With the third step the old private key is gone.  What it signed counts for ever.

- `forgotten`: a copy of before a roll gets the key back that it was rolled to.  What was signed since with
  the old one, and not receipted, no platform will take: those recordings get revision 1 anew, under the new
  key, as after an enrolment; the revisions stay, put aside.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from daemon import keyline
from daemon.custody import Custody, check_identity, sideline
from daemon.errors import CannotRoll
from daemon.identity import CREDENTIAL, credential_given, finish_roll
from daemon.settings import Settings
from daemon.store import Store, Transaction
from uplink.keys import SigningKey
from uplink.messages import Actor, ChainPoint

_LOG = logging.getLogger(__name__)
MAX_REASON = 2048


@dataclass(frozen=True)
class Rolled:
    """What a roll did.  `elsewhere`: platforms that know this dock by a key of before, and never learn of it.

    `again`: recordings that are signed anew.  `credential`: systemd still hands the old key over.
    """

    dock: str
    before: str
    key: str
    at: ChainPoint
    elsewhere: tuple[str, ...]
    again: int
    credential: bool


def roll(
    store: Store,
    custody: Custody,
    settings: Settings,
    actor: Actor,
    *,
    reason: str = "",
    forgotten: Path | None = None,
) -> Rolled:
    """Roll the dock's key.  `forgotten`: the file of the key that this copy was rolled to in another life.

    Raises CannotRoll, WrongKey, uplink.BadKey, StoreFull, OSError.
    """
    with custody.rolling:
        old = custody.identity
        _check(store, custody, settings)
        key = _waiting_key(store, settings, custody, forgotten)
        try:
            with store.write() as tx:
                at = custody.roll(tx, key, reason[:MAX_REASON], actor)
                again = _sign_anew(tx, old.platform) if forgotten is not None else 0
        except BaseException:
            # A commit may fail and have happened all the same: the chain says which key is in force.
            if keyline.in_force(store, old.dock) != key.key_id:
                custody.identity = old
            raise
        finish_roll(settings, key.key_id)
    _LOG.warning("dock %s: key %s is in force, %s is gone", old.dock, key.key_id, old.key.key_id)
    elsewhere = store.rows(
        "SELECT DISTINCT platform FROM epochs WHERE dock = ? AND platform <> ? AND platform <> 'local'"
        " ORDER BY platform",
        (old.dock, old.platform),
    )
    return Rolled(
        old.dock,
        old.key.key_id,
        key.key_id,
        at,
        tuple(row["platform"] for row in elsewhere),
        again,
        credential_given(),
    )


def _check(store: Store, custody: Custody, settings: Settings) -> None:
    identity = custody.identity
    if identity.dock != settings.dock.id:
        raise CannotRoll(
            f"this is a copy of dock {settings.dock.id} on another board: its key is not used here"
            " (docs/restore.md)"
        )
    enrolled = keyline.enrolled_with(store, identity.platform, identity.dock)
    if enrolled is None:
        raise CannotRoll(
            f"dock {identity.dock} has signed nothing for {identity.platform} yet: start it once"
            " (`bodydock run`)"
        )
    check_identity(store, identity)


def _waiting_key(store: Store, settings: Settings, custody: Custody, forgotten: Path | None) -> SigningKey:
    """Return the new key, kept durably beside the old one."""
    identity, waiting = custody.identity, settings.next_key_file
    finish_roll(settings, keyline.in_force(store, identity.dock))  # what could not be finished before
    key = SigningKey.draw() if forgotten is None else SigningKey.load(forgotten)
    if key.key_id in {identity.key.key_id, *identity.keys_before}:
        raise CannotRoll(f"{forgotten} holds a key that this dock had before: a key never comes back")
    waiting.parent.mkdir(exist_ok=True, mode=0o700)
    waiting.unlink(missing_ok=True)  # begun once, and never in force
    key.keep(waiting)
    return key


def _sign_anew(tx: Transaction, platform: str) -> int:
    """Have what the platform did not receipt begin at revision 1 again; what was signed is put aside."""
    waiting = (
        "platform = ?1 AND recording IN"
        " (SELECT recording FROM manifests WHERE platform = ?1 AND receipted = 0)"
    )
    rows = tx.rows(f"SELECT DISTINCT recording FROM manifests WHERE {waiting}", (platform,))
    sideline(tx, waiting, (platform,))
    for row in rows:
        tx.execute(
            "UPDATE recordings SET revision = 0, manifest = NULL, delivered_revision = 0, failure = NULL,"
            " retry_at = '' WHERE recording = ?",
            (row["recording"],),
        )
    return len(rows)


def what_to_do(done: Rolled, settings: Settings) -> list[str]:
    """Return what is left to a person."""
    told = [
        f"back up {settings.key_file} now: a copy of before this knows only the key that is gone"
        " (docs/keys.md)"
    ]
    if settings.platform is not None:
        told.append(
            f"platform {settings.platform.id} learns of it from the chain, without anybody's doing"
            " (`bodydock center docks list` shows the new key)"
        )
    if settings.broker is not None and settings.broker.certificate is not None:
        told.append(
            "the certificate for the broker has a key of its own and stays; to change that too: docs/keys.md"
        )
    if done.credential:
        told.append(
            f"systemd still hands the old key over: put {settings.key_file} in the place of the credential"
            f" {CREDENTIAL} and take it away from there (docs/keys.md)"
        )
    if done.elsewhere:
        told.append(
            f"{', '.join(done.elsewhere)} knew this dock by the key that is gone: to go back there it needs"
            " a new id"
        )
    if done.again:
        told.append(f"{done.again} recordings are signed anew, under this key")
    return told

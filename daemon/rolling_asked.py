"""Who may roll the dock's key, and the answer they get: over the control socket, or with the daemon down."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from daemon.acts.people import actor_of
from daemon.clock import DockClock
from daemon.control import Asker, Handler
from daemon.custody import Custody
from daemon.errors import CannotRoll, NotRunning
from daemon.identity import load_identity
from daemon.lineage.board import as_copy, copied_from
from daemon.parts import Parts
from daemon.rolling import roll, what_to_do
from daemon.settings import Settings
from daemon.store import Store
from daemon.store.database import from_text
from uplink.errors import BadKey


def roll_handler(parts: Parts, wake: Callable[[], None]) -> Handler:
    """Return the handler of the verb `roll`: for root and for whom the daemon runs as."""

    def asked(asker: Asker, args: dict[str, Any]) -> dict[str, Any]:
        if asker.uid not in (0, os.geteuid()):
            raise CannotRoll(
                "只有本机管理员能更换密钥。 Only root, or the user that the daemon runs as, may roll"
                " the dock's key"
            )
        reason, forgotten = str(args.get("reason", "")), args.get("forgotten")
        try:
            done = _done(parts.store, parts.custody, parts.settings, asker.uid, reason, forgotten)
        except (BadKey, OSError) as error:
            raise CannotRoll(
                f"{error}: the dock itself has to read and write key files; as root, with the dock stopped,"
                " this command does it in its place"
            ) from None
        wake()
        return done

    return asked


def roll_at_rest(settings: Settings, reason: str, forgotten: str | None) -> dict[str, Any]:
    """Roll the key while no daemon runs.

    Raises NotRunning (there is no store), StoreBusy, CannotRoll, WrongKey, uplink.BadKey, OSError.
    """
    if not settings.store_file.exists():
        raise NotRunning(
            f"no store at {settings.store_file}: this dock was never started, and its key has signed nothing"
        )
    store = Store(settings.store_file)
    try:
        identity = load_identity(settings)
        if copied_from(store, identity) is not None:
            identity = as_copy(settings, identity)
        custody = Custody(
            identity, DockClock(floor=from_text(store.value("SELECT max(made_at) FROM events")))
        )
        return _done(store, custody, settings, os.getuid(), reason, forgotten)
    finally:
        store.close()


def _done(
    store: Store, custody: Custody, settings: Settings, uid: int, reason: str, forgotten: object
) -> dict[str, Any]:
    file = Path(forgotten) if isinstance(forgotten, str) else None
    actor = actor_of(uid, settings.people)
    done = roll(store, custody, settings, actor, reason=reason, forgotten=file)
    told = {"to_do": what_to_do(done, settings), "by": actor.model_dump()}
    return asdict(done) | {"at": done.at.model_dump()} | told

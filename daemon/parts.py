"""What is opened before anything runs: the store, the key, the chain, the vault."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.clock import DockClock
from daemon.counters import Counters
from daemon.custody import Custody, enrol
from daemon.identity import load_identity
from daemon.ingest.ledger import Ledger
from daemon.ingest.recover import recover_orphans, tidy_partials
from daemon.lineage.board import as_copy, copied_from, what_to_do
from daemon.registry_files import take_files
from daemon.reserve import Reserve
from daemon.settings import Settings
from daemon.store import Store
from daemon.store.database import from_text
from daemon.vault import Vault
from dock.profiles import Profiles, load_profiles
from uplink.messages.base import LOCAL

_LOG = logging.getLogger(__name__)
_OTHERS = "SELECT DISTINCT platform FROM epochs WHERE platform NOT IN (?, ?) ORDER BY platform"


@dataclass(frozen=True)
class Parts:
    """What is opened before anything runs.

    `copy_of`: this is a copy of that dock, on another board.  `wrong_files`: what is wrong with registries
    from files.
    """

    settings: Settings
    store: Store
    custody: Custody
    vault: Vault
    ledger: Ledger
    profiles: Profiles
    counters: Counters
    reserve: Reserve
    copy_of: str | None = None
    wrong_files: Sequence[str] = ()


def open_parts(settings: Settings) -> Parts:
    """Open the store, the key and the vault; enrol; mend what a kill left behind.

    Raises StoreBusy, WrongKey, uplink.BadKey, dock.ProfileError, OSError.
    """
    profiles = load_profiles(settings.profiles)
    reserve = Reserve(settings.reserve_file, settings.vault.reserve_bytes)
    reserve.release_if_tight()
    store = Store(settings.store_file)
    try:
        return _opened(settings, store, reserve, profiles)
    except BaseException:
        store.close()  # or nobody else could open it as long as this process lives
        raise


def _opened(settings: Settings, store: Store, reserve: Reserve, profiles: Profiles) -> Parts:
    store.when_full(reserve.release)
    last = store.value("SELECT max(made_at) FROM events")
    identity = load_identity(settings)
    copy_of = copied_from(store, identity)
    if copy_of is not None:
        _LOG.error("%s", what_to_do(copy_of, settings.key_file))
        identity = as_copy(settings, identity)
    custody = Custody(identity, DockClock(floor=from_text(last)))
    platform = settings.platform if copy_of is None else None
    if enrol(store, custody, platform.records() if platform else []):
        _LOG.info("dock %s enrolled with platform %s", identity.dock, identity.platform)
        before = [row["platform"] for row in store.rows(_OTHERS, (identity.platform, LOCAL))]
        if before:
            _LOG.warning(
                "this dock was enrolled with platform %s before: everything goes to %s from the first on; if"
                " that is a slip, stop it and put [platform] id back",
                ", ".join(before),
                identity.platform,
            )
    wrong_files = take_files(store, custody.clock, settings)
    vault, ledger = Vault(settings.vault_folder), Ledger(store, custody)
    vault.prepare()
    unknown = recover_orphans(store, ledger, vault, profiles) + tidy_partials(store, vault)
    counters = Counters(store)
    for _ in range(unknown):
        counters.count("vault.unknown_file")
    return Parts(settings, store, custody, vault, ledger, profiles, counters, reserve, copy_of, wrong_files)

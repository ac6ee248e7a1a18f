"""A newer registry snapshot tags what is untagged; each changed tag makes a revision."""

from __future__ import annotations

from daemon.custody import Custody
from daemon.registries import load_registries, versions
from daemon.revisions import revise
from daemon.stages.first import tag_facts, tag_of
from daemon.stages.guard import Guard
from daemon.store import Store
from daemon.tagging import Registries, tag
from daemon.tagrules import TagRules

BATCH = 100


class RetagStage:
    """Looks at recordings whose tag was made with other snapshots than today's."""

    def __init__(self, store: Store, custody: Custody, rules: TagRules | None = None) -> None:
        self._rules = rules
        self._store = store
        self._custody = custody
        self._guard = Guard(store, custody.clock)

    def step(self) -> bool:
        """Do some.  Returns whether there was anything to do."""
        today = versions(self._store)
        rows = self._store.rows(
            "SELECT * FROM recordings WHERE revision > 0 AND (registries < ? OR registries > ?)"
            " AND work_retry_at <= ? ORDER BY stored_at LIMIT ?",
            (today, today, self._guard.now, BATCH),
        )
        if not rows:
            return False
        registries = load_registries(self._store)
        for row in rows:
            with self._guard.recording(row["recording"]):
                self._retag(row["recording"], registries)
        return True

    def _retag(self, recording: str, registries: Registries) -> None:
        with self._store.write() as tx:  # read within it: a person may have tagged since the batch was read
            row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
            assert row is not None
            before = tag_of(row)
            made = tag(tag_facts(row, None), before, registries, self._rules)
            if made != before:
                revise(tx, self._custody, recording, made, registries.versions, None)
                return
            tx.execute(
                "UPDATE recordings SET registries = ? WHERE recording = ?", (registries.versions, recording)
            )

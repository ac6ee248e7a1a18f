"""What there is to send, and how far it has come: the outgoing half of the desk."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from daemon.custody import Custody
from daemon.desk.urgency import Urgency
from daemon.lineage.chain import NEVER
from daemon.store import Row, Store
from daemon.store.database import to_text
from daemon.vault import Vault, extension_of
from uplink.desk import OutgoingEvent, OutgoingFile, OutgoingManifest
from uplink.ids import file_id
from uplink.messages import ChainPoint

_FIRST_RETRY_S = 10.0
# What a camera, a person or the inspection has marked (mqtt.md, order of sending).
_FLAGGED = (
    "marked OR coalesce(verdict, '') = 'violation' OR json_extract(tag, '$.long_term') IS NOT NULL"
    " OR coalesce(json_array_length(tag, '$.marks'), 0) > 0"
)
# By which day the first of its cases has to be archived (article 16; `urgency.py`), those without one last.
_WAITING = "state IN ('stored', 'sending') AND revision > 0 AND cleared_at IS NULL AND damaged IS NULL"
_NEXT = (
    "WITH due AS (SELECT key AS name, value AS day FROM json_each(:days)),"
    " pressing AS (SELECT recording AS pressed, min(due.day) AS archive_by"
    f" FROM (SELECT * FROM recordings WHERE {_WAITING} AND tag IS NOT NULL), json_each(tag, '$.cases') c"
    " JOIN due ON due.name = json_extract(c.value, '$.case') GROUP BY recording)"
    " SELECT r.* FROM recordings r LEFT JOIN pressing ON pressed = recording"
    f" WHERE {_WAITING} AND retry_at <= :now"
    f" ORDER BY holds = '[]', ({_FLAGGED}) AND :marked_first DESC, archive_by IS NULL, archive_by, stored_at"
    " LIMIT :limit"
)
LAST_RETRY_S = 300.0


class Outgoing:
    """Reads from the store what the link is to send, and notes what became of it."""

    def __init__(self, store: Store, custody: Custody, vault: Vault, zone: ZoneInfo) -> None:
        self._store = store
        self._urgency = Urgency(store, zone)
        self._custody = custody
        self._vault = vault
        self._platform = custody.identity.platform
        self.marked_first = True

    def events_after(self, at: ChainPoint | None, limit: int) -> list[OutgoingEvent]:
        start = None
        if at is not None:
            start = self._store.row("SELECT place, n FROM events WHERE event = ?", (at.head,))
        place, n = (start["place"], start["n"]) if start else (-1, -1)
        rows = self._store.rows(
            "SELECT v.n, v.event, v.raw, e.epoch FROM events v JOIN epochs e USING (place)"
            " WHERE e.platform = ? AND e.dock = ? AND (v.place, v.n) > (?, ?)"
            " ORDER BY v.place, v.n LIMIT ?",
            (self._platform, self._custody.identity.dock, place, n, limit),
        )
        return [
            OutgoingEvent(ChainPoint(epoch=r["epoch"], n=r["n"], head=r["event"]), r["raw"]) for r in rows
        ]

    def waiting_manifests(self, limit: int) -> list[OutgoingManifest]:
        now = self._custody.clock.now()
        with self._store.write() as tx:
            rows = tx.rows(
                "SELECT * FROM manifests WHERE platform = ? AND receipted = 0 AND retry_at <= ?"
                " ORDER BY retry_at, made_at, revision LIMIT ?",
                (self._platform, to_text(now), limit),
            )
            for row in rows:
                tx.execute(
                    "UPDATE manifests SET tries = tries + 1, retry_at = ? WHERE manifest = ?",
                    (to_text(now + _backoff(row["tries"])), row["manifest"]),
                )
        return [_outgoing(row) for row in sorted(rows, key=lambda r: (r["made_at"], r["revision"]))]

    def newest_manifest(self, recording: str) -> OutgoingManifest | None:
        row = self._store.row(
            "SELECT * FROM manifests WHERE platform = ? AND recording = ? ORDER BY revision DESC LIMIT 1",
            (self._platform, recording),
        )
        return _outgoing(row) if row else None

    def report(self, digest: str) -> bytes | None:
        body = self._store.value("SELECT body FROM reports WHERE report = ?", (digest,))
        return bytes(body) if body is not None else None

    def next_file(self, busy: frozenset[str]) -> OutgoingFile | None:
        moment = self._custody.clock.now()
        days = self._urgency.days(moment)
        with self._store.write() as tx:
            rows = tx.rows(
                _NEXT,
                {
                    "days": days,
                    "now": to_text(moment),
                    "marked_first": self.marked_first,
                    "limit": len(busy) + 1,
                },
            )
            row = next((row for row in rows if row["recording"] not in busy), None)
            if row is None:
                return None
            tx.execute("UPDATE recordings SET state = 'sending' WHERE recording = ?", (row["recording"],))
        return OutgoingFile(
            recording=row["recording"],
            file_id=file_id(
                self._platform,
                self._custody.identity.file_key,
                row["recording"],
                row["sha256"],
                row["attempt"],
            ),
            attempt=row["attempt"],
            path=self._vault.path(row["vault"]),
            extension=extension_of(row["path"]),
            size_bytes=row["size"],
            sha256=row["sha256"],
            manifest=row["manifest"],
            sent_before_bytes=row["sent_bytes"],
        )

    def file_progress(self, recording: str, durable_bytes: int, sent_bytes: int) -> None:
        with self._store.write() as tx:
            tx.execute(
                "UPDATE recordings SET durable_bytes = ?, sent_bytes = ? WHERE recording = ?",
                (durable_bytes, sent_bytes, recording),
            )

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        now = self._custody.clock.now()
        with self._store.write() as tx:
            row = tx.row("SELECT state, failures FROM recordings WHERE recording = ?", (recording,))
            if row is None or row["state"] == "delivered":
                return
            tx.execute(
                "UPDATE recordings SET state = 'stored', failures = failures + 1, failure = ?,"
                " retry_at = max(retry_at, ?), attempt = attempt + ? WHERE recording = ? AND retry_at < ?",
                (
                    reason[:500],
                    to_text(now + _backoff(row["failures"])),
                    int(new_attempt),
                    recording,
                    NEVER,
                ),
            )
            if new_attempt:  # another file_id: nothing of it has gone out; our own copy is read back next
                tx.execute(
                    "UPDATE recordings SET durable_bytes = 0, sent_bytes = 0, checked_at = ''"
                    " WHERE recording = ?",
                    (recording,),
                )


def _outgoing(row: Row) -> OutgoingManifest:
    reports = (row["report"],) if row["report"] else ()
    return OutgoingManifest(row["recording"], row["revision"], row["manifest"], bytes(row["raw"]), reports)


def _backoff(tries: int) -> timedelta:
    return timedelta(seconds=min(LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(tries, 10)))

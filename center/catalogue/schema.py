"""The catalogue's tables, as migrations from the first version on.

Signed things are kept as received (`raw`); the columns beside them are only for finding them.
Times are RFC 3339 UTC text.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("center")

_FIRST = (
    """CREATE TABLE center (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT""",
    """CREATE TABLE docks (
        dock TEXT PRIMARY KEY, site TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, public BLOB NOT NULL,
        alg TEXT NOT NULL, host TEXT, identity BLOB NOT NULL, added_at TEXT NOT NULL,
        head TEXT, cloned INTEGER NOT NULL DEFAULT 0,
        state TEXT, state_at TEXT) STRICT""",
    """CREATE TABLE events (
        dock TEXT NOT NULL REFERENCES docks, digest TEXT NOT NULL, epoch TEXT NOT NULL, n INTEGER NOT NULL,
        prev TEXT, line TEXT NOT NULL, run TEXT NOT NULL, kind TEXT NOT NULL, recording TEXT,
        revision INTEGER, manifest TEXT, raw BLOB NOT NULL, received_at TEXT NOT NULL,
        PRIMARY KEY (dock, digest)) STRICT""",
    """CREATE INDEX events_by_place ON events (dock, epoch, n)""",
    """CREATE INDEX events_by_recording ON events (dock, recording)""",
    """CREATE INDEX events_by_run ON events (dock, run)""",
    """CREATE INDEX events_open ON events (dock) WHERE line = 'branch'""",
    """CREATE TABLE parents (
        dock TEXT NOT NULL, child TEXT NOT NULL, parent TEXT NOT NULL, lost INTEGER NOT NULL,
        PRIMARY KEY (dock, parent, child)) STRICT""",
    """CREATE TABLE recordings (
        dock TEXT NOT NULL REFERENCES docks, recording TEXT NOT NULL, sha256 TEXT NOT NULL,
        size INTEGER NOT NULL, revision INTEGER NOT NULL, manifest TEXT NOT NULL,
        incomplete INTEGER NOT NULL DEFAULT 0, first_at TEXT NOT NULL, stored_at TEXT,
        PRIMARY KEY (dock, recording)) STRICT""",
    """CREATE INDEX recordings_by_bytes ON recordings (sha256)""",
    """CREATE TABLE manifests (
        dock TEXT NOT NULL, recording TEXT NOT NULL, revision INTEGER NOT NULL, digest TEXT NOT NULL,
        raw BLOB NOT NULL, report TEXT, received_at TEXT NOT NULL,
        PRIMARY KEY (dock, recording, revision),
        FOREIGN KEY (dock, recording) REFERENCES recordings DEFERRABLE INITIALLY DEFERRED) STRICT""",
    """CREATE INDEX manifests_by_digest ON manifests (dock, digest)""",
    """CREATE INDEX manifests_by_report ON manifests (dock, report) WHERE report IS NOT NULL""",
    """CREATE TABLE reports (
        dock TEXT NOT NULL, digest TEXT NOT NULL, raw BLOB NOT NULL, named INTEGER NOT NULL,
        received_at TEXT NOT NULL, PRIMARY KEY (dock, digest)) STRICT""",
    """CREATE TABLE receipts (
        dock TEXT NOT NULL, recording TEXT NOT NULL, revision INTEGER NOT NULL, manifest TEXT NOT NULL,
        receipt TEXT NOT NULL, raw BLOB NOT NULL, received_at TEXT NOT NULL,
        PRIMARY KEY (dock, recording, manifest)) STRICT""",
    """CREATE TABLE transfers (
        file_id TEXT PRIMARY KEY, dock TEXT NOT NULL REFERENCES docks, recording TEXT NOT NULL,
        attempt INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
        ranges TEXT NOT NULL, state TEXT NOT NULL, changed_at TEXT NOT NULL) STRICT""",
    """CREATE INDEX transfers_open ON transfers (dock) WHERE state = 'open'""",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, dock TEXT NOT NULL, topic TEXT NOT NULL, code TEXT NOT NULL,
        reason TEXT NOT NULL, sha256 TEXT NOT NULL, raw BLOB NOT NULL, received_at TEXT NOT NULL,
        UNIQUE (dock, topic, sha256)) STRICT""",
    """CREATE TABLE counters (
        name TEXT NOT NULL, dock TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name, dock)) STRICT""",
    """CREATE TABLE registries (
        site TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, raw BLOB NOT NULL,
        rows INTEGER NOT NULL, signed_at TEXT NOT NULL, PRIMARY KEY (site, kind, version)) STRICT""",
)


@MIGRATIONS()
def m001_first(db: Database) -> None:
    for statement in _FIRST:
        db.execute(statement)


@MIGRATIONS()
def m002_voided(db: Database) -> None:
    """Receipts that a person declared void."""
    db.execute(
        """CREATE TABLE voided (
        dock TEXT NOT NULL, recording TEXT NOT NULL, receipt TEXT NOT NULL, raw BLOB NOT NULL,
        received_at TEXT NOT NULL, voided_at TEXT NOT NULL, PRIMARY KEY (dock, receipt)) STRICT"""
    )


@MIGRATIONS()
def m003_surveys(db: Database) -> None:
    """Reconciliations that a person asked for."""
    db.execute(
        """CREATE TABLE surveys (
        id INTEGER PRIMARY KEY, dock TEXT NOT NULL, deep INTEGER NOT NULL, asked_at TEXT NOT NULL,
        done_at TEXT, held INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0) STRICT"""
    )


@MIGRATIONS()
def m004_keys(db: Database) -> None:
    """The platform's own keys: which docks were told of."""
    db.execute(
        """CREATE TABLE platform_keys (
        role TEXT NOT NULL, key_id TEXT NOT NULL, public TEXT NOT NULL, since TEXT NOT NULL,
        retired_at TEXT, distrusted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (role, key_id)) STRICT"""
    )
    db.execute("CREATE INDEX receipts_newest ON receipts (received_at)")


@MIGRATIONS()
def m005_troubles(db: Database) -> None:
    """What a person is to look at; and quarantine in shares, so that a flood pushes nothing out."""
    db.execute(
        """CREATE TABLE troubles (
        name TEXT NOT NULL, dock TEXT NOT NULL, since TEXT NOT NULL, last_at TEXT NOT NULL,
        times INTEGER NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (name, dock)) STRICT"""
    )
    db.execute("ALTER TABLE quarantine ADD COLUMN signed INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE quarantine ADD COLUMN early INTEGER NOT NULL DEFAULT 1")
    db.execute("CREATE INDEX quarantine_shares ON quarantine (dock, signed, early)")


@MIGRATIONS()
def m006_platform(db: Database) -> None:
    """Whose catalogue it is: the platform's id, once and for ever."""
    db.execute("CREATE TABLE platform (id TEXT PRIMARY KEY) STRICT")


@MIGRATIONS()
def m007_settlings(db: Database) -> None:
    """Who ended a fork of a dock's chain, and when."""
    db.execute(
        """CREATE TABLE settlings (
        id INTEGER PRIMARY KEY, dock TEXT NOT NULL REFERENCES docks, person TEXT NOT NULL,
        login TEXT NOT NULL, at TEXT NOT NULL, events_beside INTEGER NOT NULL,
        cloned INTEGER NOT NULL) STRICT"""
    )


@MIGRATIONS()
def m008_dock_keys(db: Database) -> None:
    """Every key that a dock ever had here, in the order of coming into force; `docks` has the newest.

    `event`: the `key_rolled` that brought it; null for the one that was enrolled.
    """
    db.execute(
        """CREATE TABLE dock_keys (
        key_id TEXT PRIMARY KEY, dock TEXT NOT NULL REFERENCES docks, public BLOB NOT NULL, alg TEXT NOT NULL,
        since TEXT NOT NULL, event TEXT) STRICT"""
    )
    db.execute("CREATE INDEX dock_keys_of ON dock_keys (dock)")
    db.execute("INSERT INTO dock_keys SELECT key_id, dock, public, alg, added_at, NULL FROM docks")
    db.execute("ALTER TABLE docks ADD COLUMN rolled INTEGER NOT NULL DEFAULT 0")

"""The store's tables, as migrations from the first version on.

- Rows move by state; facts are only appended (architecture.md: bytes have a state, facts have revisions).
- Raw envelopes are kept as exact bytes; what is beside them is there to be asked for.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from uplink import envelope
from uplink.messages.custody import CustodyEvent
from uplink.messages.receipt import Receipt

migrations = Migrations("bodydock.store")

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE dockings (
    docking TEXT PRIMARY KEY,
    slot INTEGER NOT NULL,
    serial TEXT NOT NULL,
    serial_by TEXT NOT NULL,
    vendor_id TEXT,
    product_id TEXT,
    profile TEXT NOT NULL,
    file_system TEXT,
    volume TEXT,
    attachment TEXT NOT NULL,         -- boot id and disk sequence: the same stay after a restart
    attached_at TEXT NOT NULL,
    listed_count INTEGER,
    listed_bytes INTEGER,
    listing TEXT,
    state TEXT NOT NULL CHECK (state IN ('attached', 'pulling', 'closed', 'removed')),
    ended_at TEXT,
    judged INTEGER NOT NULL DEFAULT 0, -- 1: its shifts had their standard inspection
    work_failure TEXT,
    work_retry_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX dockings_open ON dockings (state) WHERE state IN ('attached', 'pulling');
CREATE INDEX dockings_to_judge ON dockings (attached_at) WHERE judged = 0;

CREATE TABLE files (
    docking TEXT NOT NULL REFERENCES dockings (docking),
    idx INTEGER NOT NULL,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified_at TEXT,
    named_at TEXT,
    kind TEXT NOT NULL,
    marked INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('listed', 'stored', 'already', 'explained')),
    reason TEXT,
    detail TEXT,
    recording TEXT,
    PRIMARY KEY (docking, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_path ON files (path, size);

CREATE TABLE recordings (
    recording TEXT PRIMARY KEY,
    docking TEXT NOT NULL REFERENCES dockings (docking),
    idx INTEGER NOT NULL,
    serial TEXT NOT NULL,
    serial_by TEXT NOT NULL,
    path BLOB NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    zero_bytes INTEGER NOT NULL,
    vault TEXT NOT NULL,              -- path below the vault
    stored_at TEXT NOT NULL,
    modified_at TEXT,
    named_at TEXT,
    sequence INTEGER,
    name_officer TEXT,
    marked INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('stored', 'sending', 'delivered')),
    attempt INTEGER NOT NULL DEFAULT 1,
    failures INTEGER NOT NULL DEFAULT 0,
    failure TEXT,                     -- the last one's reason, for people
    retry_at TEXT NOT NULL DEFAULT '',
    durable_bytes INTEGER NOT NULL DEFAULT 0,
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    started_at TEXT,                  -- by the newest report; null where nothing says it
    verdict TEXT,
    fast_report TEXT,
    report TEXT,                      -- the newest
    tag TEXT,                         -- JSON of the wire's Tag
    registries TEXT NOT NULL DEFAULT '', -- versions of the registries the tag was made with
    revision INTEGER NOT NULL DEFAULT 0,
    manifest TEXT,                    -- digest of the newest revision
    delivered_revision INTEGER NOT NULL DEFAULT 0,
    work_failure TEXT,                -- a bug in a stage cost this row its turn
    work_retry_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX recordings_to_send ON recordings (stored_at) WHERE state IN ('stored', 'sending');
CREATE INDEX recordings_new ON recordings (stored_at) WHERE revision = 0;
CREATE INDEX recordings_by_docking ON recordings (docking);
CREATE INDEX recordings_by_registries ON recordings (registries);

CREATE TABLE reports (
    report TEXT PRIMARY KEY,
    depth TEXT NOT NULL,
    body BLOB NOT NULL,
    made_at TEXT NOT NULL
) STRICT;

CREATE TABLE manifests (
    platform TEXT NOT NULL,
    recording TEXT NOT NULL REFERENCES recordings (recording),
    revision INTEGER NOT NULL,
    manifest TEXT NOT NULL UNIQUE,    -- digest
    raw BLOB NOT NULL,
    report TEXT,                      -- a report that travels beside
    made_at TEXT NOT NULL,
    receipted INTEGER NOT NULL DEFAULT 0, -- or a later revision is held: it need not go again
    tries INTEGER NOT NULL DEFAULT 0,
    retry_at TEXT NOT NULL DEFAULT '',
    refusal TEXT,                     -- code and reason of the last refusal
    PRIMARY KEY (platform, recording, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifests_waiting ON manifests (platform, retry_at) WHERE receipted = 0;

CREATE TABLE epochs (
    place INTEGER PRIMARY KEY,        -- order of the epochs of this dock
    epoch TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    place INTEGER NOT NULL REFERENCES epochs (place),
    n INTEGER NOT NULL,
    event TEXT NOT NULL UNIQUE,       -- digest
    kind TEXT NOT NULL,
    recording TEXT,
    docking TEXT,
    made_at TEXT NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (place, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_recording ON events (recording) WHERE recording IS NOT NULL;

CREATE TABLE receipts (
    receipt TEXT PRIMARY KEY,         -- digest
    platform TEXT NOT NULL,
    recording TEXT NOT NULL REFERENCES recordings (recording),
    revision INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    raw BLOB NOT NULL,
    received_at TEXT NOT NULL,        -- the platform's time
    verified_at TEXT NOT NULL,
    signer TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0   -- 1: a `delivered` event names it
) STRICT;
CREATE INDEX receipts_by_recording ON receipts (recording, revision);
CREATE INDEX receipts_to_tell ON receipts (verified_at) WHERE told = 0;

CREATE TABLE registries (
    kind TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    raw BLOB NOT NULL,
    payload BLOB NOT NULL,
    taken_at TEXT NOT NULL
) STRICT;

CREATE TABLE reconciled (
    recording TEXT PRIMARY KEY,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
"""


@migrations()
def first(db: Database) -> None:
    """Everything of version 1."""
    for statement in _FIRST.split(";\n\n"):
        if statement.strip():
            for part in _statements(statement):
                db.execute(part)


_SECOND = (
    # JSON of the wire's Holds in force
    "ALTER TABLE recordings ADD COLUMN holds TEXT NOT NULL DEFAULT '[]'",
    # where it was made, by its tag, and by which place its shift was judged
    "ALTER TABLE recordings ADD COLUMN place TEXT",
    "ALTER TABLE recordings ADD COLUMN judged_place TEXT",
    "CREATE INDEX recordings_to_rejudge ON recordings (stored_at) WHERE place IS NOT judged_place",
    # what wants a person is asked for often, and is rare
    "CREATE INDEX recordings_held ON recordings (stored_at) WHERE holds <> '[]'",
    "CREATE INDEX recordings_torn ON recordings (stored_at) WHERE json_array_length(tag, '$.conflicts') > 0",
    "CREATE INDEX recordings_lacking ON recordings (stored_at)"
    " WHERE json_array_length(tag, '$.findings') > 0",
    # what a `resend` names a receipt by; voided: it counts for nothing any more
    "ALTER TABLE receipts ADD COLUMN id TEXT",
    "ALTER TABLE receipts ADD COLUMN voided INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX receipts_by_id ON receipts (id)",
    """CREATE TABLE commands (
        command TEXT PRIMARY KEY,     -- seen once: whoever asks again gets the answer it got
        verb TEXT NOT NULL,
        raw BLOB NOT NULL,            -- the signed command, as it came
        answer BLOB NOT NULL,         -- the signed answer
        taken_at TEXT NOT NULL
    ) STRICT""",
)


@migrations()
def second(db: Database) -> None:
    """Holds, voided receipts, and the commands that were answered."""
    for statement in _SECOND:
        db.execute(statement)
    for row in db.execute("SELECT receipt, raw FROM receipts").fetchall():
        # A receipt is kept only when it was verified: reading it is enough.
        found = Receipt.parse(envelope.peek(row[1], "receipt")).receipt
        db.execute("UPDATE receipts SET id = ? WHERE receipt = ?", (found, row[0]))


_VAULT = (
    # set in the transaction of its `cleared` event; the bytes go after it (daemon/room.py)
    "ALTER TABLE recordings ADD COLUMN cleared_at TEXT",
    # when the bytes were last read back from the medium and were right; '': not yet
    "ALTER TABLE recordings ADD COLUMN checked_at TEXT NOT NULL DEFAULT ''",
    # what reading back found wrong; the bytes are not sent, and taken from the camera again
    "ALTER TABLE recordings ADD COLUMN damaged TEXT",
    # the platform's time of a reconciliation that does not list it: receipts up to then do not count
    "ALTER TABLE recordings ADD COLUMN forgotten_at TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX recordings_by_check ON recordings (checked_at) WHERE cleared_at IS NULL",
    "CREATE INDEX recordings_to_clear ON recordings (stored_at) WHERE state = 'delivered'"
    " AND cleared_at IS NULL",
    "CREATE INDEX recordings_damaged ON recordings (recording) WHERE damaged IS NOT NULL",
    # reconciliation pages that ended a delivery, as they came
    "CREATE TABLE omissions (page TEXT PRIMARY KEY, at TEXT NOT NULL, raw BLOB NOT NULL) STRICT",
    """CREATE TABLE alarms (
        alarm TEXT NOT NULL,          -- as in docs/alarms.md
        subject TEXT NOT NULL,        -- slot, recording …; '': the dock itself
        since TEXT NOT NULL,
        severity TEXT NOT NULL,
        text TEXT NOT NULL,           -- JSON: zh, en
        cleared_at TEXT,
        PRIMARY KEY (alarm, subject, since)
    ) STRICT""",
    "CREATE INDEX alarms_standing ON alarms (alarm) WHERE cleared_at IS NULL",
)


@migrations()
def vault(db: Database) -> None:
    """Clearing, reading back, a platform that forgot; alarms."""
    for statement in _VAULT:
        db.execute(statement)


_DOCK_SECOND = """
ALTER TABLE dockings ADD COLUMN stay TEXT NOT NULL DEFAULT '';
UPDATE dockings SET stay = docking;
CREATE INDEX dockings_by_camera ON dockings (serial, attached_at);
ALTER TABLE files ADD COLUMN volume INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN known INTEGER NOT NULL DEFAULT 0;

CREATE TABLE volumes (
    docking TEXT NOT NULL REFERENCES dockings (docking),
    volume INTEGER NOT NULL,
    attachment TEXT NOT NULL,         -- boot id and disk sequence: the same medium after a restart
    name TEXT NOT NULL DEFAULT '',
    file_system TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',    -- empty, no_file_system, unreadable
    listing TEXT,
    PRIMARY KEY (docking, volume)
) STRICT, WITHOUT ROWID;
CREATE INDEX volumes_by_attachment ON volumes (attachment);
INSERT INTO volumes (docking, volume, attachment, file_system, label, listing)
    SELECT docking, 0, attachment, coalesce(file_system, ''), coalesce(volume, ''), listing FROM dockings;

CREATE TABLE samples (
    recording TEXT PRIMARY KEY REFERENCES recordings (recording),
    modified_ns INTEGER NOT NULL,     -- as the card's file system said
    seed BLOB NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE INDEX recordings_by_camera ON recordings (serial, path);
"""


@migrations()
def dock_second(db: Database) -> None:
    """A docking has volumes and belongs to a stay; recordings are remembered by samples.

    `dockings.stay`: the docking that the stay began with.  `files.known`: 1 = by samples in the vault.
    """
    for statement in _DOCK_SECOND.split(";\n\n"):
        for part in _statements(statement):
            db.execute(part)


_RESTORED = (
    # whose epoch it is; of one that a restore began: `after`: the head that it goes on from,
    # `restarted_in`: by which run, `seen`: the newest head that was ours by then
    "ALTER TABLE epochs ADD COLUMN dock TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE epochs ADD COLUMN dock_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE epochs ADD COLUMN after TEXT",
    "ALTER TABLE epochs ADD COLUMN restarted_in TEXT",
    "ALTER TABLE epochs ADD COLUMN seen TEXT",
    # 1: no event of this chain commits it; the platform had it of an earlier life
    "ALTER TABLE manifests ADD COLUMN history INTEGER NOT NULL DEFAULT 0",
    # the newest head of each platform that was an event of this chain
    "CREATE TABLE heads (platform TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES events (event)) STRICT",
    """CREATE TABLE sidelined (          -- revisions that this dock signed and its line does not follow from
        platform TEXT NOT NULL,
        recording TEXT NOT NULL REFERENCES recordings (recording),
        revision INTEGER NOT NULL,
        manifest TEXT PRIMARY KEY,
        raw BLOB NOT NULL,
        report TEXT,
        made_at TEXT NOT NULL,
        history INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX sidelined_by_recording ON sidelined (recording)",
)


@migrations()
def restored_dock(db: Database) -> None:
    """Epochs that restart, heads that were ours, revisions that were overtaken."""
    for statement in _RESTORED:
        db.execute(statement)
    opened = "SELECT e.place, v.raw FROM epochs e JOIN events v ON v.place = e.place AND v.n = 0"
    for place, raw in db.execute(opened).fetchall():
        event = CustodyEvent.parse(envelope.peek(raw, "event"))
        key = event.data.get("dock_key", "")  # every epoch so far began with `enrolled`
        db.execute("UPDATE epochs SET dock = ?, dock_key = ? WHERE place = ?", (event.dock, key, place))


@migrations()
def failing(db: Database) -> None:
    """What failed is asked for all the time, and is rare."""
    db.execute("CREATE INDEX recordings_failing ON recordings (work_retry_at) WHERE work_retry_at <> ''")


@migrations()
def deep(db: Database) -> None:
    """`dockings.deepened`: 1 = it was decided whether its shifts get a deep inspection, and they had it."""
    db.execute("ALTER TABLE dockings ADD COLUMN deepened INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX dockings_to_deepen ON dockings (attached_at) WHERE deepened = 0")


@migrations()
def denser(db: Database) -> None:
    """Envelopes in tables with a rowid: in others each row above 1,000 bytes takes a page of its own."""
    db.execute("CREATE TEMP TABLE heads_kept AS SELECT * FROM heads")
    db.execute("DELETE FROM heads")  # they refer to `events`, which is not there for a moment
    for table in ("events", "manifests"):
        _give_rowids(db, table)
    db.execute("INSERT INTO heads SELECT * FROM heads_kept")
    db.execute("DROP TABLE heads_kept")


@migrations()
def left_out(db: Database) -> None:
    """What profiles leave out is counted whenever somebody asks for the dock's status."""
    db.execute("CREATE INDEX files_left_out ON files (docking) WHERE reason = 'left_out'")


def _give_rowids(db: Database, table: str) -> None:
    """Rebuild `table`, which is WITHOUT ROWID, as it is but with them."""
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    indices = db.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type = 'index' AND sql IS NOT NULL", (table,)
    ).fetchall()
    _, body = sql.split("(", 1)
    db.execute(f"CREATE TABLE {table}_dense ({body.replace('STRICT, WITHOUT ROWID', 'STRICT')}")
    db.execute(f"INSERT INTO {table}_dense SELECT * FROM {table}")
    db.execute(f"DROP TABLE {table}")
    db.execute(f"ALTER TABLE {table}_dense RENAME TO {table}")
    for (index,) in indices:
        db.execute(index)


_ACROSS = (
    """CREATE TABLE leavings (            -- deleted entries that a card still showed when it was listed
        docking TEXT NOT NULL REFERENCES dockings (docking),
        idx INTEGER NOT NULL,
        volume INTEGER NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified_at TEXT,
        named_at TEXT,
        sequence INTEGER,
        kind TEXT,
        first_lost INTEGER NOT NULL,
        housekeeping INTEGER NOT NULL,
        PRIMARY KEY (docking, idx)
    ) STRICT, WITHOUT ROWID""",
    # clusters that no file owns; why it is not known, or not all of it
    "ALTER TABLE volumes ADD COLUMN lost_bytes INTEGER",
    "ALTER TABLE volumes ADD COLUMN leavings_note TEXT",
    """CREATE TABLE camera_clocks (        -- the camera's clock minus the dock's, when it was plugged in
        docking TEXT PRIMARY KEY REFERENCES dockings (docking),
        serial TEXT NOT NULL,
        measured_at TEXT NOT NULL,
        least_s REAL NOT NULL,
        most_s REAL,
        basis TEXT NOT NULL,
        synced INTEGER NOT NULL           -- 0: the dock's own clock was not sure
    ) STRICT""",
    "CREATE INDEX camera_clocks_by_camera ON camera_clocks (serial, measured_at)",
)


@migrations()
def across(db: Database) -> None:
    """What cards show of deleted files, and how far cameras' clocks are off."""
    for statement in _ACROSS:
        db.execute(statement)


@migrations()
def quick_answers(db: Database) -> None:
    """Status, list and the next file to send, asked all the time: without reading all that is done."""
    db.execute("CREATE INDEX recordings_newest ON recordings (stored_at DESC, idx DESC)")
    db.execute("CREATE INDEX recordings_sizes ON recordings (state, size)")


@migrations()
def unread(db: Database) -> None:
    """What could not be read is asked for at each step of a stay, and with the dock's status.

    Queries say it in these very words (`daemon.dockings.UNREAD_SQL`), else the index does not serve them.
    """
    unread = "reason IN ('unreadable', 'limit', 'changed')"
    db.execute(f"CREATE INDEX files_unread ON files (docking) WHERE {unread}")


@migrations()
def rules_kept(db: Database) -> None:
    """Rule sets by their digest, and shifts that are to be inspected again for want of one."""
    db.execute("CREATE TABLE rule_sets (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT")
    db.execute("ALTER TABLE recordings ADD COLUMN inspect_again INTEGER NOT NULL DEFAULT 0")


@migrations()
def shared_serials(db: Database) -> None:
    """Serials that were seen in two slots at once."""
    db.execute("CREATE TABLE shared_serials (serial TEXT PRIMARY KEY, seen_at TEXT NOT NULL) STRICT")


@migrations()
def rolled_keys(db: Database) -> None:
    """Which event put another key in the place of this dock's (`daemon.keyline`)."""
    db.execute(
        """CREATE TABLE rolls (
        event TEXT PRIMARY KEY,
        place INTEGER NOT NULL,
        n INTEGER NOT NULL,
        platform TEXT NOT NULL,
        dock TEXT NOT NULL,
        before_key TEXT NOT NULL,
        before_public TEXT NOT NULL,
        dock_key TEXT NOT NULL UNIQUE
    ) STRICT"""
    )


def _statements(block: str) -> list[str]:
    return [part for part in (p.strip() for p in block.split(";\n")) if part]

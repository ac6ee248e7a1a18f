"""The sums of a docking, over the rows of its files.

- listed = stored + already stored + explained; the type of `closed` refuses one that does not come out.
- What is open when a camera leaves is `known`, by its samples in the vault, or `gone`.
"""

from __future__ import annotations

from daemon.store import Store, Transaction
from dock.listing import Reason
from uplink.messages.custody import Closed, Explained, Total


def explain_left(tx: Transaction, docking: str, where: str = "", args: tuple[int, ...] = ()) -> None:
    tx.execute(
        "UPDATE files SET state = 'explained', reason = CASE known WHEN 1 THEN ? ELSE ? END"
        f" WHERE docking = ? AND state = 'listed' {where}",
        (Reason.KNOWN.value, Reason.GONE.value, docking, *args),
    )


def sum_of(tx: Transaction, docking: str) -> Closed:
    """Return what `closed` says.  Raises ValueError (pydantic's) if it does not come out."""
    listed = tx.row("SELECT listed_count, listed_bytes FROM dockings WHERE docking = ?", (docking,))
    assert listed is not None
    reasons = tx.rows(
        "SELECT reason, count(*) AS count, coalesce(sum(size), 0) AS bytes FROM files"
        " WHERE docking = ? AND state = 'explained' GROUP BY reason ORDER BY reason",
        (docking,),
    )
    return Closed(
        docking=docking,
        listed=Total(count=listed["listed_count"], bytes=listed["listed_bytes"]),
        stored=total(tx, docking, "state = 'stored'"),
        already_stored=total(tx, docking, "state = 'already'"),
        explained=[Explained(reason=r["reason"], count=r["count"], bytes=r["bytes"]) for r in reasons],
    )


def in_words(closed: Closed) -> str:
    """Return a docking's sum for the log: `4 files listed, 1 stored, 3 left out`."""
    parts = [f"{closed.listed.count} files listed", f"{closed.stored.count} stored"]
    if closed.already_stored.count:
        parts.append(f"{closed.already_stored.count} stored before")
    return ", ".join([*parts, *(f"{e.count} {e.reason.replace('_', ' ')}" for e in closed.explained)])


def total(tx: Transaction | Store, docking: str, where: str) -> Total:
    """Return how many files of a docking, and bytes, are as `where` (SQL) says."""
    row = tx.row(
        f"SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM files WHERE docking = ? AND {where}",
        (docking,),
    )
    assert row is not None
    return Total(count=row["count"], bytes=row["bytes"])

"""A dock's state folder on another board: pure but for one file (trust.md, Copies of a dock).

- The board is the one that the key's newest `enrolled` names.  Where either is null, nothing is said.
- On another board this is a copy of the dock: its id and key are not used, nothing is sent under them.
- Footage is taken in and signed all the same, as by a dock without a platform (`local`), under an id and a
  key of this board's own.
- A person enrols it: a new id in the settings, the old key moved away.  Back on its own board the dock goes
  on as itself.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.identity import DockIdentity
from daemon.settings import Settings
from daemon.store import Store
from uplink import envelope
from uplink.keys import SigningKey
from uplink.messages import CustodyEvent
from uplink.messages.base import LOCAL
from uplink.messages.custody import Enrolled

_SHOWN = 12


def another_board(recorded: str | None, here: str | None) -> bool:
    """Whether two digests of a board's serial are of two boards."""
    return recorded is not None and here is not None and recorded != here


def copied_from(store: Store, identity: DockIdentity) -> str | None:
    """Return the dock of whose state this is a copy; None: this is the board that the key belongs to."""
    rows = store.rows(
        "SELECT v.raw FROM epochs e JOIN events v ON v.place = e.place AND v.n = 0"
        " WHERE v.kind = 'enrolled' ORDER BY e.place DESC"
    )
    for row in rows:
        event = CustodyEvent.parse(envelope.peek(row["raw"], "event"))
        enrolled = Enrolled.model_validate(event.data)
        if enrolled.dock_key in {identity.key.key_id, *identity.keys_before}:
            return event.dock if another_board(enrolled.host, identity.host) else None
    return None


def as_copy(settings: Settings, identity: DockIdentity) -> DockIdentity:
    """Return who a copy is.  Makes its key where there is none.  Raises uplink.BadKey, OSError."""
    assert identity.host is not None  # or it could not be told from the original
    name = f"copy-{identity.host[:_SHOWN]}"
    key, _ = SigningKey.load_or_make(settings.key_file.with_name(f"{name}.pem"))
    return replace(identity, dock=name, platform=LOCAL, key=key, before=(), enrolled=None)


def what_to_do(dock: str, key_file: object) -> str:
    """Return what people are told."""
    return (
        f"本机是采集站 {dock} 的副本（主板不同）：照常采集，但不上传；请为本机另行登记。"
        f" This is a copy of dock {dock} on another board: footage is taken in, nothing is sent."
        f" Give it an id of its own (dock.id in the settings), move {key_file} away, start it again and"
        " have it enrolled (`bodydock identity`, then `bodydock center docks add`)"
    )

"""The rule sets that reports name, kept so that a shift can be judged again by the one it was judged by.

- The one in force is kept before a report made with it is; a kept one never changes (its digest is its name).
- One that this version cannot read any more is as good as lost: whoever asks has to have the shift inspected.
"""

from __future__ import annotations

import hashlib
import logging
from importlib.resources import files
from pathlib import Path

from daemon.store import Store
from transcoder.errors import BadRules
from transcoder.rules import RuleSet, parse_rules

_LOG = logging.getLogger(__name__)


class RuleBook:
    """`path`: the office's own rule set; None: the one shipped.  Thread-safe."""

    def __init__(self, store: Store, path: Path | None) -> None:
        self._store = store
        self._path = path
        self.keep()

    def of(self, sha256: str) -> RuleSet | None:
        """Return the rule set with this digest; None where it was never kept, or cannot be read any more."""
        body = self._kept(sha256)
        if body is None:
            return None
        try:
            return parse_rules(body, f"rule set {sha256[:12]}")
        except BadRules as error:
            _LOG.warning("a rule set of before cannot be read by this version: %s", error)
            return None

    def keep(self) -> None:
        """Keep the rule set that is in force.  Not in a transaction of the caller's.  Raises OSError."""
        shipped = files("config").joinpath("rules/default.toml")
        body = self._path.read_bytes() if self._path is not None else shipped.read_bytes()
        sha256 = hashlib.sha256(body).hexdigest()
        if self._kept(sha256) is None:
            with self._store.write() as tx:
                tx.execute("INSERT OR IGNORE INTO rule_sets (sha256, body) VALUES (?, ?)", (sha256, body))

    def _kept(self, sha256: str) -> bytes | None:
        body = self._store.value("SELECT body FROM rule_sets WHERE sha256 = ?", (sha256,))
        return body if isinstance(body, bytes) else None

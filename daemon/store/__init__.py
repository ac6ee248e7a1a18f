"""The one SQLite file: its schema, its connections, and the questions asked of it."""

from daemon.store.database import Row, Store, Transaction

__all__ = ["Row", "Store", "Transaction"]

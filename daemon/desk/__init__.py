"""The dock's side of the link to the platform."""

from daemon.desk.desk import StoreDesk

__all__ = ["StoreDesk"]

"""What is said on `down/file/{file_id}`: unsigned, under this run's lease (mqtt.md, Files)."""

from __future__ import annotations

from center.catalogue.docks import Dock
from center.office import Office, Outgoing
from center.transfers import Transfer
from uplink.messages.transfer import FileAnswer
from uplink.ranges import Ranges

HINT_EVERY_S = 1.0
MAX_REMEMBERED = 1000


class FileAnswers:
    """Makes answers; remembers which hints were given just now."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._hinted: dict[str, float] = {}

    def about(
        self, dock: Dock, transfer: Transfer, status: str, nonce: str | None = None, text: str = ""
    ) -> Outgoing:
        """Answer with the ranges that are held durably.  Credit carries no nonce."""
        return self._made(dock, transfer.file_id, status, transfer.durable, (nonce, text))

    def whole(self, dock: Dock, file_id: str, size_bytes: int, nonce: str | None) -> Outgoing:
        """Say that all bytes are in the store."""
        return self._made(dock, file_id, "complete", Ranges([(0, size_bytes)]), (nonce, ""))

    def bare(self, dock: Dock, file_id: str, status: str, nonce: str | None, text: str) -> Outgoing:
        """Answer where no ranges are held."""
        return self._made(dock, file_id, status, Ranges(), (nonce, text))

    def hint(self, dock: Dock, file_id: str, status: str, ranges: Ranges, text: str) -> list[Outgoing]:
        """Answer what asked for no answer, but not each one of a flood."""
        now_s = self._office.monotonic()
        if now_s - self._hinted.get(file_id, -HINT_EVERY_S) < HINT_EVERY_S:
            return []
        if len(self._hinted) >= MAX_REMEMBERED:
            self._hinted.clear()
        self._hinted[file_id] = now_s
        return [self._made(dock, file_id, status, ranges, (None, text))]

    def _made(
        self, dock: Dock, file_id: str, status: str, ranges: Ranges, said: tuple[str | None, str]
    ) -> Outgoing:
        nonce, text = said
        answer = FileAnswer.model_validate(
            {
                "receiver": self._office.platform,
                "lease": self._office.lease,
                "nonce": nonce,
                "status": status,
                "ranges": ranges.to_list(),
                "text": text[:500],
            }
        )
        return Outgoing(dock.topics.down(f"file/{file_id}"), answer.to_bytes())

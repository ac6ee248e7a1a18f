"""Carries files from the vault to the platform, one at a time: the edge around `sender`.

- Which file is next is the desk's word; only one is claimed at a time, and only while connected.
- Bytes are read as they are sent, by pread: memory does not grow with the file.
- What goes out is noted before it goes, so that what goes twice after a kill is known: exactly below a
  segment every 20 ms; faster, all but what went in the last 20 ms.
- A file that cannot be sent blocks no other.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uplink.desk import Desk, OutgoingFile
from uplink.errors import TooLarge
from uplink.messages.transfer import FileAnswer
from uplink.outbox import Outbox, Sent
from uplink.pace import Pace
from uplink.sender import Transfer
from uplink.steps import Ended, FileFacts, Fin, Init, Outcome, Segment, Wait
from uplink.window import Patience

NOTE_BYTES = 4 * 1024 * 1024
NOTE_S = 0.02
ACTIONS_A_TURN = 8  # then answers are looked at
SHUT_S = 5.0  # outside the hours: looked at again


@dataclass(frozen=True)
class FileReport:
    """The file that is on its way, for people."""

    recording: str
    step: str
    size_bytes: int
    durable_bytes: int
    sent_bytes: int
    resent_bytes: int
    rate_bytes_per_s: float | None
    time_left_s: float | None
    why: str


class Courier:
    """For the link's one thread.  `send_manifest`: sends a recording's newest revision."""

    def __init__(
        self,
        outbox: Outbox,
        desk: Desk,
        *,
        pace: Pace,
        draw_nonce: Callable[[], str],
        jitter: Callable[[], float],
        send_manifest: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._desk = desk
        self._pace = pace
        self._draw_nonce = draw_nonce
        self._jitter = jitter
        self._send_manifest = send_manifest
        self._file: OutgoingFile | None = None
        self._transfer: Transfer | None = None
        self._fd = -1
        self._lease = 0
        self._full = Patience(jitter)
        self._may_send: Callable[[], bool] = _always
        self._sent_noted_at = 0.0
        self._noted_sent = 0
        self._noted_durable = 0

    # What the link tells

    def set_limits(self, pace: Pace, may_send: Callable[[], bool]) -> None:
        """Obey another pace, and other hours, from the next segment on."""
        self._pace = pace
        self._may_send = may_send

    def connected(self, now: float) -> None:
        if self._transfer is not None:
            self._transfer.connected(now)

    def disconnected(self) -> None:
        if self._transfer is not None:
            self._transfer.disconnected()

    def head_came(self, now: float, *, anew: bool = False) -> None:
        """A receiver lives: nothing need wait for a timer.  `anew`: it may not have heard what was sent."""
        if self._transfer is not None:
            self._transfer.nudge(now, anew=anew)

    def nobody(self, file_id: str, now: float) -> None:
        """Something of this transfer was refused by the broker, or reached nobody."""
        if self._transfer is not None and self._transfer.facts.file_id == file_id:
            self._transfer.nobody(now)

    def answered(self, file_id: str, payload: bytes, now: float) -> None:
        """Take a message of `down/file/{file_id}`.  Raises Refused."""
        transfer = self._transfer
        if transfer is None or transfer.facts.file_id != file_id:
            self._desk.count("ignored.file")
            return
        transfer.take(FileAnswer.parse(payload), now)
        self._lease = transfer.lease
        if transfer.durable_bytes != self._noted_durable:
            self._note(transfer, max(transfer.bytes_sent, self._noted_sent))

    def receipted(self, recording: str) -> None:
        if self._transfer is not None and self._transfer.facts.recording == recording:
            self._transfer.receipted()

    def refused(self, recording: str, code: str) -> None:
        """The platform refused the recording, signed.  `later` is the desk's: it sends what lacks."""
        transfer = self._transfer
        if transfer is None or transfer.facts.recording != recording or code == "later":
            return
        outcome = {"full": Outcome.FULL, "checksum": Outcome.NEW_ATTEMPT}.get(code, Outcome.AGAIN)
        transfer.give_up(f"the platform refuses: {code}", outcome)

    # Work

    def work(self, now: float) -> float | None:
        """Do what is due; return when there is more (None: not before something is heard).

        Raises Offline: the rest when there is room or a connection again.
        """
        for _ in range(ACTIONS_A_TURN):
            if self._transfer is None and not self._may_send():
                return now + SHUT_S
            transfer = self._transfer or self._next(now)
            if transfer is None:
                return self._full.due_at if now < self._full.due_at else None
            action = transfer.action(now, self._outbox.max_packet_bytes)
            match action:
                case Ended():
                    self._finish(action, now)
                case Wait(until):
                    return until
                case Segment() if not self._may_send():
                    return now + SHUT_S
                case Segment():
                    if self._pace.clear_at(now) > now:
                        return self._pace.clear_at(now)
                    self._send_segment(transfer, action, now)
                case Init() | Fin():
                    self._send_word(transfer, action, now)
        return now

    def report(self) -> FileReport | None:
        transfer = self._transfer
        if transfer is None:
            return None
        return FileReport(
            transfer.facts.recording,
            transfer.step.value,
            transfer.facts.size_bytes,
            transfer.durable_bytes,
            transfer.facts.sent_before_bytes + transfer.bytes_sent,
            transfer.bytes_resent,
            transfer.rate_bytes_per_s,
            transfer.time_left_s,
            transfer.why,
        )

    def close(self) -> None:
        """Let go of the file; it stays claimed, and is claimed again after a restart."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._file = self._transfer = None

    # Inside

    def _next(self, now: float) -> Transfer | None:
        if now < self._full.due_at:
            return None
        file = self._desk.next_file(frozenset())
        if file is None:
            return None
        try:
            self._fd = _open(file.path, file.size_bytes)
        except OSError as e:
            self._desk.file_failed(file.recording, f"{file.path}: {e.strerror or e}", False)
            return None
        facts = FileFacts(
            file.file_id,
            file.recording,
            file.attempt,
            f"{file.recording}.{file.extension}",
            file.size_bytes,
            file.sha256,
            file.manifest,
            file.sent_before_bytes,
        )
        self._file = file
        self._sent_noted_at, self._noted_sent, self._noted_durable = 0.0, 0, 0
        self._transfer = Transfer(facts, draw_nonce=self._draw_nonce, jitter=self._jitter, lease=self._lease)
        self._transfer.connected(now)
        return self._transfer

    def _send_word(self, transfer: Transfer, action: Init | Fin, now: float) -> None:
        if transfer.wants_manifest:
            self._send_manifest(transfer.facts.recording)
            transfer.wants_manifest = False
        word = "init" if isinstance(action, Init) else "fin"
        self._publish(transfer, word, action.message.to_bytes())
        transfer.sent(action, now)

    def _send_segment(self, transfer: Transfer, segment: Segment, now: float) -> None:
        try:
            data = _read(self._fd, segment.offset, segment.length)
        except OSError as e:
            path = self._file.path if self._file is not None else ""
            transfer.give_up(f"{path}: {e.strerror or e}")
            return
        would_be_sent = transfer.bytes_sent + segment.length
        if now - self._sent_noted_at >= NOTE_S or would_be_sent - self._noted_sent > NOTE_BYTES:
            self._sent_noted_at = now
            self._note(transfer, would_be_sent)
        digest = hashlib.sha256(data).hexdigest()
        try:
            self._publish(transfer, str(segment.offset), data, (("sha256", digest),))
        except TooLarge as e:
            # The margin covers every topic and property of ours: the broker takes next to nothing.
            transfer.give_up(str(e))
            return
        transfer.sent(segment, now)
        self._pace.spend(segment.length, now)

    def _note(self, transfer: Transfer, bytes_sent: int) -> None:
        self._noted_sent, self._noted_durable = bytes_sent, transfer.durable_bytes
        total = transfer.facts.sent_before_bytes + bytes_sent
        self._desk.file_progress(transfer.facts.recording, transfer.durable_bytes, total)

    def _finish(self, ended: Ended, now: float) -> None:
        transfer = self._transfer
        assert transfer is not None
        self._note(transfer, transfer.bytes_sent)
        self.close()
        match ended.outcome:
            case Outcome.DELIVERED:
                self._full.reset(now)
                self._full.expire()
            case Outcome.FULL:
                self._full.start(now)
                self._desk.file_failed(transfer.facts.recording, ended.reason, False)
            case _:
                new_attempt = ended.outcome is Outcome.NEW_ATTEMPT
                self._desk.file_failed(transfer.facts.recording, ended.reason, new_attempt)

    def _publish(
        self, transfer: Transfer, rest: str, payload: bytes, properties: tuple[tuple[str, str], ...] = ()
    ) -> None:
        file_id = transfer.facts.file_id
        self._outbox.publish(
            Sent("file", file_id), f"file/{file_id}/{rest}", payload, user_properties=properties
        )


def _always() -> bool:
    return True


def _open(path: Path, size_bytes: int) -> int:
    """Open a file of the vault.  Raises OSError, also where its size is not the noted one."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    found = os.fstat(fd).st_size
    if found != size_bytes:
        os.close(fd)
        raise OSError(f"{found} bytes, not {size_bytes}")
    return fd


def _read(fd: int, offset: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.pread(fd, length, offset)
        if not part:
            raise OSError("the file has become shorter")
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)

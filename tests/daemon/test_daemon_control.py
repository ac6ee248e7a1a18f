"""The control socket: bounded, and no bad client or handler ends it."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import control
from daemon.control import Asker, ControlServer, Handler, ask
from daemon.errors import DaemonError, NoSuchThing, NotRunning
from tests.rig.until import until


class Served:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "run" / "control.sock"
        self.asked: list[tuple[Asker, dict[str, Any]]] = []
        self.released = threading.Semaphore(0)
        self.hold = threading.Event()
        handlers: dict[str, Handler] = {"echo": self.echo, "bug": self.bug, "missing": self.missing}
        handlers["odd"] = lambda *_: {1, 2}
        self.server = ControlServer(self.path, handlers, self.released.release)
        self.server.start()

    def echo(self, asker: Asker, args: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((asker, args))
        return args

    def bug(self, asker: Asker, args: dict[str, Any]) -> None:
        raise KeyError("secret")

    def missing(self, asker: Asker, args: dict[str, Any]) -> None:
        raise NoSuchThing("no recording begins with 'x'")

    def client(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(10)
        made.connect(str(self.path))
        return made

    def raw(self, data: bytes) -> list[dict[str, Any]]:
        """Send bytes, end the sending, return all answers."""
        with self.client() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as stream:
                return [json.loads(line) for line in stream]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.server.close()
    made.server.join(10)
    assert not made.server.is_alive()
    assert not made.path.exists()


def test_an_answer_and_who_asked_as_the_kernel_says(served: Served) -> None:
    assert ask(served.path, "echo", text="记录") == {"text": "记录"}
    assert served.asked == [(Asker(os.getpid(), os.getuid()), {"text": "记录"})]
    assert served.released.acquire(timeout=10)  # the handler's thread let go of its store connection


def test_only_owner_and_group_may_ask(served: Served) -> None:
    assert stat.S_IMODE(served.path.stat().st_mode) == 0o660


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"verb": "none"}',
        b'{"verb": []}',
        b'{"verb": "echo", "args": []}',
        b"[" * 30_000,
    ],
)
def test_a_malformed_line_is_answered_and_the_next_one_too(served: Served, line: bytes) -> None:
    answers = served.raw(line + b'\n{"verb": "echo"}\n')
    assert [answer["ok"] for answer in answers] == [False, True]
    assert answers[0]["kind"] == "request"


def test_a_huge_line_is_one_mistake_and_its_rest_is_no_request(served: Served) -> None:
    filler = b"x" * (64 * 1024)
    answers = []
    with served.client() as client, client.makefile("rb") as stream:
        client.sendall(filler + b'\n{"verb": "echo"}\n')
        try:
            answers = [json.loads(line) for line in stream]
        except ConnectionResetError:  # it was let go of with bytes unread
            answers = [{"ok": False}]
    assert [answer["ok"] for answer in answers] == [False]
    assert served.asked == []


def test_a_last_line_without_its_end_is_answered(served: Served) -> None:
    assert served.raw(b'{"verb": "echo", "args": {"a": 1}}') == [{"ok": True, "data": {"a": 1}}]


def test_a_bug_in_a_handler_is_an_answer_without_its_insides(served: Served) -> None:
    for verb in (b"bug", b"odd"):
        answers = served.raw(b'{"verb": "%s"}\n{"verb": "echo"}\n' % verb)
        assert [(a["ok"], a.get("kind")) for a in answers] == [(False, "bug"), (True, None)]
        assert "secret" not in json.dumps(answers)


def test_what_a_person_can_mend_is_said_in_its_own_words(served: Served) -> None:
    with pytest.raises(DaemonError, match="no recording begins with 'x'"):
        ask(served.path, "missing")


def test_one_user_has_half_of_the_room_and_is_told_when_it_is_full(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clients = [served.client() for _ in range(8)]
    for client in clients:  # each has a thread of its own once it was answered
        client.sendall(b'{"verb": "echo"}\n')
        assert client.recv(100)
    with pytest.raises(DaemonError, match="too many"):
        ask(served.path, "echo")
    assert f"user {os.getuid()} asks too much at once" in caplog.text
    with monkeypatch.context() as patch:  # somebody else still is heard
        patch.setattr(control, "_asker", lambda client: Asker(1, 4711))
        assert ask(served.path, "echo") == {}
    for client in clients:
        client.close()
        assert served.released.acquire(timeout=10)
    until(lambda: not served.server._clients[os.getuid()], "the last one's room")
    assert ask(served.path, "echo") == {}


def test_who_trickles_a_request_is_let_go_after_its_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_PATIENCE_S", 0.5)
    with served.client() as client, pytest.raises((BrokenPipeError, ConnectionResetError)):
        while True:  # each byte comes well before a wait of its own would be over
            client.sendall(b"x")
            served.released.acquire(timeout=0.1)
    assert served.asked == []


def test_requests_that_come_in_pieces_or_together_are_answered_each(served: Served) -> None:
    with served.client() as client, client.makefile("rb") as stream:
        for piece in (b'{"verb": "ec', b'ho"}\n{"verb": "echo", "args": {"a": 1}}\n{"ver'):
            client.sendall(piece)
        assert [json.loads(stream.readline())["data"] for _ in range(2)] == [{}, {"a": 1}]
        client.sendall(b'b": "echo"}\n')
        assert json.loads(stream.readline())["ok"]


def test_a_fault_in_accept_does_not_end_the_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    real = served.server._socket
    fails = [OSError(24, "Too many open files")]

    class Flaky:
        def accept(self) -> Any:
            if fails:
                raise fails.pop()
            return real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr("daemon.control._AFTER_FAULT_S", 0.01)
    served.server._socket = Flaky()  # type: ignore[assignment]
    assert ask(served.path, "echo") == {}  # taken by the accept that was under way
    assert ask(served.path, "echo") == {}
    assert fails == []


def test_a_socket_left_behind_by_a_kill_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with pytest.raises(NotRunning, match=r"nobody answers on .*control\.sock"):
        ask(path, "echo")
    server = ControlServer(path, {"echo": lambda asker, args: 1}, lambda: None)
    server.start()
    assert ask(path, "echo") == 1
    server.close()


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="bodydock run"):
        ask(tmp_path / "none.sock", "status")


@pytest.mark.parametrize(("answer", "error"), [(b"", NotRunning), (b"hello\n", DaemonError)])
def test_something_else_that_answers_is_no_daemon(
    tmp_path: Path, answer: bytes, error: type[Exception]
) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(1000)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(error):
            ask(path, "status")
        thread.join(10)

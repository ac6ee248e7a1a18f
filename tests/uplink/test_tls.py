"""TLS to a real mosquitto with the shipped configuration: who is refused, what is said, what passes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.rig.tls_broker import Certificates, ShippedBroker, broker, dated, self_signed
from tests.rig.until import until
from uplink import tls
from uplink.backoff import CAP_S, Backoff
from uplink.broker import BrokerAddress
from uplink.connection import Connection
from uplink.errors import BadKey, NotLoopback, TlsUnusable
from uplink.tls import TlsFiles
from uplink.tlskey import load_or_make, request, requested_key

DAY = timedelta(days=1)
ACL = "user xlt/dock-01\ntopic readwrite x/#\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def running(certificates: Certificates) -> Iterator[ShippedBroker]:
    with broker(certificates.broker_folder(ACL)) as made:
        yield made


@pytest.fixture(scope="module")
def dock(certificates: Certificates) -> TlsFiles:
    return certificates.client("xlt/dock-01")


@contextmanager
def connection(port: int, files: TlsFiles | None, host: str = "127.0.0.1") -> Iterator[Connection]:
    made = Connection(BrokerAddress(host, port, None, files), "whatever", subscriptions=())
    made.start()
    try:
        yield made
    finally:
        made.close()


def refused(port: int, files: TlsFiles | None, host: str = "127.0.0.1") -> tuple[str, str]:
    """Return alarm and trouble of an attempt: without a connection, and not tried again at once."""
    with connection(port, files, host) as made:
        until(lambda: made.alarm is not None, f"an alarm: {made.trouble}")
        if made.alarm in (tls.UNTRUSTED, tls.REFUSED, tls.FILES):
            until(lambda: made._backoff._next_s == CAP_S, "the next attempt is not soon")
        assert made._attempts == 1, "the first attempt tells"
        assert not made.connected
        return str(made.alarm), str(made.trouble)


def comes_in(port: int, files: TlsFiles) -> str | None:
    """Try once; return the alarm."""
    with connection(port, files) as made:
        until(lambda: made.connected or made.alarm is not None)
        return made.alarm


def test_a_certificate_of_our_ca_comes_in_and_its_end_is_known(
    running: ShippedBroker, dock: TlsFiles
) -> None:
    with connection(running.port, dock) as made:
        until(lambda: made.connected, f"connected: {made.trouble}")
        assert (made.alarm, made.trouble) == (None, None)
        assert made.certificate_expires_at == tls.expires_at(dock.certificate)
        session = made._session
        assert session is not None
        assert session.client is not None
        sock = session.client.socket()
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.version() in ("TLSv1.2", "TLSv1.3")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("self-signed", "unknown ca"),
        ("expired", "certificate expired"),
        ("not yet valid", "certificate"),
        ("a server's", "certificate"),
    ],
)
def test_the_broker_takes_no_other_certificate(
    running: ShippedBroker, certificates: Certificates, dock: TlsFiles, which: str, said: str
) -> None:
    files = {
        "self-signed": lambda: self_signed(dock, "xlt/dock-01"),
        "expired": lambda: dated(certificates, dock, -3 * DAY, -DAY),
        "not yet valid": lambda: dated(certificates, dock, DAY, 3 * DAY),
        "a server's": lambda: TlsFiles(dock.ca, running.folder / "server.crt", running.folder / "server.key"),
    }[which]()
    alarm, trouble = refused(running.port, files)
    assert alarm == tls.REFUSED
    assert said in trouble


def test_the_broker_takes_nobody_without_a_certificate(running: ShippedBroker, dock: TlsFiles) -> None:
    bare = ssl.create_default_context(cafile=str(dock.ca))
    with socket.create_connection(("127.0.0.1", running.port), 5) as raw:
        with bare.wrap_socket(raw, server_hostname="127.0.0.1") as shaken:
            with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
                shaken.recv(1)
    with connection(running.port, None) as plain:  # to loopback, so that ours lets it go out
        until(lambda: plain._attempts >= 2, "the broker does not speak MQTT before TLS")
        assert not plain.connected


def test_a_revoked_certificate_is_refused(tmp_path: Path) -> None:
    own = Certificates(tmp_path)
    files = own.client("xlt/dock-01")
    folder = own.broker_folder(ACL)
    with broker(folder) as guarded:
        with connection(guarded.port, files) as made:
            until(lambda: made.connected)
        assert own.authority.revoke("xlt/dock-01") == 1
        own.broker_folder(ACL)
        guarded.reload()
        until(lambda: comes_in(guarded.port, files) == tls.REFUSED, "the list is read")
        _, trouble = refused(guarded.port, files)
        assert "revoked" in trouble
        with connection(guarded.port, own.client("xlt/dock-02")) as made:
            until(lambda: made.connected, "the list shuts out no other")


def test_a_broker_of_an_unknown_ca_or_another_name_is_refused(
    running: ShippedBroker, dock: TlsFiles, tmp_path: Path
) -> None:
    strangers = Certificates(tmp_path)
    alarm, trouble = refused(running.port, TlsFiles(strangers.ca, dock.certificate, dock.key))
    assert alarm == tls.UNTRUSTED
    assert "Nothing was sent to it" in trouble
    alarm, trouble = refused(running.port, dock, host="localhost")  # the certificate says 127.0.0.1
    assert alarm == tls.UNTRUSTED
    assert "localhost" in trouble


def test_a_server_certificate_that_is_a_clients_is_no_brokers(
    certificates: Certificates, dock: TlsFiles
) -> None:
    """A dock cannot play the broker with its own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(dock.certificate, dock.key)
    with listening(lambda peer: context.wrap_socket(peer, server_side=True)) as port:
        alarm, trouble = refused(port, dock)
    assert (alarm, "purpose" in trouble) == (tls.UNTRUSTED, True)


def test_a_certificate_that_is_not_valid_yet_waits_and_comes_in_by_itself_k05(
    certificates: Certificates, dock: TlsFiles, tmp_path: Path
) -> None:
    own = Certificates(tmp_path, certificates.authority)
    folder = own.broker_folder(ACL)
    server = dated(
        certificates,
        TlsFiles(own.ca, folder / "server.crt", folder / "server.key"),
        timedelta(seconds=3),
        DAY,
    )
    server.certificate.replace(folder / "server.crt")
    with broker(folder) as early, connection(early.port, dock) as made:
        until(lambda: made.alarm is not None)
        assert made.alarm == tls.WRONG_TIME
        assert "not yet valid" in str(made.trouble)
        assert "set the clock" in str(made.trouble)
        until(lambda: made.connected, "time passed, nobody did anything")
        assert made.alarm is None


def test_when_the_clock_was_set_the_next_attempt_is_at_once_k05(
    certificates: Certificates, dock: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Certificates(tmp_path, certificates.authority)
    folder = own.broker_folder(ACL)
    server = TlsFiles(own.ca, folder / "server.crt", folder / "server.key")
    valid = server.certificate.read_bytes()
    dated(certificates, server, -3 * DAY, -DAY).certificate.replace(server.certificate)
    monkeypatch.setattr(Backoff, "failed", lambda self: 600.0)
    with broker(folder) as late, connection(late.port, dock) as made:
        until(lambda: made.alarm == tls.WRONG_TIME, f"{made.trouble}")
        late.stop()
        server.certificate.write_bytes(valid)
        late.start()
        assert not made.connected
        real = time.time
        monkeypatch.setattr("uplink.connection.time.time", lambda: real() + 86_400.0)
        until(lambda: made.connected, "ten minutes were not waited for", 10)
        assert made.alive


def test_a_broker_that_ends_it_right_after_the_handshake_may_not_take_our_certificate(
    running: ShippedBroker, dock: TlsFiles
) -> None:
    """Over TLS 1.3 the alert may be lost with the connection (a reset overtakes it)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(running.folder / "server.crt", running.folder / "server.key")
    with listening(lambda peer: context.wrap_socket(peer, server_side=True).close()) as port:
        alarm, trouble = refused(port, dock)
    assert (alarm, "may not take" in trouble) == (tls.REFUSED, True)


def test_files_that_do_not_fit_are_named(running: ShippedBroker, dock: TlsFiles, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    other = tmp_path / "other.key"
    load_or_make(other)
    for files, said in (
        (TlsFiles(dock.ca, tmp_path / "none.crt", dock.key), "none.crt cannot be read: No such file"),
        (TlsFiles(empty, dock.certificate, dock.key), "empty.pem holds no CA"),
        (TlsFiles(dock.ca, empty, dock.key), "empty.pem"),
        (TlsFiles(dock.ca, dock.certificate, other), "key values mismatch"),
    ):
        with pytest.raises(TlsUnusable) as raised:
            tls.context(files)
        assert said in str(raised.value)
    alarm, trouble = refused(running.port, TlsFiles(dock.ca, tmp_path / "none.crt", dock.key))
    assert (alarm, "none.crt" in trouble) == (tls.FILES, True)


@contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve every peer with `serve` in a thread, errors and all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.settimeout(5)
                    with suppress(OSError):
                        serve(peer)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_below_1_2_is_refused(running: ShippedBroker, dock: TlsFiles) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.load_cert_chain(running.folder / "server.crt", running.folder / "server.key")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with listening(lambda peer: old.wrap_socket(peer, server_side=True)) as port:
        alarm, _ = refused(port, dock)
    assert alarm == tls.UNFIT


@pytest.mark.parametrize(
    "connack",
    [
        b"\x20\x02\x00\x01",  # MQTT 3.1.1: unacceptable protocol version
        b"\x20\x02\x00\x00",  # MQTT 3.1.1: accepted, all the same
        b"\x20\x03\x00\x84\x00",  # MQTT 5: unsupported protocol version
    ],
)
def test_mqtt_below_5_is_refused_without_a_second_try_at_it(connack: bytes) -> None:
    seen: list[bytes] = []

    def serve(peer: socket.socket) -> None:
        seen.append(peer.recv(1000))
        peer.sendall(connack)
        peer.recv(1000)

    with listening(serve) as port:
        alarm, trouble = refused(port, None)
    assert alarm == tls.UNFIT
    assert "MQTT 5" in trouble
    assert [hello[8] for hello in seen] == [5] * len(seen), "the protocol's version in every CONNECT"


def test_without_tls_nothing_but_a_loopback_literal_is_an_address(dock: TlsFiles) -> None:
    BrokerAddress("mqtt.office.example", 8883, None, dock)
    with pytest.raises(NotLoopback, match="ca, certificate and key"):
        BrokerAddress("mqtt.office.example", 8883)


def test_hopeless_attempts_are_half_a_minute_apart_and_mended_ones_quick_again() -> None:
    backoff = Backoff(lambda: 0.0)
    assert backoff.failed() < 1
    assert [backoff.hopeless() for _ in range(3)] == [30.0] * 3
    backoff.lost(0.0, 100.0)
    assert backoff.failed() < 1


def test_an_end_that_is_near_is_seen(certificates: Certificates, dock: TlsFiles) -> None:
    soon = dated(certificates, dock, -DAY, 29 * DAY)
    assert tls.expires_at(soon.certificate) - tls.EXPIRING < datetime.now(UTC)
    assert tls.expires_at(dock.certificate) - tls.EXPIRING > datetime.now(UTC)


def test_a_request_proves_its_key(tmp_path: Path) -> None:
    key = load_or_make(tmp_path / "tls.pem")
    assert (tmp_path / "tls.pem").stat().st_mode & 0o777 == 0o600
    assert load_or_make(tmp_path / "tls.pem").public_key() == key.public_key()
    asked = request(key, "xlt/dock-01")
    assert requested_key(asked) == key.public_key()
    for wrong in (b"", b"nonsense", asked[:-1] + bytes([asked[-1] ^ 1]), asked + bytes(5000)):
        with pytest.raises(BadKey):
            requested_key(wrong)
    (tmp_path / "tls.pem").chmod(0o640)
    with pytest.raises(BadKey, match="chmod 600"):
        load_or_make(tmp_path / "tls.pem")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_key_that_root_makes_belongs_to_whom_the_folder_does(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    load_or_make(tmp_path / "tls.pem")
    found = (tmp_path / "tls.pem").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["tls.pem"]

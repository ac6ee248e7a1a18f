"""The peer of the upload figure: nothing but paho, a window, a file and fdatasync."""

from __future__ import annotations

import os
import queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

_SEGMENT_BYTES = 1024 * 1024
_WINDOW_BYTES = 8 * 1024 * 1024


def _client(port: int, topic: str, on_message: Any) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = on_message

    def connected(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client.on_connect = connected
    client.connect("127.0.0.1", port)
    return client


def receive(port: int, into: Path, size: int, ready: Event, done: Event) -> None:
    """Write what comes; every window is synced and credited."""
    fd = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    held = unsynced = 0

    def took(client: Client, _: Any, message: MQTTMessage) -> None:
        nonlocal held, unsynced
        os.pwrite(fd, message.payload, int(message.topic.rsplit("/", 1)[1]))
        held += len(message.payload)
        unsynced += len(message.payload)
        if unsynced >= _WINDOW_BYTES // 2 or held == size:
            os.fdatasync(fd)
            unsynced = 0
            client.publish("raw/credit", str(held), qos=1)
            if held == size:
                done.set()

    client = _client(port, "raw/file/+", took)
    client.on_subscribe = lambda *_: ready.set()
    client.loop_forever()


def send(port: int, path: Path, up: Event, go: Event) -> None:
    """Send the file, never more than a window ahead of the credit."""
    credit: queue.SimpleQueue[int] = queue.SimpleQueue()
    client = _client(port, "raw/credit", lambda _, __, message: credit.put(int(message.payload)))
    client.on_subscribe = lambda *_: up.set()
    client.loop_start()
    go.wait()
    sent = durable = 0
    with path.open("rb") as file:
        while data := file.read(_SEGMENT_BYTES):
            while sent + len(data) - durable > _WINDOW_BYTES:
                durable = credit.get()
            client.publish(f"raw/file/{sent}", data, qos=1)
            sent += len(data)
    while durable < sent:
        durable = credit.get()

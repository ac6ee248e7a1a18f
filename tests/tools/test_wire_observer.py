"""The observer tells bytes that were sent twice from bytes that were sent out of order."""

from __future__ import annotations

import paho.mqtt.client as mqtt

from tests.rig.wire import WireObserver


def observed(*segments: tuple[str, int, int]) -> WireObserver:
    """Return an observer that saw (file id, offset, size) go by."""
    observer = WireObserver(1)
    for file_id, offset, size in segments:
        message = mqtt.MQTTMessage(topic=f"bodydock/1/xlt/dock-01/up/file/{file_id}/{offset}".encode())
        message.payload = bytes(size)
        assert observer._client.on_message is not None
        observer._client.on_message(observer._client, None, message)
    return observer


def test_what_comes_once_in_any_order_was_not_sent_twice() -> None:
    observer = observed(("a", 0, 10), ("a", 20, 10), ("b", 0, 10), ("a", 10, 10))
    assert (observer.twice_bytes(), observer.segment_bytes("a")) == (0, 30)


def test_what_overlaps_counts_with_what_it_overlaps() -> None:
    assert observed(("a", 0, 10), ("a", 0, 10)).twice_bytes() == 10
    assert observed(("a", 0, 10), ("a", 20, 10), ("a", 5, 20)).twice_bytes() == 10
    assert observed(("a", 0, 10), ("a", 8, 10), ("a", 17, 3)).twice_bytes() == 3

"""What the broker lets the center do, and how that is told: log, and `center status`.

- A refused subscription makes a receiver deaf though it is connected: it is loud, and tried again by a new
  connection each minute (rights may have been given meanwhile).
- A refused publish (0x87) stands until the broker takes one on that topic again.
- Some brokers drop what one may not read without a word (mosquitto's acl_file): where nothing at all is heard
  of enrolled docks, whose state is retained, that is said too.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from center.office import Office

UNREACHABLE_AFTER_S = 15.0
NOTHING_HEARD_AFTER_S = 60.0
SUBSCRIBE_AGAIN_S = 60.0
MAX_REMEMBERED = 2000  # publishes that are not acknowledged yet
MAX_TOPICS = 100  # that were refused


class Brokerage:
    """For the receiver's one thread.  Its methods raise sqlite3.Error, StoreFull."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._waiting: OrderedDict[int, str] = OrderedDict()
        self._refused: set[str] = set()
        self._deaf_since_s: float | None = None
        self._refused_now = False
        self._offline_since_s: float | None = office.monotonic()
        self._unreachable = self._silent = False
        self._listening_since_s: float | None = None

    def connected(self) -> None:
        """Note a connection: refused subscriptions were told before."""
        self._offline_since_s = None
        self._unreachable = False
        self._refused.clear()
        for name in ("broker_unreachable", "broker_refuses_publish"):
            self._office.no_trouble(name)
        if not self._refused_now:
            self._deaf_since_s = None
            self._office.no_trouble("broker_refuses_subscription")
            self._listening_since_s = self._office.monotonic()
        self._refused_now = False

    def disconnected(self) -> None:
        self._waiting.clear()
        self._deaf_since_s = None  # the next connection subscribes again
        self._offline_since_s = self._office.monotonic()
        self._listening_since_s = None

    def heard(self) -> None:
        """Note that a message came."""
        if self._silent or self._listening_since_s is not None:
            self._silent = False
            self._listening_since_s = None
            self._office.no_trouble("nothing_heard")

    def subscription_refused(self, topic: str, code: int) -> None:
        text = (
            f"the broker refuses the subscription {topic} (0x{code:02x}): nothing comes in; see the acl file"
        )
        self._office.quiet.say("subscription refused", logging.ERROR, text)
        self._office.count("broker.subscription_refused")
        self._office.trouble("broker_refuses_subscription", f"{topic} (0x{code:02x})")
        self._refused_now = True
        self._deaf_since_s = self._office.monotonic()

    def published(self, token: int, topic: str) -> None:
        self._waiting[token] = topic
        if len(self._waiting) > MAX_REMEMBERED:
            self._waiting.popitem(last=False)

    def acknowledged(self, token: int, code: int, refused: bool) -> None:
        topic = self._waiting.pop(token, "?")
        if refused:
            text = f"the broker refuses what is published on {topic} (0x{code:02x}): see the acl file"
            self._office.quiet.say("publish refused", logging.ERROR, text)
            self._office.count("broker.publish_refused")
            self._office.trouble("broker_refuses_publish", f"{topic} (0x{code:02x})")
            if len(self._refused) < MAX_TOPICS:
                self._refused.add(topic)
        elif topic in self._refused:
            self._refused.discard(topic)
            if not self._refused:
                self._office.no_trouble("broker_refuses_publish")

    def look(self, trouble: str | None, any_dock: bool) -> None:
        """Note what lasts.  `trouble`: why there is no connection; `any_dock`: one is enrolled."""
        now_s = self._office.monotonic()
        since_s = self._offline_since_s
        if since_s is not None and not self._unreachable and now_s - since_s >= UNREACHABLE_AFTER_S:
            self._unreachable = True
            self._office.quiet.say("no connection", logging.ERROR, f"no connection to the broker: {trouble}")
            self._office.trouble("broker_unreachable", trouble or "")
        since_s = self._listening_since_s
        if since_s is not None and not self._silent and any_dock and now_s - since_s >= NOTHING_HEARD_AFTER_S:
            self._silent = True
            text = f"connected for {NOTHING_HEARD_AFTER_S:.0f} s, and nothing heard of any enrolled dock"
            self._office.quiet.say("nothing heard", logging.WARNING, text)
            self._office.trouble("nothing_heard", "")

    @property
    def wants_new_connection(self) -> bool:
        """Whether to subscribe again by connecting anew."""
        since_s = self._deaf_since_s
        return since_s is not None and self._office.monotonic() - since_s >= SUBSCRIBE_AGAIN_S

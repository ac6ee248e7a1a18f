"""The thread of one camera in one slot, as long as its stay lasts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from daemon.ingest import wording
from daemon.ingest.docking import StayJob
from daemon.ingest.stay import Stay
from daemon.ingest.tools import Tools
from daemon.logfields import about
from dock.errors import CameraGone, DockError, PullCancelled

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_RETRY_S = 10.0


class Attempts:
    """Tries the work of a stay until it is done; trouble is shown, and tried again after a while."""

    def __init__(self, tools: Tools, stay: Stay, stop: Callable[[], bool]) -> None:
        self._tools = tools
        self._stay = stay
        self._stop = stop
        self._job = StayJob(tools, stay, stop)

    @property
    def unfinished(self) -> bool:
        """Whether something is open for which the camera has to stay."""
        return self._job.unfinished

    @property
    def ended(self) -> bool:
        """Whether the camera left, or the dock stops."""
        return self._stop() or self._stay.left

    def run_until_settled(self) -> None:
        """Return when all that the camera shows is settled, or it `ended`."""
        with about(slot=self._stay.slot.number):
            while not self.ended and not self._try():
                self.wait(_RETRY_S)

    def wait_for_news(self) -> None:
        """Return when the camera shows something more, or it `ended`."""
        while not self.ended and not self._job.has_news:
            self._stay.wait(_POLL_S)

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until it `ended` or somebody wants it looked at again."""
        deadline = time.monotonic() + seconds
        while not self.ended and not self._stay.asked_again and time.monotonic() < deadline:
            self._stay.wait(min(_POLL_S, max(0.0, deadline - time.monotonic())))

    def show_trouble(self, error: str, text: wording.Text) -> None:
        self._tools.board.show(self._stay.slot.number, "error", part=self._stay.key, error=error, text=text)

    def _try(self) -> bool:
        """Returns whether there is nothing more to do, for now."""
        number = self._stay.slot.number
        try:
            self._job.run()
        except PullCancelled:
            return True
        except CameraGone as error:
            # udev may be a moment behind; if the device stays, it is the cable or the port (B12).
            _LOG.warning("slot %d: %s", number, error)
            if not self._stay.left:
                self.show_trouble(str(error), wording.UNSTABLE)
            return False
        except DockError as error:
            _LOG.error("slot %d: %s", number, error)
            self.show_trouble(str(error), wording.TROUBLE)
            return False
        except Exception as error:  # noqa: BLE001 - a bug costs this turn, never the daemon
            _LOG.exception("slot %d: unexpected failure", number)
            self.show_trouble(repr(error), wording.TROUBLE)
            return False
        return True


class Puller(threading.Thread):
    """Works on a stay until the camera left.

    `calm_s`: how long the camera has to stay before anything is read of it, after its port was unstable.
    """

    def __init__(
        self,
        tools: Tools,
        stay: Stay,
        stop: Callable[[], bool],
        release: Callable[[], None],
        calm_s: float = 0.0,
    ) -> None:
        """`release` lets go of what this thread holds of the store, when it ends."""
        super().__init__(name=f"puller-{stay.slot.number}", daemon=True)
        self.stay = stay
        self._release = release
        self._calm_s = calm_s
        self._attempts = Attempts(tools, stay, stop)

    @property
    def unfinished(self) -> bool:
        """Whether something is open for which the camera has to stay."""
        return self._attempts.unfinished

    def run(self) -> None:
        attempts = self._attempts
        try:
            if self._calm_s:
                attempts.show_trouble("the camera left again and again in mid-copy", wording.UNSTABLE)
                attempts.wait(self._calm_s)
            while not attempts.ended:
                attempts.run_until_settled()
                attempts.wait_for_news()
        finally:
            self._release()

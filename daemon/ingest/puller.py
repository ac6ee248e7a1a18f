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
from dock.errors import CameraGone, DockError, PullCancelled

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_RETRY_S = 10.0


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
        self._tools = tools
        self._stop = stop
        self._release = release
        self._calm_s = calm_s
        self._job = StayJob(tools, stay, stop)

    @property
    def unfinished(self) -> bool:
        """Whether something is open for which the camera has to stay."""
        return self._job.unfinished

    def run(self) -> None:
        try:
            if self._calm_s:
                self._trouble("the camera left again and again in mid-copy", wording.UNSTABLE)
                self._wait(self._calm_s)
            while not self._ended():
                if self._attempt():
                    self._wait_for_news()
                else:
                    self._wait(_RETRY_S)
        finally:
            self._release()

    def _ended(self) -> bool:
        return self._stop() or self.stay.left

    def _wait(self, seconds: float) -> None:
        """Wait until the camera left, the dock stops, or `seconds` are over."""
        deadline = time.monotonic() + seconds
        while not self._ended() and time.monotonic() < deadline:
            self.stay.wait(min(_POLL_S, max(0.0, deadline - time.monotonic())))

    def _wait_for_news(self) -> None:
        while not self._ended() and not self._job.has_news:
            self.stay.wait(_POLL_S)

    def _attempt(self) -> bool:
        """Returns whether there is nothing more to do, for now."""
        number = self.stay.slot.number
        try:
            self._job.run()
        except PullCancelled:
            return True
        except CameraGone as error:
            # udev may be a moment behind; if the device stays, it is the cable or the port (B12).
            _LOG.warning("slot %d: %s", number, error)
            if not self.stay.left:
                self._trouble(str(error), wording.UNSTABLE)
            return False
        except DockError as error:
            _LOG.error("slot %d: %s", number, error)
            self._trouble(str(error), wording.TROUBLE)
            return False
        except Exception as error:  # noqa: BLE001 - a bug costs this turn, never the daemon
            _LOG.exception("slot %d: unexpected failure", number)
            self._trouble(repr(error), wording.TROUBLE)
            return False
        return True

    def _trouble(self, error: str, text: wording.Text) -> None:
        self._tools.board.show(self.stay.slot.number, "error", part=self.stay.key, error=error, text=text)

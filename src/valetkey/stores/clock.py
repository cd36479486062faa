"""The clock that decisions use: the system's seconds, held still instead of ever running backwards."""

import threading
import time
from collections.abc import Callable

SystemTime = Callable[[], float]
"""Unix seconds as the machine tells them; they may jump in both directions."""


def system_time() -> float:
    """What the machine says."""
    return time.time()


class StoreClock:
    """Unix seconds that never run backwards. A clock that was set back stands still until time catches up.

    Standing still, and not running on from the later time, lets one wrong reading heal by itself.
    """

    def __init__(self, read: SystemTime = system_time) -> None:
        self._read = read
        self._latest = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Unix seconds; may be called from any thread."""
        return self.at_least(0)

    def at_least(self, seconds: int) -> int:
        """Now, and never again before `seconds`: what another process or an earlier life has seen."""
        read = int(self._read())
        latest = self._latest
        if read <= latest and seconds <= latest:
            # The usual case, and it needs no lock: whatever another thread makes of it now is later.
            return latest
        with self._lock:
            self._latest = max(self._latest, read, seconds)
            return self._latest

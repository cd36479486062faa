"""The clock of the decisions: the database's, so that all replicas have one."""

import time

from valetkey.stores.clock import StoreClock, SystemTime


class DatabaseClock(StoreClock):
    """Between two looks at the database's time a count of seconds goes on from the last one.

    It counts what has passed, and does not look at this machine's clock: one that jumps would take every decision of
    this process along, and the trees that it decides about, whose time never runs backwards.
    """

    def __init__(self, system_time: SystemTime | None = None) -> None:
        """`system_time` stands in for the database's time, for tests."""
        super().__init__(system_time or self._estimated)
        self._fixed = system_time is not None
        self._ahead_seconds = 0.0

    def observe(self, database_seconds: float) -> int:
        """Now, as the database says it (unix seconds)."""
        if not self._fixed:
            self._ahead_seconds = database_seconds - time.monotonic()
        return self.now()

    def _estimated(self) -> float:
        return time.monotonic() + self._ahead_seconds

"""The clock of the decisions: the database's, so that all replicas have one."""

from valetkey.stores.clock import StoreClock, SystemTime
from valetkey.stores.clock import system_time as machine_time


class DatabaseClock(StoreClock):
    """Between two looks at the database's time this machine's clock goes on from the last one."""

    def __init__(self, system_time: SystemTime | None = None) -> None:
        """`system_time` stands in for the database's time, for tests."""
        super().__init__(system_time or self._estimated)
        self._fixed = system_time is not None
        self._ahead_seconds = 0.0

    def observe(self, database_seconds: float) -> int:
        """Now, as the database says it (unix seconds)."""
        if not self._fixed:
            self._ahead_seconds = database_seconds - machine_time()
        return self.now()

    def _estimated(self) -> float:
        return machine_time() + self._ahead_seconds

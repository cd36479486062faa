"""Holds that nothing can have been paid from, and whose end has come: their money goes back to the budget."""

import asyncio
from collections.abc import Callable

from valetkey.core.commands import Lapse
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party
from valetkey.ports.ledger import LedgerStore
from valetkey.ports.watching import begin_round

BATCH = 100


class Lapsing:
    """Lets holds lapse. Any number of them may run on one store: a hold lapses once."""

    def __init__(self, ledger: LedgerStore, observer: Callable[[str], None]) -> None:
        """`observer` is told the id of each hold that lapsed."""
        self._ledger = ledger
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more that is due."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Let a batch lapse. Whether more is due."""
        due = await self._ledger.lapsed(BATCH)
        for hold_id in due:
            try:
                done = await self._ledger.settle(hold_id, Lapse(), by=str(Party.PLATFORM))
            except Contradiction:
                # It was paid from, captured or approved since it was looked up.
                continue
            if not isinstance(done, Refused):
                self._observer(hold_id)
        return len(due) == BATCH

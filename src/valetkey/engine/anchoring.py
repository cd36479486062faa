"""Heads of session trees, written into their owners' chains: so that a tree's past cannot be changed later."""

import asyncio
from collections.abc import Callable

from valetkey.ports.auditing import AuditStore
from valetkey.ports.watching import begin_round

BATCH = 200


class Anchoring:
    """Anchors what went on since the last time. `observer` is told how many heads were written."""

    def __init__(self, store: AuditStore, observer: Callable[[int], None]) -> None:
        self._store = store
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more to write."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Anchor a batch. Whether there is more to write."""
        anchored = await self._store.anchor(BATCH)
        if anchored:
            self._observer(anchored)
        return anchored == BATCH

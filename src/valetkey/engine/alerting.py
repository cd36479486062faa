"""Alerts that time brings: sessions that end soon, and sessions that spend much faster than they did."""

import asyncio
from collections.abc import Awaitable, Callable

from valetkey.core.alerts import Alert
from valetkey.core.ids import Kind
from valetkey.crypto.credentials import new_id
from valetkey.ports.alerts import AlertStore
from valetkey.ports.keystore import DamagedRecord
from valetkey.ports.ledger import Event
from valetkey.ports.watching import begin_round
from valetkey.wire.alerts import ALERT_RAISED, alert_raised

BATCH = 200

Observer = Callable[[str, str], None]
"""Told the kind of an alert that was raised, or `damaged`, and the id of its session."""


def telling(alert: Alert, url: str) -> Event:
    """The webhook `alert.raised`, to the owner's URL."""
    return Event(
        id=new_id(Kind.WEBHOOK),
        agent_id=alert.owner_id,
        transaction_id=alert.id,
        name=ALERT_RAISED,
        url=url,
        body=alert_raised(alert),
    )


class AlertWatch:
    """Looks at sessions that end soon, and at those that spent. Any number of them may: an alert is raised once."""

    def __init__(self, store: AlertStore, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more to look at."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Look at a batch of each. Whether there is more."""
        ending = await self._store.ending_soon(BATCH)
        spending = await self._store.spending_lately(BATCH)
        # Side by side, so that they share the commits of their owners.
        await asyncio.gather(
            *(self._look(one, self._end) for one in ending),
            *(self._look(one, self._store.look_at_pace) for one in spending),
        )
        return BATCH in (len(ending), len(spending))

    async def _look(self, session_id: str, look: Callable[[str], Awaitable[list[Alert]]]) -> None:
        try:
            for alert in await look(session_id):
                self._observer(str(alert.kind), session_id)
        except DamagedRecord:
            # The others' owners are to be told all the same.
            self._observer("damaged", session_id)

    async def _end(self, session_id: str) -> list[Alert]:
        alert = await self._store.look_at_end(session_id)
        return [] if alert is None else [alert]

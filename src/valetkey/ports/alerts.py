"""The store of alerts: each is raised once for its occasion, whichever process sees it first, and kept for ever."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from valetkey.core.alerts import Alert
from valetkey.ports.ledger import Event

Telling = Callable[[Alert, str], Event]
"""The webhook that tells of an alert at a URL. It is queued in the transaction that raises the alert."""


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """A page of an owner's alerts. None leaves a filter out; `is_open` asks for those that nobody acknowledged."""

    owner_id: str
    session_id: str | None = None
    kind: str | None = None
    is_open: bool | None = None
    limit: int = 20
    offset: int = 0


class AlertStore(Protocol):
    """What a debit, a claim or a move says of a session is raised in its own transaction, with the webhook that tells
    it. What time says is raised by `look_at_end` and `look_at_pace`, of which any number may run."""

    def tell_alerts(self, telling: Telling) -> None:
        """How owners are told of what is raised from now on; before, it is in the list alone."""
        ...

    async def alerts(self, query: AlertQuery) -> tuple[list[Alert], int]:
        """One page, newest first, and the total count."""
        ...

    async def acknowledge_alert(self, owner_id: str, alert_id: str, by: str) -> Alert | None:
        """Say that an alert was seen; the first time and name stay. None when the owner has no such alert."""
        ...

    async def ending_soon(self, limit: int) -> list[str]:
        """Ids of sessions whose owner is to be warned of their end: `look_at_end` does it."""
        ...

    async def look_at_end(self, session_id: str) -> Alert | None:
        """Warn of a session's end, if that is near; None when there was nothing to tell. Again does no harm."""
        ...

    async def spending_lately(self, limit: int) -> list[str]:
        """Ids of sessions that spent since their pace was looked at last."""
        ...

    async def look_at_pace(self, session_id: str) -> list[Alert]:
        """Tell of a session's pace, if it is hasty, once in 24 hours and currency; what was raised by this look."""
        ...

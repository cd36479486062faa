"""The durable queue of webhooks: what was promised is sent at least once, or known to have failed."""

from dataclasses import dataclass
from typing import Protocol

from valetkey.ports.ledger import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event with how often it was tried so far."""

    event: Event
    attempts: int
    queued_at: int


class OutboxStore(Protocol):
    async def claim_due(self, limit: int, lease_seconds: int) -> list[Delivery]:
        """Take events whose time has come; another sender sees them again only after the lease."""
        ...

    async def sent(self, event_id: str, http_status: int) -> None: ...

    async def retry_at(self, event_id: str, at: int, reason: str) -> None: ...

    async def gave_up(self, event_id: str, reason: str) -> None: ...

    async def next_due(self) -> int | None:
        """Unix seconds of the earliest event still to send, None when there is none."""
        ...

    async def crowded(self, waiting_max: int) -> frozenset[str]:
        """The agents of whom more events wait than this."""
        ...

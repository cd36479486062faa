"""One webhook on its way: an outbox with one event, and a receiver that checks its signature."""

import asyncio

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.engine.webhooks import WebhookSender
from valetkey.ports.ledger import Event
from valetkey.ports.outbox import Delivery
from valetkey.wire.http import SIGNATURE_HEADER
from valetkey.wire.webhooks import verify_header

NOW = 1_772_323_200
SECRET = Secret("whsec_000102030405060708090a0b0c0d0e0f")
EVENT = Event("whk_1", "agt_1", "txn_1", "service.delivered", "https://a.example/webhook", b'{"a":1}')


class OneDelivery:
    """An outbox with one event that was tried so often, and what became of it."""

    def __init__(self, attempts: int = 0) -> None:
        self.due = [Delivery(EVENT, attempts, queued_at=NOW)]
        self.outcome: tuple[object, ...] = ()
        self.lease_seconds = 0

    async def claim_due(self, limit: int, lease_seconds: int) -> list[Delivery]:
        self.lease_seconds = lease_seconds
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def sent(self, event_id: str, http_status: int) -> None:
        self.outcome = ("sent", http_status)

    async def retry_at(self, event_id: str, at: int, reason: str) -> None:
        self.outcome = ("retry", at, reason)

    async def gave_up(self, event_id: str, reason: str) -> None:
        self.outcome = ("gave up", reason)

    async def next_due(self) -> int | None:
        return None


class Receiver:
    """Answers with a status or fails, and keeps the timestamps of the signatures that it believed."""

    def __init__(self, answer: int | ValetkeyError) -> None:
        self.answer = answer
        self.believed: list[int] = []

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert (url, body) == (EVENT.url, EVENT.body)
        self.believed.append(verify_header(SECRET, headers[SIGNATURE_HEADER], body, NOW))
        if isinstance(self.answer, ValetkeyError):
            raise self.answer
        return self.answer


class StoppedClock:
    """Always NOW."""

    def now(self) -> int:
        return NOW


async def its_secret(agent_id: str) -> Secret:
    """The receiver's secret."""
    assert agent_id == EVENT.agent_id
    return SECRET


def send(outbox: OneDelivery, receiver: Receiver) -> list[str]:
    """Take one step of the sender; what its observer was told."""
    told: list[str] = []

    def observer(outcome: str, delivery: Delivery) -> None:
        assert delivery.event is EVENT
        told.append(outcome)

    sender = WebhookSender(outbox, receiver, its_secret, StoppedClock(), observer=observer)
    assert asyncio.run(sender.step()) == 1
    return told

"""Sends queued webhooks: signed, at least once, with growing pauses between tries. The queue is durable."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.ports.clock import Clock
from valetkey.ports.outbox import Delivery, OutboxStore
from valetkey.ports.watching import Step, begin_round, watched
from valetkey.wire.http import JSON_TYPE, SIGNATURE_HEADER
from valetkey.wire.webhooks import sign_header

BATCH = 20
SENDING_MAX = 100
"""Tries that may be under way at once: a receiver that is slow takes one place and nobody's time."""

LEASE_SECONDS = 120
"""Longer than any try lasts, so that no event is sent twice at once."""

ATTEMPTS_MAX = 12
PAUSE_SECONDS_FIRST = 5
PAUSE_SECONDS_MAX = 6 * 3_600

SecretOf = Callable[[str], Awaitable[Secret]]
"""The webhook secret of an agent, or the platform's own."""

Observer = Callable[[str, Delivery], None]
"""Told what became of each try: `sent`, `retry`, `gave_up`."""


class Poster(Protocol):
    """Posts to an address that a stranger chose. Raises InvalidInput for one that must not be called,
    EnvironmentFailure when nobody answered."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The HTTP status of the answer."""
        ...


def pause_seconds(attempts: int) -> int:
    """How long to wait after so many failed tries: 5 s, doubling, at most 6 h."""
    return int(min(PAUSE_SECONDS_FIRST << min(attempts - 1, 20), PAUSE_SECONDS_MAX))


class WebhookSender:
    """Takes due events from the outbox and posts them, a batch at a time."""

    def __init__(
        self,
        outbox: OutboxStore,
        poster: Poster,
        secret_of: SecretOf,
        clock: Clock,
        *,
        observer: Observer,
    ) -> None:
        self._outbox = outbox
        self._poster = poster
        self._secret_of = secret_of
        self._clock = clock
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks for due events every so often, and at once while there are more."""
        sending: set[asyncio.Task[None]] = set()
        try:
            while True:
                begin_round()
                done = {task for task in sending if task.done()}
                sending -= done
                for task in done:
                    task.result()
                room = min(BATCH, SENDING_MAX - len(sending))
                due = await self._outbox.claim_due(room, LEASE_SECONDS) if room else []
                sending |= {asyncio.create_task(self._try(delivery)) for delivery in due}
                if not room:
                    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                elif len(due) < room:
                    await asyncio.sleep(interval_seconds)
        except Exception:
            # A bug with one event: the others are finished before it is told.
            await asyncio.gather(*sending, return_exceptions=True)
            raise
        finally:
            for task in sending:
                task.cancel()

    async def step(self) -> int:
        """Try every event that is due now, up to a batch; how many were tried."""
        due = await self._outbox.claim_due(BATCH, LEASE_SECONDS)
        await asyncio.gather(*(self._try(delivery) for delivery in due))
        return len(due)

    async def _try(self, delivery: Delivery) -> None:
        event = delivery.event
        if delivery.attempts >= ATTEMPTS_MAX:
            # Its tries were claimed, and nobody lived to tell how the last one ended.
            await self._outbox.gave_up(event.id, "every try ended without an outcome")
            self._observer("gave_up", delivery)
            return
        status, reason = None, ""
        try:
            secret = await self._secret_of(event.agent_id)
            headers = {
                "Content-Type": JSON_TYPE,
                SIGNATURE_HEADER: sign_header(secret, event.body, self._clock.now()),
            }
            with watched(Step.WEBHOOK) as step:
                status = await self._poster.post(event.url, event.body, headers)
                step.tell(status=status)
        except InvalidInput as refused:
            await self._outbox.gave_up(event.id, str(refused))
            self._observer("gave_up", delivery)
            return
        except ValetkeyError as failure:
            # Nobody answered; or the secret was sealed under another master secret, which may come back.
            reason = str(failure)
        if status is not None and 200 <= status < 300:
            await self._outbox.sent(event.id, status)
            self._observer("sent", delivery)
            return
        if status is not None:
            reason = f"answered {status}"
        attempts = delivery.attempts + 1
        if attempts >= ATTEMPTS_MAX:
            await self._outbox.gave_up(event.id, reason)
            self._observer("gave_up", delivery)
            return
        await self._outbox.retry_at(event.id, self._clock.now() + pause_seconds(attempts), reason)
        self._observer("retry", delivery)

"""What becomes of a webhook: sent, tried again later, or given up."""

import asyncio

import pytest

from tests.unit.engine.sending import NOW, SECRET, OneDelivery, Receiver, StoppedClock, its_secret, send
from valetkey.core.errors import EnvironmentFailure, InvalidInput, ValetkeyError
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret
from valetkey.engine.webhooks import ATTEMPTS_MAX, LEASE_SECONDS, WebhookSender, pause_seconds


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_ends_it(status: int) -> None:
    outbox, receiver = OneDelivery(attempts=ATTEMPTS_MAX - 1), Receiver(status)
    assert send(outbox, receiver) == ["sent"]
    assert outbox.outcome == ("sent", status)
    assert outbox.lease_seconds == LEASE_SECONDS
    assert receiver.believed == [NOW]


@pytest.mark.parametrize("answer", [199, 300, 301, 404, 410, 500, EnvironmentFailure("nobody answered")])
@pytest.mark.parametrize("attempts", [0, 1, ATTEMPTS_MAX - 2])
def test_anything_else_is_tried_again_later(answer: int | ValetkeyError, attempts: int) -> None:
    outbox = OneDelivery(attempts)
    assert send(outbox, Receiver(answer)) == ["retry"]
    reason = f"answered {answer}" if isinstance(answer, int) else "nobody answered"
    assert outbox.outcome == ("retry", NOW + pause_seconds(attempts + 1), reason)


@pytest.mark.parametrize(("answer", "reason"), [(503, "answered 503"), (EnvironmentFailure("gone"), "gone")])
def test_the_last_try_gives_up(answer: int | ValetkeyError, reason: str) -> None:
    outbox = OneDelivery(ATTEMPTS_MAX - 1)
    assert send(outbox, Receiver(answer)) == ["gave_up"]
    assert outbox.outcome == ("gave up", reason)


def test_an_address_that_must_not_be_called_is_not_called_again() -> None:
    outbox = OneDelivery()
    assert send(outbox, Receiver(InvalidInput("not a public address"))) == ["gave_up"]
    assert outbox.outcome == ("gave up", "not a public address")


def test_a_secret_that_cannot_be_unsealed_waits_for_its_master_secret() -> None:
    async def sealed(agent_id: str) -> Secret:
        raise DecryptionFailed("invalid key or tampered ciphertext")

    outbox, receiver = OneDelivery(), Receiver(200)
    sender = WebhookSender(outbox, receiver, sealed, StoppedClock(), observer=lambda outcome, delivery: None)
    assert asyncio.run(sender.step()) == 1
    assert outbox.outcome[0] == "retry"
    assert not receiver.believed
    assert SECRET.reveal() not in repr(outbox.outcome)


def test_nothing_due_is_nothing_tried() -> None:
    outbox, receiver = OneDelivery(), Receiver(200)
    outbox.due = []
    sender = WebhookSender(
        outbox, receiver, its_secret, StoppedClock(), observer=lambda outcome, delivery: None
    )
    assert asyncio.run(sender.step()) == 0
    assert (outbox.outcome, receiver.believed) == ((), [])

"""webhooks.json: what the real client believes, and what the sender makes of its receiver's answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.vectors.files import names, vectors
from tests.vectors.leaks import parts_told
from valetkey.crypto.secret import Secret
from valetkey.engine.webhooks import WebhookSender
from valetkey.ports.ledger import Event
from valetkey.ports.outbox import Delivery
from valetkey.wire.http import SIGNATURE_HEADER
from valetkey.wire.webhooks import WebhookCode, WebhookError, sign_header, verify_header

WEBHOOKS = vectors("webhooks")
CASES = WEBHOOKS["cases"]
NOW = 1_772_323_200
CODES = {
    "age_301_stale": WebhookCode.STALE,
    "future_301": WebhookCode.STALE,
    "age_1_tolerance_0": WebhookCode.STALE,
    "milliseconds_timestamp": WebhookCode.STALE,
    "body_reserialized_with_spaces": WebhookCode.MISMATCH,
    "timestamp_swapped": WebhookCode.MISMATCH,
    "missing_t": WebhookCode.MALFORMED,
    "v0_only": WebhookCode.MALFORMED,
    "space_after_comma": WebhookCode.MALFORMED,
    "trailing_space": WebhookCode.MISMATCH,
    "uppercase_hex": WebhookCode.MISMATCH,
    "t_not_number": WebhookCode.MALFORMED,
    "t_empty": WebhookCode.MALFORMED,
    "sig_empty": WebhookCode.MALFORMED,
}


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_believes_what_the_client_believes(case: dict[str, Any]) -> None:
    secret, body = Secret(case["secret"]), case["body"].encode()
    if case["valid"]:
        verify_header(secret, case["header"], body, case["now"], case["toleranceSeconds"])
        return
    with pytest.raises(WebhookError) as caught:
        verify_header(secret, case["header"], body, case["now"], case["toleranceSeconds"])
    assert caught.value.code == CODES[case["name"]]
    assert not parts_told(caught.value, case["secret"].removeprefix("whsec_"))


def test_signs_as_the_server_does() -> None:
    signed = [case for case in CASES if case["name"] in {"valid", "empty_body", "age_299"}]
    assert len(signed) == 3
    for case in signed:
        timestamp = int(case["header"].partition(",")[0].removeprefix("t="))
        assert sign_header(Secret(case["secret"]), case["body"].encode(), timestamp) == case["header"]


class OneDelivery:
    """An outbox with one event, that remembers what became of it."""

    def __init__(self) -> None:
        event = Event("whk_1", "agt_1", "txn_1", "service.delivered", "https://a.example/webhook", b"{}")
        self.due = [Delivery(event, attempts=0, queued_at=NOW)]
        self.outcome: tuple[object, ...] = ()

    async def claim_due(self, limit: int, lease_seconds: int) -> list[Delivery]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def sent(self, event_id: str, http_status: int) -> None:
        self.outcome = ("sent", http_status)

    async def retry_at(self, event_id: str, at: int, reason: str) -> None:
        self.outcome = ("retry", at > NOW, reason)

    async def gave_up(self, event_id: str, reason: str) -> None:
        self.outcome = ("gave up", reason)

    async def next_due(self) -> int | None:
        return None


class Receiver:
    """Answers as the client's receiver does, and believes what it believes."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.believed = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.believed = verify_header(SECRET, headers[SIGNATURE_HEADER], body, NOW)
        return self.status


class Noon:
    def now(self) -> int:
        return NOW


SECRET = Secret("whsec_000102030405060708090a0b0c0d0e0f")


async def secret_of(agent_id: str) -> Secret:
    return SECRET


@pytest.mark.parametrize("case", WEBHOOKS["webhookServer"], ids=names(WEBHOOKS["webhookServer"]))
def test_only_a_success_of_the_receiver_ends_the_sending(case: dict[str, Any]) -> None:
    outbox, receiver, told = OneDelivery(), Receiver(case["status"]), list[str]()
    sender = WebhookSender(
        outbox, receiver, secret_of, Noon(), observer=lambda outcome, delivery: told.append(outcome)
    )
    assert asyncio.run(sender.step()) == 1
    assert receiver.believed == NOW
    if case["status"] == 200:
        assert outbox.outcome == ("sent", 200)
    else:
        assert outbox.outcome == ("retry", True, f"answered {case['status']}")
    assert told == ["sent" if case["status"] == 200 else "retry"]

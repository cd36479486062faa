"""Webhook events: who is told, and what the body says."""

import json
from dataclasses import replace

import pytest

from tests.unit.engine.purchase import AGREED, PAID, USDC
from tests.unit.engine.test_gate import RECORD, order
from valetkey.core.ids import Kind, is_id
from valetkey.core.service import Service
from valetkey.engine.events import ESCROW_FUNDED, escrow_event, service_delivered
from valetkey.wire.proofs import escrow_id, payload_digest

URL = "https://a.example/webhook"
PAYLOAD = b'{ "b":1.0 }'


def test_the_buyer_is_told_what_was_delivered() -> None:
    called_back = replace(AGREED, callback_url=URL)
    (event,) = service_delivered(called_back, PAYLOAD, payload_digest(PAYLOAD), 1_772_323_200)
    assert (event.agent_id, event.url, event.name) == (AGREED.buyer_id, URL, "service.delivered")
    assert event.transaction_id == AGREED.id
    assert is_id(Kind.WEBHOOK, event.id)
    assert PAYLOAD in event.body
    assert json.loads(event.body) == {
        "event": "service.delivered",
        "transactionId": AGREED.id,
        "serviceId": AGREED.service_id,
        "responsePayload": {"b": 1.0},
        "deliveredAt": "2026-03-01T00:00:00.000Z",
        "deliveryProof": payload_digest(PAYLOAD),
    }


def test_the_seller_is_told_what_the_chain_shows() -> None:
    service = replace(order(RECORD).service, endpoint_url=URL, title="Review")
    (event,) = escrow_event(ESCROW_FUNDED, AGREED, service, PAID)
    assert (event.agent_id, event.url, event.name) == (AGREED.seller_id, URL, "escrow.funded")
    assert json.loads(event.body) == {
        "event": "escrow.funded",
        "transactionId": AGREED.id,
        "escrowId": "0x" + escrow_id(AGREED.id).hex(),
        "serviceId": AGREED.service_id,
        "serviceTitle": "Review",
        "lockedAmount": "2500000",
        "platformFee": "50000",
        "currency": "USDC",
        "token": USDC,
        "buyer": PAID.buyer,
        "seller": PAID.seller,
    }


@pytest.mark.parametrize("service", [None, order(RECORD).service])
def test_nobody_is_told_where_nobody_listens(service: Service | None) -> None:
    assert escrow_event(ESCROW_FUNDED, AGREED, service, PAID) == ()
    assert service_delivered(AGREED, PAYLOAD, "", 0) == ()

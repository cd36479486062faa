"""Webhook bodies: the contract's members in its spelling, and payloads byte for byte."""

import json

import msgspec
import pytest

from valetkey.wire.events import EscrowEvent, ServiceDelivered
from valetkey.wire.http import encode

DELIVERED = ServiceDelivered(
    event="service.delivered",
    transaction_id="txn_1",
    service_id="svc_1",
    response_payload=msgspec.Raw(b'{ "b":1.0,"a":[1e2] }'),
    delivered_at="2026-03-01T00:00:00.000Z",
    delivery_proof="ab" * 32,
)
ESCROW = EscrowEvent(
    event="escrow.funded",
    transaction_id="txn_1",
    escrow_id="0x" + "cd" * 32,
    service_id="svc_1",
    service_title="Review \u00e9",
    locked_amount="1000000000000000000000000000000",
    platform_fee="0",
    currency="USDC",
    token="0xt",
    buyer="0xb",
    seller="0xs",
)


@pytest.mark.parametrize(
    ("event", "members"),
    [
        (DELIVERED, "event transactionId serviceId responsePayload deliveredAt deliveryProof"),
        (
            ESCROW,
            "event transactionId escrowId serviceId serviceTitle lockedAmount platformFee currency token buyer seller",
        ),
    ],
)
def test_members_are_spelled_as_the_contract_spells_them(event: msgspec.Struct, members: str) -> None:
    assert list(json.loads(encode(event))) == members.split()


def test_what_was_delivered_is_told_byte_for_byte() -> None:
    assert b'"responsePayload":{ "b":1.0,"a":[1e2] },' in encode(DELIVERED)
    again = msgspec.json.decode(encode(DELIVERED), type=ServiceDelivered)
    assert bytes(again.response_payload) == bytes(DELIVERED.response_payload)


def test_amounts_are_texts_of_integers() -> None:
    told = json.loads(encode(ESCROW))
    assert (told["lockedAmount"], told["platformFee"]) == ("1" + "0" * 30, "0")
    assert msgspec.json.decode(encode(ESCROW), type=EscrowEvent) == ESCROW

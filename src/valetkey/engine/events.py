"""Webhook events: what is told to whom when a transaction moves. Bodies are JSON, fixed when they are queued."""

import msgspec

from valetkey.core.escrow import Escrow
from valetkey.core.ids import Kind
from valetkey.core.service import Service
from valetkey.core.transaction import Transaction
from valetkey.crypto.credentials import new_id
from valetkey.ports.ledger import Event
from valetkey.wire.events import EscrowEvent, ServiceDelivered
from valetkey.wire.http import encode
from valetkey.wire.proofs import escrow_id
from valetkey.wire.timestamps import iso_timestamp

SERVICE_DELIVERED = "service.delivered"
ESCROW_FUNDED = "escrow.funded"
ESCROW_RELEASED = "escrow.released"
ESCROW_FINALIZED = "escrow.finalized"


def service_delivered(
    transaction: Transaction, payload: bytes, proof: str, delivered_at: int
) -> tuple[Event, ...]:
    """Tells the buyer's callback URL what was delivered (unix seconds); nothing when there is no URL."""
    if transaction.callback_url is None:
        return ()
    body = ServiceDelivered(
        event=SERVICE_DELIVERED,
        transaction_id=transaction.id,
        service_id=transaction.service_id,
        response_payload=msgspec.Raw(payload),
        delivered_at=iso_timestamp(delivered_at),
        delivery_proof=proof,
    )
    return (
        _event(SERVICE_DELIVERED, transaction.buyer_id, transaction, transaction.callback_url, encode(body)),
    )


def escrow_event(
    name: str, transaction: Transaction, service: Service | None, escrow: Escrow
) -> tuple[Event, ...]:
    """Tells the service's endpoint what happened to the escrow; nothing when the service has no endpoint."""
    if service is None or service.endpoint_url is None:
        return ()
    body = EscrowEvent(
        event=name,
        transaction_id=transaction.id,
        escrow_id="0x" + escrow_id(transaction.id).hex(),
        service_id=transaction.service_id,
        service_title=service.title,
        locked_amount=str(escrow.locked_amount),
        platform_fee=str(escrow.platform_fee),
        currency=transaction.total.asset.currency,
        token=escrow.token,
        buyer=escrow.buyer,
        seller=escrow.seller,
    )
    return (_event(name, transaction.seller_id, transaction, service.endpoint_url, encode(body)),)


def _event(name: str, agent_id: str, transaction: Transaction, url: str, body: bytes) -> Event:
    return Event(
        id=new_id(Kind.WEBHOOK),
        agent_id=agent_id,
        transaction_id=transaction.id,
        name=name,
        url=url,
        body=body,
    )

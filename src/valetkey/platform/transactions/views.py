"""A transaction as JSON, as one of its parties sees it."""

import msgspec

from valetkey.core.escrow import Escrow
from valetkey.core.money import to_decimal
from valetkey.core.transaction import Party, Transaction
from valetkey.platform.context import Platform
from valetkey.wire.proofs import escrow_id
from valetkey.wire.shape import Payload
from valetkey.wire.timestamps import iso_timestamp
from valetkey.wire.transactions import AgentRef, FundResult, OnChain, ServiceRef, TransactionView

SESSION_BUYER_NAME = "delegated session"
"""What a seller reads instead of the owner's name: the name would tell whose session it is."""


async def transaction_view(platform: Platform, transaction: Transaction, party: Party) -> TransactionView:
    """Everything that this party may know."""
    asset = transaction.total.asset
    buying = party is Party.BUYER
    service = await platform.store.service(transaction.service_id)
    seller = await platform.store.agent(transaction.seller_id)
    if buying or transaction.session_id is None:
        buyer = await platform.store.agent(transaction.buyer_id)
        buyer_id, buyer_name = transaction.buyer_id, buyer.name if buyer else ""
    else:
        buyer_id, buyer_name = transaction.buyer_alias, SESSION_BUYER_NAME

    return TransactionView(
        id=transaction.id,
        service_id=transaction.service_id,
        buyer_agent_id=buyer_id,
        seller_agent_id=transaction.seller_id,
        quantity=transaction.quantity,
        unit_price=to_decimal(transaction.unit_price, asset.decimals),
        subtotal=to_decimal(transaction.subtotal, asset.decimals),
        platform_fee=to_decimal(transaction.platform_fee, asset.decimals),
        seller_fee=to_decimal(0, asset.decimals),
        total_charged=to_decimal(transaction.total.units, asset.decimals),
        seller_receives=to_decimal(transaction.subtotal, asset.decimals),
        currency=asset.currency,
        payment_method=transaction.payment_method,
        payment_status=str(transaction.payment_status),
        status=str(transaction.status),
        created_at=iso_timestamp(transaction.created_at),
        updated_at=iso_timestamp(transaction.updated_at),
        escrow_address=transaction.escrow_address,
        escrow_tx_hash=transaction.escrow_tx_hash,
        callback_url=transaction.callback_url if buying else None,
        request_payload=_raw(transaction.request_payload),
        response_payload=_raw(transaction.response_payload),
        delivery_proof=transaction.delivery_proof,
        delivered_at=_date(transaction.delivered_at),
        completed_at=_date(transaction.completed_at),
        dispute_reason=transaction.dispute_reason,
        my_role=str(party),
        service=ServiceRef(id=service.id, title=service.title, category=service.category)
        if service
        else None,
        buyer_agent=AgentRef(id=buyer_id, agent_name=buyer_name),
        seller_agent=AgentRef(id=transaction.seller_id, agent_name=seller.name if seller else ""),
        session_id=transaction.session_id if buying else None,
        network=transaction.network,
        escrow_id="0x" + escrow_id(transaction.id).hex(),
        buyer_address=transaction.buyer_address,
        seller_address=transaction.seller_address,
        expires_at=iso_timestamp(transaction.checkout_ends_at),
        dispute_window=transaction.dispute_window or None,
        abandonment_grace=transaction.abandonment_grace or None,
        criteria_hash=transaction.criteria_hash,
    )


def fund_result(transaction: Transaction, escrow: Escrow, tx_hash: str) -> FundResult:
    """The answer to a proven payment: the same however often, and however late, it is asked."""
    return FundResult(
        id=transaction.id,
        status="escrowed",
        escrow_tx_hash=tx_hash,
        on_chain=OnChain(
            escrow_id="0x" + escrow_id(transaction.id).hex(),
            buyer=escrow.buyer,
            seller=escrow.seller,
            locked_amount=str(escrow.locked_amount),
            platform_fee=str(escrow.platform_fee),
            status=escrow.status.name.capitalize(),
        ),
    )


def _raw(payload: bytes | None) -> Payload:
    return msgspec.UNSET if payload is None else msgspec.Raw(payload)


def _date(seconds: int | None) -> str | None:
    return None if seconds is None else iso_timestamp(seconds)

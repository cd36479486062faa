"""Steps of a transaction. What moves money is read from the chain; nothing that a caller claims is taken for it."""

from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Role
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.engine.events import service_delivered
from valetkey.engine.funding import prove, unlike
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import RefusedRequest, refused
from valetkey.platform.transactions.sight import party_of, seen, seen_as
from valetkey.platform.transactions.views import fund_result, transaction_view
from valetkey.platform.transactions.waiting import patiently
from valetkey.ports.ledger import Change, Facts, TransactionQuery
from valetkey.wire.proofs import payload_digest
from valetkey.wire.transactions import (
    DeliverRequest,
    FundResult,
    TransactionListQuery,
    TransactionPage,
    TransactionView,
)


async def listed(platform: Platform, caller: Caller, asked: TransactionListQuery) -> TransactionPage:
    """A page of what the caller may see, newest first; shorter than its limit where payloads are long."""
    limit = page_limit(asked.limit)
    session = caller.session.session if caller.session else None
    role, session_id, service_ids = asked.role, None, None
    if session is not None:
        role, session_id = ("seller", None) if session.role is Role.SELLER else ("buyer", session.id)
        if asked.role not in ("all", role):
            return TransactionPage(transactions=[], total=0, limit=limit, offset=asked.offset)
        if session.role is Role.SELLER:
            service_ids = session.policy.allowed_services
    query = TransactionQuery(
        agent_id=caller.agent.id,
        role=role,
        session_id=session_id,
        service_ids=service_ids,
        status=asked.status,
        limit=limit,
        offset=asked.offset,
    )
    found, total = await platform.store.transactions(query)
    views = []
    for transaction in found:
        party = party_of(caller, transaction)
        # Whoever is on both sides of the market sees each purchase from the side that was asked for.
        if asked.role == "seller" and transaction.seller_id == caller.agent.id:
            party = Party.SELLER
        if party is not None:
            views.append(await transaction_view(platform, transaction, party))
    return TransactionPage(transactions=views, total=total, limit=limit, offset=asked.offset)


async def show(platform: Platform, caller: Caller, transaction_id: str) -> TransactionView:
    """One transaction."""
    transaction, party = await seen(platform, caller, transaction_id)
    return await transaction_view(platform, transaction, party)


async def signed(platform: Platform, caller: Caller, transaction_id: str) -> TransactionView:
    """The buyer signed a payment: until proof its money counts as gone. Repeating it changes nothing."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    if transaction.status is TransactionStatus.PENDING:
        await platform.store.mark_signed(transaction.id)
    return await show(platform, caller, transaction_id)


async def fund(platform: Platform, caller: Caller, transaction_id: str, tx_hash: str) -> FundResult:
    """Prove a payment from the chain and capture its hold; the same hash answers the same, however often."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    tx_hash = tx_hash.lower()
    reader = platform.marketplace(transaction.network).reader
    proof = await prove(reader, transaction, tx_hash)
    if isinstance(proof, Refused) and proof.first.code in _PATIENCE:
        if transaction.status is TransactionStatus.PENDING:
            # Whoever knows a hash has signed something.
            await platform.store.mark_signed(transaction.id)
        proof = await patiently(
            lambda: prove(reader, transaction, tx_hash),
            lambda seen: not isinstance(seen, Refused) or seen.first.code not in _PATIENCE,
            platform.settings.proof_wait_seconds
            if proof.first.code is Code.FUNDING_UNCONFIRMED
            else platform.settings.step_wait_seconds,
        )
    if isinstance(proof, Refused):
        raise RefusedRequest(proof)
    if transaction.payment_status is not PaymentStatus.PAID:
        done = await platform.settlement.funded(transaction, proof, tx_hash, Party.BUYER)
        if isinstance(done, Refused):
            # The reconciler may have been faster; it proves the same.
            again = await platform.store.transaction(transaction.id)
            if again is None or again.payment_status is not PaymentStatus.PAID:
                raise RefusedRequest(done)
            transaction = again
        else:
            transaction = done
    # The reconciler proves by the escrow alone, and does not know by which transaction it was made.
    named = await platform.settlement.named(transaction, tx_hash)
    if isinstance(named, Refused):
        raise RefusedRequest(named)
    return fund_result(transaction, proof, tx_hash)


_PATIENCE = frozenset({Code.FUNDING_NOT_FOUND, Code.FUNDING_UNCONFIRMED})
"""Refusals that a moment may change."""


async def deliver(
    platform: Platform, caller: Caller, transaction_id: str, asked: DeliverRequest
) -> TransactionView:
    """Keep what the seller delivers and tell the buyer's callback. The same payload again is the same delivery."""
    transaction = await seen_as(platform, caller, transaction_id, Party.SELLER)
    payload = bytes(asked.response_payload)
    if transaction.response_payload == payload:
        return await transaction_view(platform, transaction, Party.SELLER)
    now = platform.clock.now()
    proof = payload_digest(payload)
    done = await platform.store.change(
        transaction.id,
        Change(
            step=Step.DELIVER,
            party=Party.SELLER,
            facts=Facts(response_payload=payload, delivery_proof=proof, delivered_at=now),
            events=service_delivered(transaction, payload, proof, now),
        ),
    )
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return await transaction_view(platform, done, Party.SELLER)


async def confirm(platform: Platform, caller: Caller, transaction_id: str) -> TransactionView:
    """Follow the chain: the purchase is complete when its escrow was released. Nothing is released by this."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    if transaction.status is TransactionStatus.COMPLETED:
        return await transaction_view(platform, transaction, Party.BUYER)
    reader = platform.marketplace(transaction.network).reader
    escrow = await patiently(
        lambda: reader.escrow(transaction.id), _is_released, platform.settings.step_wait_seconds
    )
    if escrow is None or not _is_released(escrow):
        raise refused(
            Code.ESCROW_NOT_RELEASED,
            "escrow",
            "the chain does not show that the escrow was released",
            hint="call accept on the escrow contract first",
        )
    if transaction.payment_status is not PaymentStatus.PAID:
        transaction = await _capture(platform, transaction)
    done = await platform.settlement.released(transaction, escrow, Party.BUYER, accepted=True)
    if isinstance(done, Refused):
        again = await platform.store.transaction(transaction.id)
        if again is None or again.status is not TransactionStatus.COMPLETED:
            raise RefusedRequest(done)
        done = again
    return await transaction_view(platform, done, Party.BUYER)


def _is_released(escrow: Escrow | None) -> bool:
    return escrow is not None and escrow.status is EscrowStatus.RELEASED


async def _capture(platform: Platform, transaction: Transaction) -> Transaction:
    """Capture a payment that nobody told the platform of, when a final block shows it; otherwise change nothing."""
    reader = platform.marketplace(transaction.network).reader
    final = await reader.final()
    escrow = await reader.escrow(transaction.id, at_block=final.number)
    if escrow is None or await unlike(reader, transaction, escrow) is not None:
        return transaction
    done = await platform.settlement.funded(transaction, escrow, None, Party.PLATFORM)
    return transaction if isinstance(done, Refused) else done

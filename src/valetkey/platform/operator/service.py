"""Disputes for whoever resolves them: both sides' evidence, and the decision, which the resolver's account sends."""

from valetkey.core.escrow import DisputeOutcome, Escrow, EscrowStatus
from valetkey.core.ids import Kind
from valetkey.core.refusal import Code, Refused
from valetkey.core.transaction import Transaction
from valetkey.crypto.credentials import new_id
from valetkey.platform.context import Network, Platform, RelayDesk
from valetkey.platform.grants.views import relay_view
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.ports.relays import Relay, RelayLimits, RelayState
from valetkey.ports.wallet import Call, CallReverts
from valetkey.wire import grant_calls
from valetkey.wire.granting import RelayView
from valetkey.wire.operator import EvidenceView, OpenDisputeView, ResolveRequest
from valetkey.wire.proofs import escrow_id
from valetkey.wire.timestamps import iso_timestamp

MARGIN_PERCENT = 130
UNLIMITED = RelayLimits(None, None)
"""The operator pays for its own decisions."""

_OUTCOMES = {
    "buyer_refund": DisputeOutcome.BUYER_REFUND,
    "seller_paid": DisputeOutcome.SELLER_PAID,
    "split": DisputeOutcome.SPLIT,
}


async def show(platform: Platform, transaction_id: str) -> OpenDisputeView:
    """A dispute with everything that was said about it."""
    transaction = await _transaction(platform, transaction_id)
    if transaction.dispute_reason is None:
        raise NotFound("This transaction was not disputed")
    sides = {transaction.buyer_id: "buyer", transaction.seller_id: "seller"}
    return OpenDisputeView(
        transaction_id=transaction.id,
        status=str(transaction.status),
        reason=transaction.dispute_reason,
        disputed_at=iso_timestamp(transaction.disputed_at or transaction.updated_at),
        delivery_proof=transaction.delivery_proof,
        criteria_hash=transaction.criteria_hash,
        evidence=[
            EvidenceView(
                id=one.id,
                submitted_by=sides.get(one.submitted_by, "unknown"),
                evidence_type=one.evidence_type,
                description=one.description,
                content_hash=one.content_hash,
                ipfs_hash=one.ipfs_hash,
                created_at=iso_timestamp(one.created_at),
            )
            for one in await platform.store.evidence(transaction.id)
        ],
    )


async def resolve(platform: Platform, transaction_id: str, asked: ResolveRequest) -> RelayView:
    """Have the resolver decide on chain; the platform follows when the chain shows it. The same again is harmless."""
    transaction = await _transaction(platform, transaction_id)
    network = platform.marketplace(transaction.network)
    outcome = _OUTCOMES[asked.outcome]
    percent = asked.buyer_percent if outcome is DisputeOutcome.SPLIT else 0
    identity = escrow_id(transaction.id)
    call = grant_calls.resolve_dispute(network.escrow_address, identity, int(outcome), percent or 0)
    desk = platform.resolvers.get(network.asset.chain_id)
    if desk is None:
        raise refused(
            Code.RELAY_UNAVAILABLE,
            "resolver",
            "this platform does not have the resolver's key",
            hint=f"send 0x{call.data.hex()} to {call.to} from the resolver's account; the platform follows the chain",
        )
    purpose = f"resolve {transaction.id}"
    known = await platform.store.relay_of_purpose(network.asset.chain_id, desk.sender.address, purpose)
    if known is None or not (known.is_open or known.state is RelayState.DONE):
        escrow = await network.reader.escrow(transaction.id)
        _check_disputed(escrow)
        known = await _queue(platform, network, desk, purpose, call)
    return relay_view(known)


async def _queue(platform: Platform, network: Network, desk: RelayDesk, purpose: str, call: Call) -> Relay:
    problem, gas = "", 0
    try:
        gas = await desk.sender.estimate(call) * MARGIN_PERCENT // 100
    except CallReverts as error:
        problem = str(error)
    if problem:
        raise refused(Code.RELAY_REFUSED, "contract", f"the contract would refuse it: {problem}")
    fee, _ = await desk.sender.fees()
    queued = await platform.store.queue_relay(
        Relay(
            id=new_id(Kind.RELAY),
            chain_id=network.asset.chain_id,
            sender=desk.sender.address,
            purpose=purpose,
            owner_id=OPERATOR,
            to=call.to,
            data=call.data,
            gas=gas,
            cost_max=gas * fee,
            made_at=platform.clock.now(),
        ),
        UNLIMITED,
    )
    if isinstance(queued, Refused):
        raise RefusedRequest(queued)
    desk.wanted.set()
    return queued


OPERATOR = "operator"


async def relay(platform: Platform, relay_id: str) -> RelayView:
    """What became of a decision."""
    found = await platform.store.relay(relay_id)
    if found is None or found.owner_id != OPERATOR:
        raise NotFound("Relay not found")
    return relay_view(found)


async def _transaction(platform: Platform, transaction_id: str) -> Transaction:
    found = await platform.store.transaction(transaction_id)
    if found is None:
        raise NotFound("Transaction not found")
    return found


def _check_disputed(escrow: Escrow | None) -> None:
    if escrow is None or escrow.status is not EscrowStatus.DISPUTED:
        raise refused(
            Code.ESCROW_NOT_DISPUTED, "escrow", "the chain does not show that the escrow is disputed"
        )

"""What session keys signed, checked and handed to the relayer: escrows, payments, steps on escrows.

Nothing is sent from here. What may move money is written to the ledger before it is queued, and the queue is a table.
"""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code, Refused
from valetkey.core.spend import HoldState
from valetkey.core.transaction import Party, Transaction, TransactionStatus
from valetkey.crypto.keys import keccak256
from valetkey.engine.drawing import Drawing
from valetkey.engine.funding import same_address
from valetkey.engine.granting import is_signed
from valetkey.platform.callers import Caller
from valetkey.platform.context import Network, Platform, RelayDesk
from valetkey.platform.grants.giving import network_of
from valetkey.platform.grants.views import relay_view
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.platform.spends.service import seen as seen_spend
from valetkey.platform.transactions.sight import seen_as
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.relays import Relay
from valetkey.ports.wallet import Call
from valetkey.wire import grant_calls
from valetkey.wire.granting import (
    RelayFundingRequest,
    RelaySpendRequest,
    RelayStepRequest,
    RelayView,
    signature_bytes,
)
from valetkey.wire.grants import (
    ESCROW_NAME,
    Domain,
    GrantSpend,
    funding_message,
    grant_hash,
    proof_of,
    spend_message,
    step_message,
    struct_hash,
)
from valetkey.wire.proofs import escrow_id

FUND_GAS = 450_000
"""The limit where the call cannot be tried yet, because its grant is not known on chain."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """A grant that the calling session may draw on now, and who sends its transactions."""

    signed: SignedGrant
    network: Network
    desk: RelayDesk
    caller: Caller

    @property
    def domain(self) -> Domain:
        return Domain(self.signed.chain_id, self.signed.contract)

    def proof(self, payee: str) -> list[bytes]:
        """What shows that a payee is in the grant's tree; nothing when it has none."""
        assert self.caller.session is not None
        return proof_of(self.signed.grant.payees, self.caller.session.session.policy.allowed_payees, payee)

    def drawing(self, platform: Platform) -> Drawing:
        """What writes and queues."""
        return Drawing(
            platform.store, self.desk.sender, self.desk.limits, platform.clock, self.desk.wanted.set
        )


async def fund(
    platform: Platform, caller: Caller, transaction_id: str, asked: RelayFundingRequest
) -> RelayView:
    """Send the escrow that a session key signed for. Its money counts as gone from here on, until proof."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    network = platform.marketplace(transaction.network)
    draw = await _draw(platform, caller, network)
    spend = _funding(draw, transaction, asked)
    signature = signature_bytes(asked.signature)
    message = funding_message(grant_hash(draw.signed.grant), spend)
    _check_key(draw, struct_hash("EscrowFunding", message), signature)
    known = await platform.store.relay_of_purpose(
        draw.signed.chain_id, draw.desk.sender.address, purpose := f"fund {transaction.id}"
    )
    if known is None or not known.is_open:
        _check_time(platform, asked.signed_until, transaction.checkout_ends_at)
        if transaction.status is not TransactionStatus.PENDING:
            raise refused(Code.WRONG_STATUS, "status", f"this purchase is {transaction.status}")
    call = grant_calls.create_escrow_with_session(
        network.escrow_address,
        escrow_id(transaction.id),
        transaction.seller_address,
        transaction.total.units,
        asked.deadline,
        transaction.dispute_window,
        transaction.abandonment_grace,
        _criteria(transaction),
        draw.signed.grant,
        spend,
        signature,
        draw.proof(transaction.seller_address),
    )
    if transaction.status is TransactionStatus.PENDING:
        await platform.store.mark_signed(transaction.id)
    return await _queue(platform, draw, purpose, call, FUND_GAS, asked.signed_until)


async def pay(platform: Platform, caller: Caller, spend_id: str, asked: RelaySpendRequest) -> RelayView:
    """Send a payment out of the grant that a session key signed for a spend that is held."""
    record = await seen_spend(platform, caller, spend_id)
    hold = record.hold
    amount = hold.request.amount
    draw = await _draw(platform, caller, network_of(platform, amount.asset.chain_id))
    if not same_address(amount.asset.address, draw.signed.grant.token):
        raise refused(
            Code.GRANT_MISMATCH,
            "token",
            f"the grant is about {draw.network.asset.id}: a chain's own coin and other tokens have no allowance",
        )
    if record.transaction_id is not None:
        raise refused(Code.WRONG_STATUS, "transaction", "a purchase is paid through its escrow")
    if not same_address(asked.payee, draw.signed.grant.key) and (
        hold.request.payee is None or not same_address(asked.payee, hold.request.payee)
    ):
        raise refused(Code.GRANT_MISMATCH, "payee", "the spend was decided for another payee")
    wanted = GrantSpend(
        payee=asked.payee,
        amount=amount.units,
        reference=keccak256(hold.id.encode("ascii")),
        nonce=int(asked.nonce),
        deadline=asked.signed_until,
        executor=draw.desk.sender.address,
    )
    signature = signature_bytes(asked.signature)
    _check_key(draw, struct_hash("Spend", spend_message(grant_hash(draw.signed.grant), wanted)), signature)
    if hold.state is HoldState.HELD:
        _check_time(platform, asked.signed_until, None)
    proof = draw.proof(asked.payee)
    done = await draw.drawing(platform).pay(hold.id, draw.signed, wanted, signature, proof, by=caller.actor)
    return _seen(done)


async def step(platform: Platform, caller: Caller, transaction_id: str, asked: RelayStepRequest) -> RelayView:
    """Send a buyer's step on an escrow that its session key signed: accept, dispute or claim."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    network = platform.marketplace(transaction.network)
    draw = await _draw(platform, caller, network, alive=False)
    signature = signature_bytes(asked.signature)
    identity = escrow_id(transaction.id)
    domain = Domain(draw.signed.chain_id, network.escrow_address, ESCROW_NAME)
    message = step_message(identity, asked.step, asked.signed_until)
    digest = domain.digest(struct_hash("BuyerStep", message))
    if not is_signed(digest, signature, draw.signed.grant.key):
        raise InvalidInput("this is not the session key's signature", code="invalid_signature")
    _check_time(platform, asked.signed_until, None)
    call = grant_calls.step_signed(
        network.escrow_address, identity, asked.step, asked.signed_until, signature
    )
    return await _queue(
        platform, draw, f"step {asked.step} {transaction.id}", call, FUND_GAS, asked.signed_until, known=True
    )


async def show(platform: Platform, caller: Caller, relay_id: str) -> RelayView:
    """What became of something that the relayer sends, for its session and its owner."""
    relay = await platform.store.relay(relay_id)
    if relay is None or relay.owner_id != caller.agent.id:
        raise NotFound("Relay not found")
    if caller.session is not None and relay.session_id != caller.session.session.id:
        raise NotFound("Relay not found")
    return relay_view(relay)


async def _draw(platform: Platform, caller: Caller, network: Network, *, alive: bool = True) -> _Draw:
    if caller.session is None:
        raise refused(
            Code.WRONG_PARTY, "caller", "an owner sends its own transactions", hint="use a session token"
        )
    chain_id = network.asset.chain_id
    signed = await platform.store.grant_of_session(caller.session.session.id, chain_id)
    dead = signed is not None and signed.status in (GrantStatus.REVOKING, GrantStatus.REVOKED)
    # One of a contract that was served before is followed no more, and so must not be drawn on.
    if signed is None or (alive and (dead or signed.contract != network.view.contracts.allowance)):
        raise refused(
            Code.GRANT_NEEDED,
            "grant",
            "the session has no living grant on this chain",
            hint="ask the owner for one",
        )
    desk = platform.relayers.get(chain_id)
    if desk is None:
        raise refused(
            Code.RELAY_UNAVAILABLE,
            "relayer",
            f"this platform sends no transactions on {network.name}",
            hint="send it with the session's wallet, which then pays the gas",
        )
    return _Draw(signed, network, desk, caller)


def _funding(draw: _Draw, transaction: Transaction, asked: RelayFundingRequest) -> GrantSpend:
    return GrantSpend(
        payee=transaction.seller_address,
        amount=transaction.total.units,
        reference=grant_calls.escrow_reference(
            escrow_id(transaction.id),
            transaction.seller_address,
            transaction.total.units,
            draw.signed.grant.token,
            asked.deadline,
            transaction.dispute_window,
            transaction.abandonment_grace,
            _criteria(transaction),
        ),
        nonce=int(asked.nonce),
        deadline=asked.signed_until,
        executor=draw.network.escrow_address,
    )


def _criteria(transaction: Transaction) -> bytes:
    text = transaction.criteria_hash
    return bytes(32) if text is None else bytes.fromhex(text.removeprefix("0x"))


def _check_key(draw: _Draw, struct: bytes, signature: bytes) -> None:
    if not is_signed(draw.domain.digest(struct), signature, draw.signed.grant.key):
        raise InvalidInput(
            "this is not the session key's signature of what was asked for", code="invalid_signature"
        )


def _check_time(platform: Platform, until: int, latest: int | None) -> None:
    if until <= platform.clock.now():
        raise InvalidInput("the signature is past its end", field="signedUntil")
    if latest is not None and until > latest:
        # The hold is given back when the checkout is over: nothing may move after that.
        raise InvalidInput("the signature has to end with the checkout", field="signedUntil")


async def _queue(
    platform: Platform, draw: _Draw, purpose: str, call: Call, gas: int, until: int, *, known: bool = False
) -> RelayView:
    done = await draw.drawing(platform).queue(draw.signed, purpose, call, gas, until, known=known)
    return _seen(done)


def _seen(done: Relay | Refused) -> RelayView:
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return relay_view(done)

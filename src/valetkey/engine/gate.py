"""The one spend gate: every purchase becomes a transaction and a hold here, or a refusal, and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass

from valetkey.core.agent import Agent
from valetkey.core.decide import Allowed, decide
from valetkey.core.fees import platform_fee
from valetkey.core.ids import Kind
from valetkey.core.money import Asset, Money
from valetkey.core.refusal import Refused
from valetkey.core.service import Service
from valetkey.core.spend import SpendRequest
from valetkey.core.transaction import Transaction, spend_request
from valetkey.crypto.credentials import new_id
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Asking, Idempotency, LedgerStore, Spend, SpendRecord
from valetkey.ports.watching import Step, watched

ALLOWED = "allowed"
"""How a decision is told that is no refusal; those are told by the code of their first reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a buyer asks for. `session` is None when the owner buys: no delegated authority is spent then.

    `asset` is the currency on the service's chain, `escrow_address` the contract that will hold the money. Windows
    are seconds, 0 is the contract's default.
    """

    service: Service
    seller: Agent
    buyer: Agent
    session: SessionRecord | None
    quantity: int
    asset: Asset
    escrow_address: str
    payment_method: str
    callback_url: str | None = None
    request_payload: bytes | None = None
    dispute_window: int = 0
    abandonment_grace: int = 0
    criteria_hash: str | None = None


class SpendGate:
    """Turns orders into transactions. The store decides with core's rules, in one database transaction."""

    def __init__(self, ledger: LedgerStore, clock: Clock, checkout_seconds: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._checkout_seconds = checkout_seconds

    async def spend(
        self,
        order: Order,
        idempotency: Idempotency | None = None,
        asking: Callable[[Transaction], Asking] | None = None,
    ) -> Transaction | Refused:
        """Place the order: its transaction with the hold on the session's budget, or every reason why not.

        `asking` makes the question to the owner, for when the purchase passes a threshold.
        """
        transaction = self._transaction(order)
        question = asking(transaction) if asking and transaction.hold_id else None
        with watched(Step.GATE) as step:
            placed = await self._ledger.place(transaction, idempotency, question)
            step.tell(decision=_decision(placed))
        return placed

    def check(self, record: SessionRecord, request: SpendRequest) -> Allowed | Refused:
        """What the gate would say now to a session: the dry run. Nothing is held, and nothing is remembered."""
        return decide(record.session, request, self._clock.now(), record.ancestors)

    def check_order(self, order: Order) -> tuple[Money, Allowed | Refused]:
        """What an order would cost, fee included, and what the gate would say now: the dry run of `spend`."""
        assert order.session is not None, "an owner buys without asking"
        transaction = self._transaction(order)
        return transaction.total, self.check(order.session, spend_request(transaction))

    async def hold_spend(
        self, spend: Spend, idempotency: Idempotency | None, asking: Asking
    ) -> SpendRecord | Refused:
        """Place the hold of a spend that is no purchase, or every reason why not."""
        with watched(Step.GATE) as step:
            placed = await self._ledger.hold_spend(spend, idempotency, asking)
            step.tell(decision=_decision(placed))
        return placed

    async def remembered(self, idempotency: Idempotency | None) -> Transaction | Refused | None:
        """What this key was answered before, whatever changed since; None when the order is new."""
        return None if idempotency is None else await self._ledger.remembered(idempotency)

    def _transaction(self, order: Order) -> Transaction:
        now = self._clock.now()
        service, session = order.service, order.session
        subtotal = service.price * order.quantity
        fee = platform_fee(subtotal)
        return Transaction(
            id=new_id(Kind.TRANSACTION),
            service_id=service.id,
            buyer_id=order.buyer.id,
            buyer_alias=session.alias if session else order.buyer.id,
            buyer_address=_payer(order),
            session_key=session.wallet_address if session and session.funding is Funding.GRANT else None,
            seller_id=order.seller.id,
            # As it is now: a seller that moves later is still paid where the buyer agreed to pay.
            seller_address=order.seller.wallet_address,
            session_id=session.session.id if session else None,
            hold_id=new_id(Kind.HOLD) if session else None,
            quantity=order.quantity,
            unit_price=service.price,
            subtotal=subtotal,
            platform_fee=fee,
            total=Money(subtotal + fee, order.asset),
            network=service.network,
            escrow_address=order.escrow_address,
            payment_method=order.payment_method,
            checkout_ends_at=now + self._checkout_seconds,
            created_at=now,
            updated_at=now,
            callback_url=order.callback_url,
            request_payload=order.request_payload,
            dispute_window=order.dispute_window,
            abandonment_grace=order.abandonment_grace,
            criteria_hash=order.criteria_hash,
        )


def _decision(placed: object) -> str:
    return placed.first.code.value if isinstance(placed, Refused) else ALLOWED


def _payer(order: Order) -> str:
    """Whose money it is on chain, and whose it is again when it comes back."""
    session = order.session
    if session is None or session.wallet_address is None or session.funding is Funding.GRANT:
        return order.buyer.wallet_address
    return session.wallet_address

"""The spend gate: what an order becomes before the store decides it."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import SESSION, USDC
from valetkey.core.agent import Agent
from valetkey.core.fees import escrow_split
from valetkey.core.ids import Kind, is_id
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.service import Service, ServiceStatus
from valetkey.core.transaction import PaymentStatus, Transaction, TransactionStatus
from valetkey.engine.gate import Order, SpendGate
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Asking, Idempotency, LedgerStore

NOW = 2_000
CHECKOUT_SECONDS = 1_800
KEY = Idempotency("checkout agt_b", "key-1", bytes(32))


class Ledger:
    """Keeps what it is asked to place, and answers it."""

    def __init__(self) -> None:
        self.placed: list[tuple[Transaction, Idempotency | None]] = []
        self.no: Refused | None = None

    async def place(
        self, transaction: Transaction, idempotency: Idempotency | None, asking: Asking | None
    ) -> Transaction | Refused:
        self.placed.append((transaction, idempotency))
        return self.no or transaction

    async def remembered(self, idempotency: Idempotency) -> Transaction | Refused | None:
        return self.no


class StoppedClock:
    """Always NOW."""

    def now(self) -> int:
        return NOW


def agent(name: str, wallet: str) -> Agent:
    return Agent(
        id=f"agt_{name}",
        developer_id="dev_1",
        name=name,
        description="",
        wallet_address=wallet,
        public_key=bytes(33),
        created_at=0,
        last_seen_at=0,
    )


BUYER, SELLER = agent("buyer", "0xb"), agent("seller", "0xs")
RECORD = SessionRecord(SESSION, alias="byr_1", wallet_address="0xw", e2e_public_key=None)
KEYLESS = SessionRecord(SESSION, alias="byr_1", wallet_address=None, e2e_public_key=None)


def order(session: SessionRecord | None, price: int = 2_500_000, quantity: int = 1) -> Order:
    service = Service(
        id="svc_1",
        agent_id=SELLER.id,
        agent_name=SELLER.name,
        title="t",
        description="d",
        category="data",
        price=price,
        price_unit="flat",
        currency="USDC",
        decimals=6,
        delivery_type="webhook",
        callback_required=False,
        endpoint_url=None,
        network="base-sepolia",
        status=ServiceStatus.ACTIVE,
        created_at=0,
        updated_at=0,
    )
    return Order(
        service=service,
        seller=SELLER,
        buyer=BUYER,
        session=session,
        quantity=quantity,
        asset=USDC,
        escrow_address="0xe",
        payment_method="crypto",
        dispute_window=300,
    )


def gate_of(ledger: Ledger) -> SpendGate:
    return SpendGate(cast(LedgerStore, ledger), cast(Clock, StoppedClock()), CHECKOUT_SECONDS)


def spent(one: Order) -> Transaction:
    placed = asyncio.run(gate_of(Ledger()).spend(one))
    assert isinstance(placed, Transaction)
    return placed


@pytest.mark.parametrize(
    ("session", "alias", "payer", "held"),
    [(RECORD, "byr_1", "0xw", True), (KEYLESS, "byr_1", "0xb", True), (None, "agt_buyer", "0xb", False)],
)
def test_who_buys_and_who_pays(session: SessionRecord | None, alias: str, payer: str, held: bool) -> None:
    placed = spent(order(session))
    assert (placed.buyer_id, placed.buyer_alias, placed.buyer_address) == (BUYER.id, alias, payer)
    assert (placed.seller_id, placed.seller_address) == (SELLER.id, "0xs")
    assert placed.session_id == (SESSION.id if held else None)
    assert (placed.hold_id is not None) is held
    assert is_id(Kind.TRANSACTION, placed.id)
    assert placed.hold_id is None or is_id(Kind.HOLD, placed.hold_id)


def test_a_new_purchase_waits_for_its_payment_as_long_as_a_checkout_lives() -> None:
    placed = spent(order(RECORD))
    assert (placed.created_at, placed.checkout_ends_at) == (NOW, NOW + CHECKOUT_SECONDS)
    assert (placed.status, placed.payment_status) == (TransactionStatus.PENDING, PaymentStatus.PENDING)
    assert (placed.dispute_window, placed.abandonment_grace, placed.criteria_hash) == (300, 0, None)


@given(price=st.integers(0, 10**20), quantity=st.integers(1, 10**6))
def test_what_is_held_is_what_the_escrow_takes(price: int, quantity: int) -> None:
    placed = spent(order(RECORD, price, quantity))
    assert placed.subtotal == price * quantity
    assert placed.total == Money(placed.subtotal + placed.platform_fee, USDC)
    assert escrow_split(placed.total.units) == (placed.subtotal, placed.platform_fee)


def test_the_store_decides() -> None:
    ledger = Ledger()
    ledger.no = refuse(Code.BUDGET_EXCEEDED, "budget", "too much")
    assert asyncio.run(gate_of(ledger).spend(order(RECORD), KEY)) is ledger.no
    assert [idempotency for _, idempotency in ledger.placed] == [KEY]


def test_only_an_order_with_a_key_can_be_remembered() -> None:
    ledger = Ledger()
    ledger.no = refuse(Code.IDEMPOTENCY_MISMATCH, "idempotency", "another body")
    assert asyncio.run(gate_of(ledger).remembered(None)) is None
    assert asyncio.run(gate_of(ledger).remembered(KEY)) is ledger.no

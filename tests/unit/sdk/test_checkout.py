"""What is paid is what was agreed: each difference between purchase, transaction, network and wallet is refused."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from valetkey.sdk.checkout import Payment, checkout_of, payment_of
from valetkey.sdk.errors import InstructionsDiffer
from valetkey.wire.checkout import CheckoutResult, CheckoutService, PaymentInstructions
from valetkey.wire.network import Contracts, NetworkView
from valetkey.wire.proofs import escrow_id
from valetkey.wire.transactions import TransactionView

TXN = "txn_1"
ESCROW = "0x1Aed68edafC24cc936cFabEcF88012CdF5DA0601"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
SELLER = "0x1563915e194D8CfBA1943570603F7606A3115508"
PAYER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
OTHER = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
CRITERIA = "0x" + "ab" * 32

NETWORK = NetworkView(
    network="base-sepolia",
    chain="baseSepolia",
    chain_id=84532,
    rpc_url=None,
    contracts=Contracts(escrow=ESCROW, score=OTHER, usdc=USDC),
    confirmations=1,
    test_mode=True,
)
VIEW = TransactionView(
    id=TXN,
    service_id="svc_1",
    buyer_agent_id="agent_1",
    seller_agent_id="agent_2",
    quantity=1,
    unit_price=Decimal("10"),
    subtotal=Decimal("10"),
    platform_fee=Decimal("0.2"),
    seller_fee=Decimal(0),
    total_charged=Decimal("10.2"),
    seller_receives=Decimal("10"),
    currency="USDC",
    payment_method="crypto",
    payment_status="pending",
    status="pending",
    created_at="2026-03-01T00:00:00.000Z",
    updated_at="2026-03-01T00:00:00.000Z",
    network="base-sepolia",
    escrow_address=ESCROW,
    buyer_address=PAYER,
    seller_address=SELLER,
    expires_at="2026-03-01T00:30:00.000Z",
    dispute_window=600,
    abandonment_grace=7_200,
    criteria_hash=CRITERIA,
)
AGREED = PaymentInstructions(
    type="crypto",
    escrow_contract=ESCROW,
    escrow_id="0x" + escrow_id(TXN).hex(),
    seller_address=SELLER,
    token_address=USDC,
    token_symbol="USDC",
    token_decimals=6,
    amount="10000000",
    total_with_fee="10200000",
    currency="USDC",
    chain="baseSepolia",
    chain_id=84532,
    fund_endpoint="/api/v1/transactions/txn_1/fund",
    instructions="...",
    dispute_window=600,
    abandonment_grace=7_200,
    criteria_hash=CRITERIA,
)


def changed(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def test_what_agrees_is_paid() -> None:
    expected = Payment(
        transaction_id=TXN,
        escrow=ESCROW,
        seller=SELLER,
        token=USDC,
        units=10_200_000,
        ends_at=1_772_325_000,
        dispute_window=600,
        abandonment_grace=7_200,
        criteria_hash=b"\xab" * 32,
        is_open=True,
    )
    assert payment_of(VIEW, AGREED, NETWORK, PAYER) == expected
    assert payment_of(VIEW, None, NETWORK, PAYER) == expected, "a purchase of another state folder"


def test_the_case_of_addresses_is_no_difference() -> None:
    view = changed(VIEW, escrow_address=ESCROW.lower(), buyer_address=PAYER.lower())
    agreed = changed(
        AGREED,
        seller_address=SELLER.lower(),
        token_address=USDC.lower(),
        escrow_contract=ESCROW.lower(),
        escrow_id=AGREED.escrow_id.upper().replace("0X", "0x"),
    )
    assert payment_of(view, agreed, NETWORK, PAYER.lower()).units == 10_200_000


def test_defaults_are_zeros() -> None:
    plain = {"dispute_window": None, "abandonment_grace": None, "criteria_hash": None}
    payment = payment_of(changed(VIEW, expires_at=None, **plain), changed(AGREED, **plain), NETWORK, PAYER)
    assert (payment.dispute_window, payment.abandonment_grace, payment.ends_at) == (0, 0, None)
    assert payment.criteria_hash == bytes(32)


@pytest.mark.parametrize("status", ["abandoned", "escrowed", "completed"])
def test_only_a_pending_purchase_waits_for_money(status: str) -> None:
    assert not payment_of(changed(VIEW, status=status), AGREED, NETWORK, PAYER).is_open


@pytest.mark.parametrize(
    "changes",
    [{"total_charged": Decimal("10.3")}, {"total_charged": Decimal("10.1")}, {"platform_fee": Decimal("0.3")},
     {"subtotal": Decimal("9")}, {"total_charged": Decimal("10.3"), "platform_fee": Decimal("0.3")},
     {"total_charged": Decimal("20.4"), "subtotal": Decimal("20"), "platform_fee": Decimal("0.4")},
     {"total_charged": Decimal("NaN")}, {"total_charged": Decimal("-10.2")}, {"total_charged": Decimal("10.2000001")},
     {"currency": "ETH"}, {"currency": "EURC"}, {"network": "base"}, {"network": None}, {"escrow_address": OTHER},
     {"escrow_address": None}, {"buyer_address": OTHER}, {"buyer_address": None}, {"seller_address": None},
     {"seller_address": OTHER}, {"seller_address": "0x12"}, {"dispute_window": 300}, {"dispute_window": None},
     {"abandonment_grace": 3_600}, {"abandonment_grace": None}, {"criteria_hash": None},
     {"criteria_hash": "0x" + "cd" * 32}, {"criteria_hash": "0xab"}, {"criteria_hash": "nonsense"},
     {"expires_at": "tomorrow"}, {"id": "txn_2"}],
)  # fmt: skip
def test_a_transaction_that_says_something_else(changes: dict[str, Any]) -> None:
    with pytest.raises(InstructionsDiffer):
        payment_of(changed(VIEW, **changes), AGREED, NETWORK, PAYER)


@pytest.mark.parametrize(
    "changes",
    [{"seller_address": OTHER}, {"token_address": OTHER}, {"escrow_contract": OTHER}, {"amount": "10000001"},
     {"total_with_fee": "10200001"}, {"total_with_fee": "10.2"}, {"chain_id": 8453}, {"escrow_id": "0x" + "0" * 64},
     {"dispute_window": None}, {"dispute_window": 86_400}, {"abandonment_grace": None}, {"criteria_hash": None},
     {"criteria_hash": "0x" + "cd" * 32}],
)  # fmt: skip
def test_instructions_that_said_something_else(changes: dict[str, Any]) -> None:
    with pytest.raises(InstructionsDiffer):
        payment_of(VIEW, changed(AGREED, **changes), NETWORK, PAYER)


@pytest.mark.parametrize(
    "network",
    [changed(NETWORK, chain_id=8453), changed(NETWORK, network="base"),
     changed(NETWORK, contracts=Contracts(escrow=OTHER, score=OTHER, usdc=USDC)),
     changed(NETWORK, contracts=Contracts(escrow=ESCROW, score=OTHER, usdc=OTHER))],
)  # fmt: skip
def test_another_network(network: NetworkView) -> None:
    with pytest.raises(InstructionsDiffer):
        payment_of(VIEW, AGREED, network, PAYER)


def test_another_wallet() -> None:
    with pytest.raises(InstructionsDiffer):
        payment_of(VIEW, AGREED, NETWORK, OTHER)


def test_a_checkout_is_what_the_platform_answered() -> None:
    result = CheckoutResult(
        transaction_id=TXN,
        status="pending",
        total_charged=Decimal("10.2"),
        currency="USDC",
        payment_instructions=AGREED,
        service=CheckoutService(id="svc_1", title="t", seller="s"),
    )
    made = checkout_of(result)
    assert (made.id, made.status, made.total, made.service_id) == (TXN, "pending", Decimal("10.2"), "svc_1")
    assert made.instructions is AGREED

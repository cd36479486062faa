"""createEscrow: what it takes, what it refuses, and that the fee is the one that core computes."""

from typing import Any

import boa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tests.world import DAY, FUNDED, PLAIN, START, World, call, events, fresh_id, send
from valetkey.core.fees import FEE_BPS, escrow_split, platform_fee

ZERO = "0x" + "00" * 20
TEN_YEARS = 315_360_000


def test_a_new_escrow_holds_what_was_agreed(world: World) -> None:
    escrow_id = fresh_id()
    before = world.balances(world.usdc, world.buyer, world.treasury, world.escrow.address)
    outcome = world.create(escrow_id=escrow_id, amount=5_100_000, criteria_hash=b"\x07" * 32)
    assert outcome.ok
    after = world.balances(world.usdc, world.buyer, world.treasury, world.escrow.address)
    assert [b - a for a, b in zip(before, after, strict=True)] == [-5_100_000, 100_000, 5_000_000]
    assert call(world.escrow, "getEscrow", escrow_id) == (
        world.usdc.address,
        world.buyer,
        world.seller,
        5_000_000,
        100_000,
        FUNDED,
        START,
        START + DAY,
        3_600,
        172_800,
        0,
        bytes(32),
        b"\x07" * 32,
    )
    assert events(world.escrow, outcome) == [
        (
            "EscrowCreated",
            {
                "escrowId": escrow_id,
                "buyer": world.buyer,
                "seller": world.seller,
                "token": world.usdc.address,
                "lockedAmount": 5_000_000,
                "platformFee": 100_000,
                "deadline": START + DAY,
                "disputeWindow": 3_600,
                "abandonmentGrace": 172_800,
                "criteriaHash": b"\x07" * 32,
            },
        ),
        (
            "FeePaid",
            {
                "escrowId": escrow_id,
                "treasury": world.treasury,
                "token": world.usdc.address,
                "amount": 100_000,
            },
        ),
    ]


def test_an_escrow_that_does_not_exist_reads_as_zeros(world: World) -> None:
    assert call(world.escrow, "getEscrow", fresh_id()) == (
        *(ZERO, ZERO, ZERO, 0, 0, 0, 0, 0, 0, 0, 0),
        *(bytes(32), bytes(32)),
    )
    assert call(world.escrow, "getResolution", fresh_id()) == (0, 0, 0)
    for view in ("isDisputeWindowActive", "canFinalize", "canClaimAbandoned"):
        assert call(world.escrow, view, fresh_id()) is False


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 0}, "nothing to lock"),
        ({"seller": ZERO}, "bad seller"),
        ({"token": ZERO}, "token not supported"),
        ({"deadline": START}, "deadline passed"),
        ({"deadline": START - 1}, "deadline passed"),
        ({"deadline": 0}, "deadline passed"),
        ({"deadline": START + 1}, ""),
        ({"deadline": START + TEN_YEARS}, ""),
        ({"deadline": START + TEN_YEARS + 1}, "deadline too far"),
        ({"deadline": 2**256 - 1}, "deadline too far"),
        ({"dispute_window": 1}, "window out of range"),
        ({"dispute_window": 299}, "window out of range"),
        ({"dispute_window": 300}, ""),
        ({"dispute_window": 86_400}, ""),
        ({"dispute_window": 86_401}, "window out of range"),
        ({"dispute_window": 2**256 - 1}, "window out of range"),
        ({"abandonment_grace": 1}, "window out of range"),
        ({"abandonment_grace": 3_599}, "window out of range"),
        ({"abandonment_grace": 3_600}, ""),
        ({"abandonment_grace": 2_592_000}, ""),
        ({"abandonment_grace": 2_592_001}, "window out of range"),
        ({"abandonment_grace": 2**256 - 1}, "window out of range"),
    ],
    ids=str,
)
def test_arguments_at_their_edges(world: World, changes: dict[str, Any], reason: str) -> None:
    outcome = world.create(**changes)
    assert (outcome.ok, outcome.reason) == (not reason, reason)


def test_nobody_sells_to_himself_and_no_contract_of_the_deal_is_paid(world: World) -> None:
    for seller in (world.buyer, world.escrow.address, world.usdc.address):
        assert world.create(seller=seller).reason == "bad seller"


def test_an_id_is_used_once_for_ever(world: World) -> None:
    escrow_id = world.delivered()
    assert world.create(escrow_id=escrow_id).reason == "escrow id used"
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    for sender in (world.buyer, world.other_buyer):
        assert world.create(escrow_id=escrow_id, sender=sender).reason == "escrow id used"


def test_money_that_is_not_there_or_not_approved_stays(world: World) -> None:
    assert not world.create(sender=world.stranger).ok
    world.must(world.buyer, world.usdc, "approve", world.escrow.address, 1_019_999)
    assert not world.create().ok
    world.must(world.buyer, world.usdc, "approve", world.escrow.address, 1_020_000)
    assert world.create().ok


def test_the_smallest_amounts_lock_something_and_carry_no_fee(world: World) -> None:
    for amount in (1, 50):
        outcome = world.create(amount=amount)
        assert [name for name, _ in events(world.escrow, outcome)] == ["EscrowCreated"]
    assert world.balances(world.usdc, world.treasury) == [0]
    assert world.create(amount=51).ok
    assert world.balances(world.usdc, world.treasury) == [1]


def test_the_largest_amount_is_below_two_to_the_128(world: World) -> None:
    most = 2**128 - 1
    world.must(world.owner, world.odd, "behave", PLAIN)
    world.must(world.owner, world.odd, "mint", world.buyer, 2**255)
    for amount in (most + 1, 2**255, 2**256 - 1):
        assert world.create(token=world.odd.address, amount=amount).reason == "amount too large"
    escrow_id = world.disputed(token=world.odd.address, amount=most)
    assert call(world.escrow, "getEscrow", escrow_id)[3:5] == escrow_split(most)
    # What could be locked can also be split.
    world.must(world.resolver, world.escrow, "resolveDispute", escrow_id, 3, 1, 99)
    assert world.balances(world.odd, world.escrow.address) == [0]


def test_the_fee_constant_is_the_one_of_core(world: World) -> None:
    assert call(world.escrow, "PLATFORM_FEE_BPS") == FEE_BPS


AMOUNTS = st.one_of(
    st.integers(1, 10_300),
    st.integers(1, 10**15),
    st.integers(1, 10**13).map(lambda subtotal: subtotal + platform_fee(subtotal)),
)


@given(amount=AMOUNTS)
def test_the_split_is_the_one_of_core(deployed: World, amount: int) -> None:
    with boa.env.anchor():
        escrow_id = fresh_id()
        before = deployed.balances(deployed.odd, deployed.treasury, deployed.escrow.address)
        outcome = send(
            deployed.buyer,
            deployed.escrow,
            "createEscrow",
            *(escrow_id, deployed.seller, amount, deployed.odd.address, START + DAY, 0, 0, bytes(32)),
        )
        assert outcome.ok, outcome.reason
        locked, fee = escrow_split(amount)
        assert call(deployed.escrow, "getEscrow", escrow_id)[3:5] == (locked, fee)
        after = deployed.balances(deployed.odd, deployed.treasury, deployed.escrow.address)
        assert [b - a for a, b in zip(before, after, strict=True)] == [fee, locked]

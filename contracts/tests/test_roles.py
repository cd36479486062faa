"""The owner's settings, the hand-over in two steps, and a pause that strands no money."""

from typing import Any

import boa
import pytest

from contracts.tests.world import BUYER_REFUND, CONTRACTS, DAY, World, at, call, deployer, events, now, send

ZERO = "0x" + "00" * 20

OWNERS: list[tuple[str, tuple[Any, ...]]] = [
    ("setTreasury", ("0x" + "11" * 20,)),
    ("setResolver", ("0x" + "11" * 20,)),
    ("setScore", ("0x" + "11" * 20,)),
    ("setTokenSupported", ("0x" + "11" * 20, True)),
    ("pause", ()),
    ("unpause", ()),
    ("transferOwnership", ("0x" + "11" * 20,)),
]


@pytest.mark.parametrize(("function", "arguments"), OWNERS, ids=[name for name, _ in OWNERS])
def test_settings_are_the_owners(world: World, function: str, arguments: tuple[Any, ...]) -> None:
    for party in (world.buyer, world.seller, world.resolver, world.treasury, world.stranger):
        assert send(party, world.escrow, function, *arguments).reason == "not the owner"
    assert send(world.owner, world.escrow, function, *arguments).ok


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("setTreasury", (ZERO,), "bad treasury"),
        ("setResolver", (ZERO,), "resolver is zero"),
        ("setTokenSupported", (ZERO, True), "token is zero"),
    ],
)
def test_an_address_that_would_strand_money_is_refused(
    world: World, function: str, arguments: tuple[Any, ...], reason: str
) -> None:
    assert send(world.owner, world.escrow, function, *arguments).reason == reason


def test_the_escrow_is_not_its_own_treasury(world: World) -> None:
    assert send(world.owner, world.escrow, "setTreasury", world.escrow.address).reason == "bad treasury"


@pytest.mark.parametrize("empty", range(3))
def test_no_escrow_without_owner_treasury_and_resolver(world: World, empty: int) -> None:
    roles = [world.owner, world.treasury, world.resolver]
    roles[empty] = ZERO
    with pytest.raises(boa.BoaError):
        deployer(CONTRACTS / "Escrow.vy").deploy(*roles, ZERO, [])


@pytest.mark.parametrize("which", ["escrow", "score"])
def test_ownership_moves_in_two_steps(world: World, which: str) -> None:
    contract = getattr(world, which)
    offered = world.must(world.owner, contract, "transferOwnership", world.stranger)
    assert events(contract, offered) == [
        ("OwnershipTransferStarted", {"previousOwner": world.owner, "newOwner": world.stranger})
    ]
    assert (call(contract, "owner"), call(contract, "pendingOwner")) == (world.owner, world.stranger)
    for party in (world.owner, world.buyer):
        assert send(party, contract, "acceptOwnership").reason == "not the pending owner"
    taken = world.must(world.stranger, contract, "acceptOwnership")
    assert events(contract, taken) == [
        ("OwnershipTransferred", {"previousOwner": world.owner, "newOwner": world.stranger})
    ]
    assert (call(contract, "owner"), call(contract, "pendingOwner")) == (world.stranger, ZERO)
    assert send(world.stranger, contract, "acceptOwnership").reason == "not the pending owner"
    assert send(world.owner, contract, "transferOwnership", world.owner).reason == "not the owner"


@pytest.mark.parametrize("which", ["escrow", "score"])
def test_an_offer_of_ownership_can_be_taken_back(world: World, which: str) -> None:
    contract = getattr(world, which)
    world.must(world.owner, contract, "transferOwnership", world.stranger)
    world.must(world.owner, contract, "transferOwnership", ZERO)
    assert send(world.stranger, contract, "acceptOwnership").reason == "not the pending owner"
    assert send(ZERO, contract, "transferOwnership", world.stranger).reason == "not the owner"


def test_a_pause_stops_new_escrows_and_nothing_else(world: World) -> None:
    funded, delivered, late, disputed = world.funded(), world.delivered(), world.delivered(), world.disputed()
    abandoned = world.funded()
    paused = world.must(world.owner, world.escrow, "pause")
    assert events(world.escrow, paused) == [("Paused", {"caller": world.owner})]
    assert call(world.escrow, "paused") is True
    assert world.create().reason == "paused"
    world.must(world.seller, world.escrow, "submitDelivery", funded, bytes(32))
    world.must(world.buyer, world.escrow, "dispute", funded)
    world.must(world.resolver, world.escrow, "resolveDispute", funded, BUYER_REFUND, 0, 0)
    world.must(world.resolver, world.escrow, "resolveDispute", disputed, BUYER_REFUND, 0, 0)
    world.must(world.buyer, world.escrow, "accept", delivered)
    at(now() + 4 * DAY)
    world.must(world.stranger, world.escrow, "finalizeRelease", late)
    world.must(world.buyer, world.escrow, "claimAbandoned", abandoned)
    assert world.balances(world.usdc, world.escrow.address) == [0]
    # A panic must not fail because somebody panicked before.
    world.must(world.owner, world.escrow, "pause")
    resumed = world.must(world.owner, world.escrow, "unpause")
    assert events(world.escrow, resumed) == [("Unpaused", {"caller": world.owner})]
    assert world.create().ok


def test_a_token_that_lost_support_leaves_as_it_came(world: World) -> None:
    escrow_id = world.delivered()
    changed = world.must(world.owner, world.escrow, "setTokenSupported", world.usdc.address, False)
    assert events(world.escrow, changed) == [
        ("TokenSupportChanged", {"token": world.usdc.address, "supported": False})
    ]
    for view in ("isTokenSupported", "supportedTokens"):
        assert call(world.escrow, view, world.usdc.address) is False
        assert call(world.escrow, view, world.odd.address) is True
    assert world.create().reason == "token not supported"
    world.must(world.buyer, world.escrow, "accept", escrow_id)


def test_new_fees_go_to_the_new_treasury(world: World) -> None:
    world.funded()
    changed = world.must(world.owner, world.escrow, "setTreasury", world.stranger)
    assert events(world.escrow, changed) == [
        ("TreasuryChanged", {"previous": world.treasury, "treasury": world.stranger})
    ]
    world.funded()
    assert world.balances(world.usdc, world.treasury, world.stranger) == [20_000, 20_000]
    assert call(world.escrow, "treasury") == world.stranger


def test_the_settings_say_what_changed(world: World) -> None:
    changed = world.must(world.owner, world.escrow, "setResolver", world.stranger)
    assert events(world.escrow, changed) == [
        ("ResolverChanged", {"previous": world.resolver, "resolver": world.stranger})
    ]
    changed = world.must(world.owner, world.escrow, "setScore", ZERO)
    assert events(world.escrow, changed) == [
        ("ScoreChanged", {"previous": world.score.address, "score": ZERO})
    ]
    assert (call(world.escrow, "resolver"), call(world.escrow, "score")) == (world.stranger, ZERO)


def test_versions(world: World) -> None:
    assert call(world.escrow, "version") == call(world.score, "version") == "1.0.0"

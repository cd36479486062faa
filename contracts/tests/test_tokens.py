"""Tokens that answer nothing, lie, tax or call back: money moves exactly, or not at all."""

import boa
import pytest

from contracts.tests.world import (
    BABBLING,
    BUYER_REFUND,
    DAY,
    DELIVERED,
    FUNDED,
    GREEDY,
    LYING,
    PLAIN,
    QUIET,
    REFUSING,
    RELEASED,
    SCOLDING,
    SPLIT,
    TAXING,
    World,
    at,
    call,
    fresh_id,
    now,
    send,
    send_raw,
)

GOOD = [PLAIN, QUIET]
BAD = [LYING, REFUSING, SCOLDING, BABBLING]


@pytest.mark.parametrize("mode", GOOD)
def test_a_token_may_return_nothing(world: World, mode: int) -> None:
    world.must(world.owner, world.odd, "behave", mode)
    before = world.balances(world.odd, world.seller)
    escrow_id = world.delivered(token=world.odd.address)
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    assert world.balances(world.odd, world.seller, world.treasury) == [before[0] + 1_000_000, 20_000]


@pytest.mark.parametrize("mode", [*BAD, TAXING])
def test_no_escrow_without_exactly_its_money(world: World, mode: int) -> None:
    world.must(world.owner, world.odd, "behave", mode)
    assert not world.create(token=world.odd.address).ok
    assert world.balances(world.odd, world.escrow.address, world.treasury) == [0, 0]


def test_a_token_without_code_is_no_token(world: World) -> None:
    world.must(world.owner, world.escrow, "setTokenSupported", world.stranger, True)
    assert not world.create(token=world.stranger).ok


@pytest.mark.parametrize("mode", [*BAD, GREEDY])
def test_an_escrow_ends_only_with_its_payment(world: World, mode: int) -> None:
    """A token that went bad keeps the escrow as it is, and the money leaves once the token behaves again."""
    other = world.delivered(token=world.odd.address, sender=world.other_buyer)
    escrow_id, disputed = world.delivered(token=world.odd.address), world.disputed(token=world.odd.address)
    abandoned = world.funded(token=world.odd.address)
    at(now() + 4 * DAY)
    world.must(world.owner, world.odd, "behave", mode)
    assert not send(world.buyer, world.escrow, "accept", escrow_id).ok
    assert not send(world.stranger, world.escrow, "finalizeRelease", escrow_id).ok
    assert not send(world.buyer, world.escrow, "claimAbandoned", abandoned).ok
    for outcome in ((BUYER_REFUND, 0, 0), (SPLIT, 50, 50)):
        assert not send(world.resolver, world.escrow, "resolveDispute", disputed, *outcome).ok
    assert world.status(escrow_id) == DELIVERED
    assert world.balances(world.odd, world.escrow.address) == [4_000_000]
    assert call(world.score, "getScore", world.seller) == 0
    world.must(world.owner, world.odd, "behave", PLAIN)
    for sender, function, identity in (
        (world.buyer, "accept", escrow_id),
        (world.other_buyer, "accept", other),
        (world.buyer, "claimAbandoned", abandoned),
    ):
        world.must(sender, world.escrow, function, identity)
    world.must(world.resolver, world.escrow, "resolveDispute", disputed, BUYER_REFUND, 0, 0)
    assert world.balances(world.odd, world.escrow.address) == [0]


@pytest.mark.parametrize(("amount", "goes_through"), [(50, True), (51, False)])
def test_a_greedy_token_is_seen_when_something_goes_out(
    world: World, amount: int, goes_through: bool
) -> None:
    """On the way in it takes from the buyer, and the escrow gets what it should; below 51 no fee goes out."""
    before = world.balances(world.odd, world.buyer)[0]
    world.must(world.owner, world.odd, "behave", GREEDY)
    assert world.create(token=world.odd.address, amount=amount).ok is goes_through
    spent = before - world.balances(world.odd, world.buyer)[0]
    assert (spent, *world.balances(world.odd, world.escrow.address)) == ((51, 50) if goes_through else (0, 0))


def test_a_tax_on_the_way_out_is_the_receivers_loss(world: World) -> None:
    escrow_id = world.delivered(token=world.odd.address)
    other = world.delivered(token=world.odd.address)
    world.must(world.owner, world.odd, "behave", TAXING)
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    assert world.balances(world.odd, world.escrow.address, world.odd.address) == [1_000_000, 10_000]
    assert world.status(other) == DELIVERED


def test_a_gift_belongs_to_nobody_and_disturbs_nobody(world: World) -> None:
    world.must(world.buyer, world.usdc, "transfer", world.escrow.address, 5)
    escrow_id = world.delivered()
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    assert world.balances(world.usdc, world.escrow.address) == [5]


def strikes(world: World, escrow_id: bytes, other: bytes) -> dict[str, bytes]:
    """Calldata of everything that an attacker could try from inside a callback."""
    made = {
        name: getattr(world.escrow, name).prepare_calldata(identity)
        for name in ("accept", "dispute", "finalizeRelease", "claimAbandoned", "getEscrow")
        for identity in (escrow_id,)
    }
    made |= {
        f"{name} another": getattr(world.escrow, name).prepare_calldata(other)
        for name in ("accept", "finalizeRelease", "claimAbandoned")
    }
    made["submitDelivery"] = world.escrow.submitDelivery.prepare_calldata(escrow_id, bytes(32))
    made["resolveDispute"] = world.escrow.resolveDispute.prepare_calldata(escrow_id, 1, 0, 0)
    made["createEscrow"] = world.escrow.createEscrow.prepare_calldata(
        *(fresh_id(), world.seller, 51, world.odd.address, now() + DAY, 0, 0, bytes(32))
    )
    made["canFinalize"] = world.escrow.canFinalize.prepare_calldata(escrow_id)
    made["authorizeDelivery"] = world.escrow.authorizeDelivery.prepare_calldata(world.key, 2**200)
    return made


STRIKES = [
    *("accept", "dispute", "finalizeRelease", "claimAbandoned", "getEscrow", "accept another"),
    *("finalizeRelease another", "claimAbandoned another", "submitDelivery", "resolveDispute"),
    *("createEscrow", "canFinalize", "authorizeDelivery"),
]


@pytest.fixture
def by_puppet(world: World) -> World:
    """The puppet is buyer, seller, resolver, and is called at every move of the odd token."""
    approve = world.odd.approve.prepare_calldata(world.escrow.address, 2**256 - 1)
    world.must(world.stranger, world.puppet, "act", world.odd.address, approve)
    world.must(world.owner, world.escrow, "setResolver", world.puppet.address)
    return world


def puppet_acts(world: World, function: str, *arguments: object) -> None:
    data = getattr(world.escrow, function).prepare_calldata(*arguments)
    world.must(world.stranger, world.puppet, "act", world.escrow.address, data)


def puppet_buys(world: World, escrow_id: bytes) -> None:
    deadline = now() + DAY
    terms = (escrow_id, world.seller, 1_020_000, world.odd.address, deadline, 0, 0, bytes(32))
    puppet_acts(world, "createEscrow", *terms)


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize(
    "moment", ["createEscrow", "accept", "finalizeRelease", "claimAbandoned", "resolveDispute"]
)
def test_nothing_can_be_called_from_inside_a_payment(by_puppet: World, moment: str, strike: str) -> None:
    world = by_puppet
    escrow_id, other = fresh_id(), fresh_id()
    puppet_buys(world, other)
    if moment != "createEscrow":
        puppet_buys(world, escrow_id)
    if moment in {"accept", "finalizeRelease", "resolveDispute"}:
        for identity in (escrow_id, other):
            world.must(world.seller, world.escrow, "submitDelivery", identity, bytes(32))
    if moment == "resolveDispute":
        puppet_acts(world, "dispute", escrow_id)
    at(now() + 4 * DAY)
    data = strikes(world, escrow_id, other)[strike]
    world.must(world.stranger, world.puppet, "arm", world.escrow.address, data)
    world.must(world.owner, world.odd, "set_hook", world.puppet.address)
    locked_before = world.balances(world.odd, world.escrow.address)[0]
    if moment == "createEscrow":
        puppet_buys(world, escrow_id)
    elif moment == "resolveDispute":
        puppet_acts(world, moment, escrow_id, SPLIT, 50, 50)
    else:
        puppet_acts(world, moment, escrow_id)
    # It was called back at each move of money, and none of its calls went through.
    moves = 2 if moment in {"createEscrow", "resolveDispute"} else 1
    assert (call(world.puppet, "struck"), call(world.puppet, "landed")) == (moves, 0)
    change = 1_000_000 if moment == "createEscrow" else -1_000_000
    assert world.balances(world.odd, world.escrow.address) == [locked_before + change]
    assert call(world.escrow, "canDeliver", world.puppet.address, world.key) is False


def test_the_strikes_would_land_if_they_came_alone(by_puppet: World) -> None:
    """Guards the test above against strikes that could never work."""
    world = by_puppet
    for strike, make in {
        "accept": world.delivered,
        "getEscrow": world.funded,
        "createEscrow": world.funded,
        "authorizeDelivery": world.funded,
        "claimAbandoned": world.funded,
    }.items():
        with boa.env.anchor():
            escrow_id = fresh_id()
            puppet_buys(world, escrow_id)
            if make == world.delivered:
                world.must(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32))
            at(now() + 4 * DAY)
            data = strikes(world, escrow_id, escrow_id)[strike]
            world.must(world.stranger, world.puppet, "arm", world.escrow.address, data)
            world.must(world.stranger, world.puppet, "moved")
            assert call(world.puppet, "landed") == 1, strike


def test_money_and_calls_that_belong_nowhere_are_refused(world: World) -> None:
    for data in (b"", b"\x00", bytes(4), bytes.fromhex("deadbeef")):
        assert not send_raw(world.stranger, world.escrow.address, data).ok
    short = world.escrow.accept.prepare_calldata(bytes(32))[:-1]
    assert not send_raw(world.buyer, world.escrow.address, short).ok


def test_a_released_escrow_keeps_its_record(world: World) -> None:
    escrow_id = world.delivered()
    before = call(world.escrow, "getEscrow", escrow_id)
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    after = call(world.escrow, "getEscrow", escrow_id)
    assert [index for index in range(13) if before[index] != after[index]] == [5]
    assert (before[5], after[5]) == (DELIVERED, RELEASED)
    assert world.status(world.funded()) == FUNDED

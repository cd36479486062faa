"""Swaps through a real pool and through routers that cheat; in grant and in wallet mode."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sdk import amm
from tests.integration.sdk.amm import COIN, Contract, Market
from tests.integration.sdk.clients import Desk
from tests.integration.sdk.world import World
from valetkey import InvalidInput
from valetkey.cli.dev_rpc import USDC
from valetkey.core.money import NATIVE
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.errors import (
    ContractMisbehaved,
    HoldEnded,
    IdempotencyMismatch,
    OperationNotAllowed,
    SlippageExceeded,
)


@pytest.fixture(scope="module")
def market(stack: Any) -> Market:
    return amm.market(stack)


@pytest.fixture(scope="module")
def cheat(stack: Any) -> Contract:
    return amm.deploy(stack, "HostileRouter")


@pytest.fixture(params=["grant", "wallet"])
def funding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def swapper(desk: Desk, funding: str, *routers: str, **rules: Any) -> ClientSession:
    asked = {"label": "swapper", "spending_limit": "100", "valid_until": timedelta(hours=1), **rules}
    session = desk.client.create_session(funding=funding, allowed_routers=routers, **asked)
    if funding == "wallet":
        desk.client.fund_session(session, "50")
    return session


def swap(market: Market, router: Contract | None = None, **members: Any) -> dict[str, Any]:
    asked = {"router": (router or market.router).address, "amount_in": "20", "token_in": "USDC"}
    return {"type": "swap", "token_out": market.weth.address, "min_out": "0.0099", **asked, **members}


def allowed(market: Market, session: ClientSession, router: Contract) -> int:
    return market.usdc.ask("allowance(address,address)", session.wallet_address, router.address)


def test_a_swap_gives_what_the_pool_says_and_leaves_no_allowance(
    world: World, desk: Desk, market: Market, funding: str
) -> None:
    session = swapper(desk, funding, market.router.address)
    expected = market.pool.ask("quote(uint256,address)", 20 * USDC, market.usdc.address)
    receiver = desk.key.address if funding == "grant" else session.wallet_address
    assert receiver is not None
    before = world.stack.units(desk.key.address)
    done = desk.client.execute(session, swap(market), idempotency_key="swap-1")
    assert market.weth.has(receiver) == expected
    assert done.received == Decimal(expected) / COIN
    assert (done.amount, done.remaining_limit) == (Decimal(20), Decimal(80))
    assert allowed(market, session, market.router) == 0
    if funding == "grant":
        assert before - world.stack.units(desk.key.address) == 20 * USDC
        assert world.stack.units(session.wallet_address or "") == 0
    again = desk.client.execute(session, swap(market), idempotency_key="swap-1")
    assert (again.receipt, again.received) == (done.receipt, done.received)
    assert market.weth.has(receiver) == expected, "paid once"
    with pytest.raises(IdempotencyMismatch):
        desk.client.execute(session, swap(market, min_out="0.0001"), idempotency_key="swap-1")


def test_a_swap_that_would_give_too_little_is_refused_before_anything_is_signed(
    world: World, desk: Desk, market: Market, funding: str
) -> None:
    session = swapper(desk, funding, market.router.address)
    sent = world.nonce(session.wallet_address or "")
    with pytest.raises(SlippageExceeded):
        desk.client.execute(session, swap(market, min_out="0.02"), idempotency_key="dear")
    assert world.nonce(session.wallet_address or "") == sent
    assert desk.client.get_session(session).remaining_limit == Decimal(100), "nothing is held"
    with pytest.raises(HoldEnded):
        desk.client.execute(session, swap(market, min_out="0.02"), idempotency_key="dear")


def test_a_router_that_refuses_after_its_quote_leaves_nothing_behind(
    world: World, desk: Desk, market: Market, cheat: Contract, funding: str
) -> None:
    cheat.send("behave(uint256,address)", amm.REFUSING, NATIVE)
    session = swapper(desk, funding, cheat.address)
    before = world.stack.units(desk.key.address) + world.stack.units(session.wallet_address or "")
    with pytest.raises(SlippageExceeded, match="not today"):
        desk.client.execute(session, swap(market, cheat), idempotency_key="refused")
    assert allowed(market, session, cheat) == 0
    after = world.stack.units(desk.key.address) + world.stack.units(session.wallet_address or "")
    assert after == before
    if funding == "wallet":
        assert desk.client.get_session(session).remaining_limit == Decimal(100)
    else:
        assert world.stack.units(session.wallet_address or "") == 0, "what a grant brought went home"


@pytest.mark.parametrize("mode", [amm.KEEPING, amm.TRYING, amm.ENTERING, amm.FAKING, amm.SHORT])
def test_what_a_cheating_router_takes_is_no_more_than_was_held_and_is_told(
    world: World, desk: Desk, market: Market, cheat: Contract, mode: int, funding: str
) -> None:
    fake = amm.token(world.stack)
    fake.send("mint(address,uint256)", cheat.address, COIN)
    market.weth.send("mint(address,uint256)", cheat.address, COIN)
    cheat.send("behave(uint256,address)", mode, fake.address)
    session = swapper(desk, funding, cheat.address)
    before = world.stack.units(cheat.address)
    for _ in range(2):
        with pytest.raises(ContractMisbehaved) as told:
            desk.client.execute(session, swap(market, cheat), idempotency_key="cheated")
        assert told.value.spent == 20 * USDC
        assert told.value.tx_hash.startswith("0x")
    assert world.stack.units(cheat.address) - before == 20 * USDC, "once, and no more than was held"
    assert allowed(market, session, cheat) == 0
    assert desk.client.get_session(session).remaining_limit == Decimal(80)


def test_a_router_that_takes_more_than_was_approved_gets_nothing(
    world: World, desk: Desk, market: Market, cheat: Contract, funding: str
) -> None:
    cheat.send("behave(uint256,address)", amm.GREEDY, NATIVE)
    session = swapper(desk, funding, cheat.address)
    before = world.stack.units(cheat.address)
    with pytest.raises(SlippageExceeded):
        desk.client.execute(session, swap(market, cheat))
    assert world.stack.units(cheat.address) == before
    assert allowed(market, session, cheat) == 0


def test_only_a_router_that_the_session_names_is_used(desk: Desk, market: Market, cheat: Contract) -> None:
    session = swapper(desk, "grant", market.router.address)
    with pytest.raises(OperationNotAllowed) as refused:
        desk.client.execute(session, swap(market, cheat))
    assert refused.value.rule == "allowed_operations"
    assert refused.value.hint


def test_a_swap_with_payees_brings_the_money_first(desk: Desk, market: Market) -> None:
    payee = desk.key.address
    session = swapper(desk, "grant", market.router.address, allowed_payees=[payee])
    assert desk.client.execute(session, swap(market)).amount == Decimal(20)


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("min_out", "0.0000000000000000001", "min_out"),
        ("token_out", "0x" + "12" * 20, "token_out"),
        ("token_out", "ETH", "token_out"),
        ("path", ["0x" + "11" * 20, "0x" + "22" * 20], "path"),
        ("token_in", "WBTC", "token_in"),
    ],
)
def test_a_swap_that_cannot_be_meant_holds_nothing(
    desk: Desk, market: Market, member: str, value: Any, field: str
) -> None:
    session = swapper(desk, "grant", market.router.address)
    with pytest.raises(InvalidInput) as refused:
        desk.client.execute(session, swap(market, **{member: value}))
    assert refused.value.field == field
    assert desk.client.get_session(session).remaining_limit == Decimal(100)

"""Vouchers: promised off chain, held by the ledger, settled by one transaction, void after their end."""

import msgspec
import pytest

from tests.e2e.processes import wait_until
from tests.integration.sdk.world import World
from valetkey import BuyerAgent, InvalidInput
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import BudgetExceeded
from valetkey.wire.draws import SignedVoucher


@pytest.fixture
def owner(world: World) -> BuyerAgent:
    return world.owner()


def figures(owner: BuyerAgent, session_id: str) -> tuple[str, str]:
    view = owner.get_session(session_id)
    return view.held_usdc, view.spent_usdc


def test_many_promises_are_settled_by_one_transaction(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    session = owner.create_session(10, 3_600, funding="grant")
    delegate = world.delegate(session)
    vouchers = [delegate.promise(shop.key.address, "0.25") for _ in range(8)]
    assert [int(one.total) for one in vouchers] == [250_000 * n for n in range(1, 9)]
    assert figures(owner, session.session_id) == ("2", "0"), "held, and nothing moved"
    before = world.nonce(shop.key.address)
    shop.seller.settle_voucher(vouchers[-1].serialize())
    assert world.stack.units(shop.key.address) == 2 * USDC
    assert world.nonce(shop.key.address) - before == 2, (
        "a registration, which happens once, and the settlement"
    )
    wait_until(lambda: figures(owner, session.session_id) == ("0", "2"), "the chain")
    with pytest.raises(InvalidInput, match="no more"):
        shop.seller.settle_voucher(vouchers[-1])
    with pytest.raises(InvalidInput, match="no more"):
        shop.seller.settle_voucher(vouchers[3])
    # It goes on where it was.
    later = delegate.promise(shop.key.address, 1)
    assert int(later.total) == 3 * USDC
    shop.seller.settle_voucher(later)
    wait_until(lambda: figures(owner, session.session_id) == ("0", "3"), "the chain")
    assert world.stack.units(shop.key.address) == 3 * USDC


def test_a_part_is_settled_and_the_rest_stays_held(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    session = owner.create_session(10, 3_600, funding="grant")
    delegate = world.delegate(session)
    first = delegate.promise(shop.key.address, 1)
    second = delegate.promise(shop.key.address, 1)
    assert first.total != second.total
    shop.seller.settle_voucher(second, amount=1)
    wait_until(lambda: figures(owner, session.session_id) == ("1", "1"), "the chain")
    shop.seller.settle_voucher(second)
    wait_until(lambda: figures(owner, session.session_id) == ("0", "2"), "the chain")


def test_NO_OVERSPEND_a_budget_bounds_what_is_promised(world: World, owner: BuyerAgent) -> None:
    session = owner.create_session(1, 3_600, funding="grant")
    delegate = world.delegate(session)
    payee = world.stack.wallet().address
    delegate.promise(payee, "0.6")
    with pytest.raises(BudgetExceeded):
        delegate.promise(payee, "0.5")
    assert int(delegate.promise(payee, "0.4").total) == USDC


@pytest.mark.slow
def test_what_is_not_settled_in_time_is_free_again(world: World, owner: BuyerAgent) -> None:
    shop = world.shop()
    session = owner.create_session(1, 3_600, funding="grant")
    delegate = world.delegate(session)
    voucher = delegate.promise(shop.key.address, 1, seconds=3)
    assert figures(owner, session.session_id) == ("1", "0")

    def over() -> bool:
        world.stack.rpc.give(world.stack.wallet().address, 1)
        return figures(owner, session.session_id) == ("0", "0")

    wait_until(over, "the end of the promise", 90)
    with pytest.raises(Exception, match="past its deadline"):
        shop.seller.settle_voucher(voucher)


def test_a_voucher_of_somebody_else_pays_nobody(world: World, owner: BuyerAgent) -> None:
    shop, other = world.shop(), world.shop()
    delegate = world.delegate(owner.create_session(5, 3_600, funding="grant"))
    voucher = delegate.promise(shop.key.address, 1)
    with pytest.raises(InvalidInput, match="another wallet"):
        other.seller.settle_voucher(voucher)
    with pytest.raises(InvalidInput, match="no voucher"):
        shop.seller.settle_voucher("nonsense")
    forged: SignedVoucher = msgspec.structs.replace(voucher, total="5000000")
    with pytest.raises(Exception, match="not signed by the key"):
        shop.seller.settle_voucher(forged)
    assert world.stack.units(shop.key.address) == 0

"""What only time brings: a checkout's end, an abandoned escrow, and the end of rights on chain.

The chain's clock jumps, so the stack is this file's own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import wait_until
from tests.e2e.proxy import Cut, Proxy
from tests.fixtures_stack import RunningStack, start_stack
from tests.integration.sdk.world import Shop, World, only, signed_by
from valetkey import BuyerAgent, ChainUnavailable, SellerAgent, SessionInfo
from valetkey.chains.evm.errors import CallReverts
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import CheckoutEnded

JUMP = 3_600 + 120
"""Beyond the end of a checkout, of the shortest grace, and of the sessions here."""


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = start_stack(log=tmp_path_factory.mktemp("timed") / "dev.log")
    yield running
    running.stop()


@pytest.fixture
def late(timed: RunningStack, tmp_path: Path) -> Iterator[World]:
    made = World(timed, tmp_path, [])
    yield made
    made.close()


def abandoned(shop: Shop, delegate: BuyerAgent) -> str:
    checkout = delegate.purchase(shop.service_id, abandonment_grace=3_600)
    delegate.fund_and_verify(checkout, delivery_seconds=60)
    return checkout.id


def funded(owner: BuyerAgent) -> SessionInfo:
    session = owner.create_session(40)
    owner.fund_session(session)
    return session


def signed_and_not_sent(world: World, shop: Shop, session: SessionInfo, folder: Path) -> str:
    """A purchase whose payment the platform knows to be signed, and no node has seen."""

    def cut(number: int) -> None:
        if number == 2:
            raise Cut

    with Proxy(world.stack.rpc_url, before=only("eth_sendRawTransaction", cut)) as proxy:
        delegate = world.delegate(session, state_dir=folder, rpc_url=proxy.url)
        checkout = delegate.purchase(shop.service_id)
        with pytest.raises(ChainUnavailable):
            delegate.fund_and_verify(checkout)
    return checkout.id


def test_after_an_hour(late: World) -> None:
    owner, shop, folder = late.owner(), late.shop(), late.folder()
    revoked, living = funded(owner), funded(owner)
    by_revoked = abandoned(shop, late.delegate(revoked))
    delegate = late.delegate(living, state_dir=folder)
    by_living = abandoned(shop, delegate)
    unpaid = delegate.purchase(shop.service_id)
    sold = delegate.purchase(shop.service_id)
    delegate.fund_and_verify(sold)
    owner.revoke_session(revoked)

    rights = shop.seller.create_session(1_800)
    shop.seller.authorize_session(rights)
    worker = SellerAgent(base_url=late.stack.base_url, state_dir=late.folder())
    late.agents.append(worker)
    worker.init_with_session(rights.serialize())

    stuck, other_folder = funded(owner), late.folder()
    never_sent = signed_and_not_sent(late, shop, stuck, other_folder)

    late.stack.rpc.call("evm_increaseTime", JUMP)
    late.stack.rpc.call("evm_mine")

    # A checkout that has ended is not paid, and gives its money back to the budget.
    before = late.nonce(living.wallet_address)
    with pytest.raises(CheckoutEnded):
        delegate.fund_and_verify(unpaid)
    wait_until(lambda: delegate.get_transaction(unpaid.id).status == "abandoned", "the end of the checkout")
    with pytest.raises(CheckoutEnded):
        delegate.fund_and_verify(unpaid.id)
    assert late.nonce(living.wallet_address) == before
    assert not signed_by(folder)
    view = owner.get_session(living.session_id)
    assert (view.held_usdc, view.spent_usdc) == ("0", "20.4")

    # What was signed and never sent stays so, now that the platform has given its money back to the budget.
    again = late.delegate(stuck, state_dir=other_folder)
    wait_until(lambda: again.get_transaction(never_sent).status == "abandoned", "the end of the checkout")
    with pytest.raises(CheckoutEnded):
        again.fund_and_verify(never_sent)
    assert late.has(stuck.wallet_address)[0] == 40 * USDC

    # The key's right to deliver ended with its session.
    with pytest.raises(CallReverts, match="not the seller"):
        worker.submit_delivery(sold.id, {"a": 1})
    with pytest.raises(CallReverts, match="abandoned"):
        shop.seller.submit_delivery(by_living, {"a": 1})

    # The money of an undelivered escrow comes back to the wallet that paid, and from there home.
    delegate.claim_abandoned(by_living)
    owner.claim_abandoned(by_revoked, session=revoked.session_id)
    for one in (by_living, by_revoked):
        wait_until(lambda one=one: owner.get_transaction(one).status == "abandoned", "the claim")  # type: ignore[misc]
    assert late.has(revoked.wallet_address)[0] == 40 * USDC - 200_000, "all but the fee"
    home = late.has(owner.wallet_address)[0]
    owner.reclaim_session(owner.wallet_address, session=revoked.session_id)
    assert late.has(revoked.wallet_address) == (0, 0)
    assert late.has(owner.wallet_address)[0] == home + 40 * USDC - 200_000

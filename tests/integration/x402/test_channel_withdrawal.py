"""An owner takes back what its delegate left in a channel, without the delegate and without the seller."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures_stack import RunningStack, start_stack
from tests.fixtures_x402 import ChannelLab
from tests.x402.channels import ChannelFacilitator, place_channels
from tests.x402.loopback import Loopback
from tests.x402.resources import Asset
from tests.x402.victim import FUNDED, open_session, register_owner

CENT = 10_000
pytestmark = pytest.mark.slow


@pytest.fixture
def early() -> Iterator[RunningStack]:
    """A chain of this test alone, whose time it moves."""
    running = start_stack()
    yield running
    running.stop()


def test_OWNER_CAN_ALWAYS_RECLAIM_what_is_left_in_a_channel(early: RunningStack, tmp_path: Path) -> None:
    place_channels(early)
    facilitator = ChannelFacilitator(early.rpc_url, early.wallet(), early.wallet(), early.chain_id)
    owner = register_owner(early, tmp_path / "owner", "leaving")
    delegate = open_session(early, owner, tmp_path / "delegate", refunds_restore=True)
    with Loopback(facilitator.app) as running:
        lab = ChannelLab(early, facilitator, running.url, Asset(early.contracts["usdc"]))
        seller = lab.sell()
        with delegate.agent.http(max_deposit="0.10") as http:
            for _ in range(3):
                assert http.get(f"{seller.url}/quote").status_code == 200
        # The delegate is gone, with its state folder and its session; the seller claims its due and is gone, too.
        delegate.close()
        owner.revoke_session(delegate.session)
        seller.claim()
        seller.stop()
    assert early.units(seller.pay_to) == 3 * CENT
    session = delegate.session.session_id
    owner.keep_recovery(delegate.session)
    (begun,) = owner.withdraw_channels(session)
    assert (begun.state, str(begun.left), str(begun.returned)) == ("withdrawing", "0.07", "0")
    early.rpc.call("evm_increaseTime", 901)
    early.rpc.call("evm_mine")
    (done,) = owner.withdraw_channels(session)
    assert (done.state, str(done.left), str(done.returned)) == ("closed", "0", "0.07")
    (again,) = owner.withdraw_channels(session)
    assert again == done
    assert early.units(delegate.wallet) == FUNDED - 3 * CENT
    assert delegate.counted() == 3 * CENT
    home = owner.wallet_address
    before = early.units(home)
    owner.reclaim_session(home, session=session)
    assert early.units(home) - before == FUNDED - 3 * CENT
    owner.close()

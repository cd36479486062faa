"""The official x402 facilitator and resource server on the chain of the development stack, over real HTTP."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures_stack import RunningStack
from valetkey.crypto.keys import PrivateKey

if TYPE_CHECKING:
    # FastAPI and the package are imported when something asks for them: most tests do not.
    from tests.x402.channels import ChannelFacilitator, ChannelSeller
    from tests.x402.facilitator import OfficialFacilitator
    from tests.x402.hostile import Behaviour, HostileSeller
    from tests.x402.resources import Asset, OfficialSeller
    from tests.x402.victim import Victim
    from valetkey import BuyerAgent
    from valetkey.ports.wallet import Call


@dataclass
class X402Lab:
    """A facilitator of this worker, and what a seller needs to know. `facilitator.settlements` is shared: filter."""

    stack: RunningStack
    facilitator: "OfficialFacilitator"
    facilitator_url: str
    asset: "Asset"

    @property
    def network(self) -> str:
        """CAIP-2."""
        return self.facilitator.network

    def units(self, address: str) -> int:
        """USDC of an address, in base units."""
        return self.stack.units(address)

    def permit2(self, *payers: PrivateKey) -> None:
        """Put Permit2 and its proxies on the chain, and give it an allowance of each payer's whole balance for ever."""
        from tests.x402.permit2 import PERMIT2_ADDRESS, place_permit2
        from valetkey.wire import calls

        place_permit2(self.stack)
        for payer in payers:
            self.stack.supply(payer.address)
            call = calls.approve(self.asset.address, PERMIT2_ADDRESS, 2**256 - 1)
            send_call(self.stack.rpc_url, payer, call, self.stack.chain_id)

    def payments_of(self, payer: str) -> "list[int]":
        """Base units of each settlement that moved this payer's money, in order."""
        return [one.amount for one in self.facilitator.settled if one.payer.lower() == payer.lower()]

    def sell(self, pay_to: str | None = None) -> "OfficialSeller":
        """An official resource server that is paid to a new address. Stop it."""
        from tests.x402.resources import OfficialSeller

        address = pay_to or PrivateKey.generate().address
        return OfficialSeller(self.facilitator_url, self.asset, self.network, address)


def send_call(rpc_url: str, sender: PrivateKey, call: "Call", chain_id: int) -> None:
    """Send one call from an account that has gas, and wait for its block."""
    from valetkey.chains.evm._sync.wallet import EvmWallet
    from valetkey.chains.evm.signer import LocalSigner

    wallet = EvmWallet(rpc_url, chain_id, call.to, LocalSigner(sender))
    signed = wallet.sign(call)
    wallet.send(signed)
    assert wallet.wait(signed.tx_hash, 30).succeeded
    wallet.close()


@pytest.fixture(scope="session")
def x402_lab(stack: RunningStack) -> Iterator[X402Lab]:
    """The facilitator of this worker, which pays gas out of a wallet of its own, and settles on the stack's chain."""
    from tests.x402.facilitator import OfficialFacilitator
    from tests.x402.loopback import Loopback
    from tests.x402.resources import Asset

    facilitator = OfficialFacilitator(stack.rpc_url, stack.wallet(), stack.chain_id)
    with Loopback(facilitator.app) as running:
        yield X402Lab(stack, facilitator, running.url, Asset(stack.contracts["usdc"]))


@pytest.fixture
def x402_seller(x402_lab: X402Lab) -> "Iterator[OfficialSeller]":
    """A resource server of this test alone, paid to an address that has nothing yet."""
    seller = x402_lab.sell()
    yield seller
    seller.stop()


@pytest.fixture(scope="session")
def x402_owner(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[BuyerAgent]":
    """The owner of this worker's sessions that pay over HTTP."""
    from tests.x402.victim import register_owner

    owner = register_owner(stack, tmp_path_factory.mktemp("x402-owner"), f"x402-owner-{os.urandom(4).hex()}")
    yield owner
    owner.close()


@pytest.fixture
def victim(stack: RunningStack, x402_owner: "BuyerAgent", tmp_path: Path) -> "Iterator[Victim]":
    """A session of this test alone: it may spend one USDC, ten cents at once, and holds five."""
    from tests.x402.victim import open_session

    made = open_session(stack, x402_owner, tmp_path / "delegate")
    yield made
    made.close()


@pytest.fixture
def hostile(stack: RunningStack) -> "Iterator[Callable[..., HostileSeller]]":
    """Makes hostile sellers, which close when the test ends."""
    from tests.x402.hostile import HostileSeller

    made: list[HostileSeller] = []

    def new(behaviour: "Behaviour | None" = None) -> HostileSeller:
        made.append(HostileSeller(stack.rpc, stack.contracts["usdc"], behaviour))
        return made[-1]

    yield new
    for seller in made:
        seller.close()


@dataclass
class ChannelLab:
    """The official facilitator of channels, on a chain that has their contracts."""

    stack: RunningStack
    facilitator: "ChannelFacilitator"
    facilitator_url: str
    asset: "Asset"

    def sell(self, **more: Any) -> "ChannelSeller":
        """An official resource server that is paid through channels, to a new address. Stop it."""
        from tests.x402.channels import ChannelSeller

        return ChannelSeller(self.facilitator_url, self.asset, self.facilitator.network, **more)


@pytest.fixture(scope="session")
def channel_lab(stack: RunningStack) -> Iterator[ChannelLab]:
    """The contracts of channels on the stack's chain, and a facilitator of this worker that knows them."""
    from tests.x402.channels import ChannelFacilitator, place_channels
    from tests.x402.loopback import Loopback
    from tests.x402.resources import Asset

    place_channels(stack)
    facilitator = ChannelFacilitator(stack.rpc_url, stack.wallet(), stack.wallet(), stack.chain_id)
    with Loopback(facilitator.app) as running:
        yield ChannelLab(stack, facilitator, running.url, Asset(stack.contracts["usdc"]))


@pytest.fixture
def channel_seller(channel_lab: ChannelLab) -> "Iterator[ChannelSeller]":
    """A seller of this test alone that is paid through channels."""
    seller = channel_lab.sell()
    yield seller
    seller.stop()

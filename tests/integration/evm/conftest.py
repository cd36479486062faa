"""The contracts on the worker's development chain, and readers of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from web3.types import TxReceipt

from tests.fixtures_chain import CHAIN_ID, ChainRpc
from tests.integration.evm.nodes import Node
from tests.integration.platform.onchain import Chain
from valetkey.chains.devchain import DevChain, dev_private_key
from valetkey.chains.evm.deploy import Deployed, deploy
from valetkey.chains.evm.networks import Network
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey

OWNER = PrivateKey(dev_private_key(0))

GWEI = 10**9

MakeNetwork = Callable[..., Network]


class OwnWallets(Chain):
    """What wallets do, signed by our own signer."""

    def send(self, key: PrivateKey, to: str, data: str, *, gas: int = 1_000_000) -> TxReceipt:
        signer = LocalSigner(key)
        raw = signer.sign_transaction(
            {
                "chainId": CHAIN_ID,
                "nonce": self.web3.eth.get_transaction_count(signer.address),  # type: ignore[arg-type]
                "to": to,
                "value": 0,
                "data": data,
                "gas": gas,
                "maxFeePerGas": 5 * GWEI,
                "maxPriorityFeePerGas": GWEI,
            }
        )
        return self.web3.eth.wait_for_transaction_receipt(self.web3.eth.send_raw_transaction(raw), 20)


@pytest.fixture(scope="session")
def deployed(devchain: DevChain) -> Deployed:
    """The contracts of this worker's chain. Owner, resolver: the first well-known account."""
    return deploy(devchain.rpc_url, LocalSigner(OWNER))


@pytest.fixture
def network(deployed: Deployed) -> MakeNetwork:
    """A network with these contracts at this URL; anything about it may be said otherwise."""

    def make(rpc_url: str, **changes: Any) -> Network:
        facts: dict[str, Any] = {
            "name": "base-sepolia",
            "chain": "baseSepolia",
            "chain_id": CHAIN_ID,
            "rpc_url": rpc_url,
            "escrow": deployed.escrow,
            "score": deployed.score,
            "usdc": deployed.usdc,
            "confirmations": 1,
        }
        return Network(**facts | changes)

    return make


@pytest.fixture
def onchain(deployed: Deployed, chain: ChainRpc) -> Chain:
    """What wallets do; undone after the test."""
    return OwnWallets(chain.rpc_url, deployed.escrow, deployed.score, deployed.usdc)


@pytest.fixture
def node() -> Iterator[Node]:
    """A node that answers what a test tells it to."""
    with Node() as running:
        yield running

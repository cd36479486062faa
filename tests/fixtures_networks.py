"""Two embedded chains with the numbers of Base and Ethereum, and a platform that serves both of them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.fixtures_chain import PRIVATE_KEYS
from valetkey.chains.devchain import DevChain
from valetkey.cli.dev_rpc import ETH, DevRpc
from valetkey.crypto.keys import PrivateKey

if TYPE_CHECKING:
    # Most tests need no platform and no contracts: what starts them is imported when they do.
    from tests.integration.platform.serving import Server
    from valetkey.chains.evm.deploy import Deployed
    from valetkey.platform.settings import Settings

BASE, ETHEREUM = 8453, 1
RELAYER = PrivateKey.from_hex("0x" + "7e" * 32)


@dataclass(frozen=True)
class RunningNetwork:
    """A chain with the contracts on it."""

    chain: DevChain
    at: "Deployed"
    rpc: DevRpc

    @property
    def rpc_url(self) -> str:
        return self.chain.rpc_url

    def supply(self, address: str, usdc: int = 0) -> None:
        """Gas and so many base units of USDC for an address."""
        self.rpc.give(address, ETH)
        if usdc:
            self.rpc.mint(self.at.usdc, address, usdc)

    def units(self, address: str) -> int:
        """USDC of an address, in base units."""
        return self.rpc.units(self.at.usdc, address)


@dataclass(frozen=True)
class TwoNetworks:
    """A platform that serves `base`, where things are sold, and `ethereum`, where sessions pay by themselves."""

    server: "Server"
    base: RunningNetwork
    ethereum: RunningNetwork

    @property
    def base_url(self) -> str:
        return self.server.base_url

    def wallet(self, usdc: int = 0) -> PrivateKey:
        """A new wallet with gas, and so many base units of USDC, on both chains."""
        key = PrivateKey.generate()
        for network in (self.base, self.ethereum):
            network.supply(key.address, usdc)
        return key


def start_network(chain_id: int) -> RunningNetwork:
    """A chain with this number and the contracts; the relayer has gas on it. Stop `chain` and close `rpc`."""
    from valetkey.chains.evm.deploy import deploy
    from valetkey.chains.evm.signer import LocalSigner

    chain = DevChain.start(engine="py-evm", chain_id=chain_id)
    at = deploy(chain.rpc_url, LocalSigner(PrivateKey.from_hex(PRIVATE_KEYS[0])))
    rpc = DevRpc(chain.rpc_url)
    rpc.give(RELAYER.address, ETH)
    return RunningNetwork(chain, at, rpc)


def settings_of(base: RunningNetwork, ethereum: RunningNetwork, database: str, **environ: str) -> "Settings":
    """Of a platform for both."""
    from valetkey.platform.settings import Settings

    networks = [
        {
            "network": "base",
            "rpcUrl": base.rpc_url,
            "escrow": base.at.escrow,
            "score": base.at.score,
            "usdc": base.at.usdc,
            "allowance": base.at.allowance,
        },
        {
            "network": "ethereum",
            "rpcUrl": ethereum.rpc_url,
            "usdc": ethereum.at.usdc,
            "allowance": ethereum.at.allowance,
        },
    ]
    return Settings.from_env(
        {
            "VALETKEY_DATABASE": database,
            "VALETKEY_NETWORKS": json.dumps(networks),
            "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
            "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
            "VALETKEY_TEST_MODE": "1",
            "VALETKEY_GRADUATION_SCORE": "1",
            "VALETKEY_RELAYER_KEY": RELAYER.to_hex(),
            **environ,
        }
    )


@pytest.fixture(scope="session")
def two_networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNetworks]:
    """Chains and platform of this worker, shared by its tests: use wallets of your own."""
    from tests.integration.platform.serving import serve

    with ExitStack() as cleanup, ThreadPoolExecutor(2) as pool:
        started = [pool.submit(start_network, number) for number in (BASE, ETHEREUM)]
        base, ethereum = (one.result() for one in started)
        for one in (base, ethereum):
            cleanup.callback(one.chain.stop)
            cleanup.callback(one.rpc.close)
        database = str(tmp_path_factory.mktemp("two-networks") / "valetkey.db")
        server = serve(settings_of(base, ethereum, database))
        cleanup.callback(server.stop)
        yield TwoNetworks(server, base, ethereum)

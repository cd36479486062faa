"""An owner with money on Base and on Solana, and a platform that serves both."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_allotments import USDC, World
from tests.fixtures_networks import RELAYER, RunningNetwork, start_network
from tests.fixtures_solana import SLOT_MILLISECONDS
from tests.integration.platform.serving import Server, serve
from valetkey import Client
from valetkey.chains.devsolana import DevSolana
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.settings import Settings

WORDS = "a passphrase of the tests"
RULES: dict[str, Any] = {
    "label": "treasury",
    "spending_limit": "50",
    "valid_until": timedelta(hours=1),
    "chain": "solanaLocal",
}


@dataclass
class Place:
    """A platform that serves Base and a cluster of Solana."""

    base: RunningNetwork
    sea: World
    server: Server


@dataclass
class Owner:
    """An owner with money on both, and its client."""

    place: Place
    key: PrivateKey
    wallet: SigningKey
    api_key: str
    folder: Path
    client: Client

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "chain": "base",
            "rpc_url": self.place.base.rpc_url,
            "base_url": self.place.server.base_url,
            "state_dir": self.folder,
            "signer": self.key,
            "passphrase": WORDS,
            "solana_signer": self.wallet,
        }

    def again(self, **changes: Any) -> Client:
        return Client(self.api_key, **{**self.arguments, **changes})

    def pay(self, session: Any, amount: str, to: str | None = None, **more: Any) -> Any:
        action = {"type": "transfer", "to": to or self.payee(), "amount": amount, "token": "USDC"}
        return self.client.execute(session, action, **more)

    def payee(self) -> str:
        return SigningKey.generate().address

    def at_home(self) -> int:
        """What the owner has on Solana, beside its sessions' accounts."""
        sea = self.place.sea
        found = sea.rpc(
            "getTokenAccountsByOwner", self.wallet.address, {"mint": sea.usdc}, {"encoding": "base64"}
        )
        home = sea.rpc.give(self.wallet.address, sea.usdc, 0)
        assert any(one["pubkey"] == home for one in found["value"])
        return sea.rpc.units(home)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = start_network(8453)
    with DevSolana.start(slot_milliseconds=SLOT_MILLISECONDS) as running:
        sea = World(running)
        evm = {
            "network": "base",
            "rpcUrl": base.rpc_url,
            "escrow": base.at.escrow,
            "score": base.at.score,
            "usdc": base.at.usdc,
            "allowance": base.at.allowance,
        }
        server = serve(
            Settings.from_env(
                {
                    "VALETKEY_DATABASE": str(tmp_path_factory.mktemp("both") / "valetkey.db"),
                    "VALETKEY_NETWORKS": json.dumps(
                        [evm, {"network": "solanaLocal", "rpcUrl": sea.rpc.rpc_url, "usdc": sea.usdc}]
                    ),
                    "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
                    "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
                    "VALETKEY_TEST_MODE": "1",
                    "VALETKEY_RELAYER_KEY": RELAYER.to_hex(),
                }
            )
        )
        yield Place(base, sea, server)
        server.stop()
        sea.rpc.close()
    base.rpc.close()
    base.chain.stop()


@pytest.fixture
def owner(place: Place, tmp_path: Path) -> Iterator[Owner]:
    key = PrivateKey.generate()
    place.base.supply(key.address, 1_000 * USDC)
    agent = place.server.register(key=key)
    made = Owner(place, key, place.sea.wallet(), agent.credential, tmp_path / "state", None)  # type: ignore[arg-type]
    made.client = made.again()
    yield made
    made.client.close()

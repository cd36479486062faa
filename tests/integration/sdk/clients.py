"""Clients of owners with a thousand USDC, for tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.sdk.world import World
from valetkey import BuyerAgent, Client
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey

WORDS = "a passphrase of the tests"
CHAIN = "baseSepolia"


@dataclass
class Desk:
    """An owner, its wallet and its client."""

    world: World
    key: PrivateKey
    owner: BuyerAgent
    client: Client
    folder: Path

    def again(self, **changes: Any) -> Client:
        """Another client of the owner, with the same folder and keystore unless told otherwise."""
        asked: dict[str, Any] = {
            "chain": CHAIN,
            "base_url": self.world.stack.base_url,
            "state_dir": self.folder,
            "signer": self.key,
            "passphrase": WORDS,
        }
        return Client(self.owner.api_key, **{**asked, **changes})


def new_desk(world: World) -> Desk:
    key = world.stack.wallet(1_000 * USDC)
    owner = world.owner(key)
    desk = Desk(world, key, owner, None, world.folder())  # type: ignore[arg-type]
    desk.client = desk.again()
    return desk

"""Owners, sellers and delegates on a running stack, each with a state folder of its own below one folder."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, SellerAgent, SessionInfo
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey

PRICE, TOTAL_UNITS = "10", 10_200_000

_NUMBERS = itertools.count(1)


@dataclass
class Shop:
    """A seller with one service."""

    seller: SellerAgent
    key: PrivateKey
    service_id: str


@dataclass
class World:
    """Everything that a test starts; `close` ends it."""

    stack: RunningStack
    home: Path
    agents: list[BuyerAgent | SellerAgent]

    def folder(self) -> Path:
        """A new state folder."""
        return self.home / f"state-{next(_NUMBERS)}"

    def shop(self, **service: Any) -> Shop:
        """A new seller and its service."""
        key, mark = self.stack.wallet(), uuid.uuid4().hex[:10]
        seller = SellerAgent.register(
            key, f"seller-{mark}", base_url=self.stack.base_url, state_dir=self.folder()
        )
        self.agents.append(seller)
        seller.init_eoa_wallet(key)
        asked = {"title": f"Work {mark}", "description": "Worth it", "category": "other", "price": PRICE}
        made = seller.list_service(**{**asked, "price_unit": "per_request", **service})
        return Shop(seller, key, made.id)

    def owner(self, key: PrivateKey | None = None, **places: Any) -> BuyerAgent:
        """A new owner with a thousand USDC, or one with this key."""
        key = key or self.stack.wallet(1_000 * USDC)
        asked = {"base_url": self.stack.base_url, "state_dir": self.folder(), **places}
        owner = BuyerAgent.register(key, f"owner-{uuid.uuid4().hex[:10]}", **asked)
        self.agents.append(owner)
        owner.init_eoa_wallet(key)
        return owner

    def delegate(self, session: SessionInfo | str, **places: Any) -> BuyerAgent:
        """A delegate with this session."""
        asked = {"base_url": self.stack.base_url, "state_dir": self.folder(), **places}
        agent = BuyerAgent(**asked)
        self.agents.append(agent)
        agent.init_with_session(session if isinstance(session, str) else session.serialize())
        return agent

    def has(self, address: str) -> tuple[int, int]:
        """USDC in base units, and wei."""
        return self.stack.units(address), self.stack.rpc.wei(address)

    def nonce(self, address: str) -> int:
        """How many transactions an address has sent."""
        return int(self.stack.rpc.call("eth_getTransactionCount", address, "latest"), 16)

    def close(self) -> None:
        for agent in self.agents:
            agent.close()


def only(words: str, hook: Callable[[int], None]) -> Callable[[str, bytes], None]:
    """A hook of the proxy that acts on matching requests alone, and is told which one of them it is, from 1."""
    count = itertools.count(1)

    def act(where: str, body: bytes) -> None:
        if words in where or words.encode() in body:
            hook(next(count))

    return act


def signed_by(folder: Path) -> list[str]:
    """The purposes that the journal in a state folder still holds."""
    room = folder / "signed"
    return sorted(path.name for path in room.iterdir()) if room.is_dir() else []

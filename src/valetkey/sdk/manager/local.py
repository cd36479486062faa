"""What every part of a manager works with: one owner, one chain, one token, and a file of one's own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.chains import Chain
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Asset
from valetkey.crypto import base58
from valetkey.crypto.credentials import credential_hash, new_api_key, new_id
from valetkey.crypto.keys import is_address, keccak256
from valetkey.ports.accounts import AccountStore
from valetkey.ports.clock import Clock
from valetkey.ports.following import FollowingStore
from valetkey.ports.grants import GrantStore
from valetkey.ports.keystore import Keystore
from valetkey.ports.ledger import LedgerStore
from valetkey.ports.market import MarketStore
from valetkey.ports.relays import RelayStore
from valetkey.sdk.manager.keys import Keys
from valetkey.sdk.manager.locking import Turn
from valetkey.sdk.manager.rules import Lifetimes

Observer = Callable[[str, str], None]
"""Told what happened beside what was asked for, and to what: see the observers of engine/."""

BY_OWNER, BY_CHAIN = "owner", "chain"
"""Who did it, as the audit log names them."""


class Stores(LedgerStore, AccountStore, GrantStore, RelayStore, FollowingStore, MarketStore, Protocol):
    """One database that answers every port that a manager needs."""

    @property
    def clock(self) -> Clock: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """Made once, by opening.py, as one of its two kinds: on an EVM chain or on Solana.

    owner: the owner's address, EIP-55 or base58. keys: what keys of sessions are there.
    """

    path: Path
    chain: Chain
    asset: Asset
    owner: str
    keys: Keys
    store: Stores
    keystore: Keystore
    lifetimes: Lifetimes
    observer: Observer
    owns_keystore: bool
    """Whether nothing but this file's keys is in the keystore."""
    wait_seconds: float
    """How long other processes of the file are waited for."""
    unlocked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the keystore has its key."""

    @property
    def clock(self) -> Clock:
        return self.store.clock

    @property
    def owner_id(self) -> str:
        """The owner's id in the store: the same for everybody who asks, as it comes from the address."""
        owner = self.owner
        raw = bytes.fromhex(owner[2:]) if is_address(owner) else base58.decode(owner)
        return make_id(Kind.AGENT, keccak256(raw).hex()[:32])

    def turn(self, name: str) -> Turn:
        """A lock that the processes of this file share."""
        return Turn(self.path.with_name(f"{self.path.name}.{name}.lock"), self.wait_seconds)

    async def unlock(self) -> None:
        """Have the keystore derive its key, once; that takes a while, beside everything else. Raises WrongSecret."""
        if not self.unlocked.is_set():
            await asyncio.to_thread(self.keystore.get, "-")
            self.unlocked.set()

    async def ensure_owner(self) -> None:
        """The owner's record, made when there is none."""
        if await self.store.agent(self.owner_id) is not None:
            return
        now = self.clock.now()
        agent = Agent(
            id=self.owner_id,
            developer_id=new_id(Kind.DEVELOPER),
            name=f"owner {self.owner}",
            description="",
            wallet_address=self.owner,
            # A signer need not tell it, and nothing is ever encrypted to an owner here.
            public_key=b"",
            created_at=now,
            last_seen_at=now,
        )
        # A key that nobody has: whoever asks this file has the signer.
        key = ApiKey(
            id=new_id(Kind.API_KEY),
            owner_id=agent.id,
            name="manager",
            scopes=frozenset({Scope.READ}),
            created_at=now,
        )
        await self.store.add_agent(agent, credential_hash(new_api_key().reveal()), key)

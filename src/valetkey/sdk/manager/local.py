"""What every part of a manager works with: one owner, one chain, one token, one contract, and a file of one's own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.chains import Chain
from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Asset
from valetkey.crypto.credentials import credential_hash, new_api_key, new_id
from valetkey.crypto.keys import keccak256
from valetkey.engine.tokens import TokenChecks
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import ChainReader
from valetkey.ports.clock import Clock
from valetkey.ports.following import FollowingStore
from valetkey.ports.grants import GrantStore
from valetkey.ports.keystore import Keystore
from valetkey.ports.ledger import LedgerStore
from valetkey.ports.market import MarketStore
from valetkey.ports.relays import RelayLimits, RelayStore
from valetkey.ports.sender import ChainSender
from valetkey.ports.signer import Signer
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.manager.locking import Turn
from valetkey.sdk.manager.rules import Lifetimes
from valetkey.wire import grant_calls
from valetkey.wire.grants import Domain

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
    """Made once, by opening.py.

    sender: the account that sends and pays the gas of what session keys sign; owner_sender: the owner's own, for what
    only the owner may do. Both are one when the owner pays.
    """

    path: Path
    chain: Chain
    asset: Asset
    contract: str
    signer: Signer
    store: Stores
    keystore: Keystore
    reader: ChainReader
    sender: ChainSender
    owner_sender: ChainSender
    lifetimes: Lifetimes
    limits: RelayLimits
    fee_wei_max: int
    observer: Observer
    owns_keystore: bool
    """Whether nothing but this file's keys is in the keystore."""
    tokens: TokenChecks = field(default_factory=TokenChecks)
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when chain, contract and token are what they should be."""
    unlocked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the keystore has its key."""

    @property
    def clock(self) -> Clock:
        return self.store.clock

    @property
    def owner(self) -> str:
        """The owner's address, EIP-55."""
        return self.signer.address

    @property
    def owner_id(self) -> str:
        """The owner's id in the store: the same for everybody who asks, as it comes from the address."""
        return make_id(Kind.AGENT, keccak256(bytes.fromhex(self.owner[2:])).hex()[:32])

    @property
    def domain(self) -> Domain:
        return Domain(self.chain.chain_id, self.contract)

    def turn(self, name: str) -> Turn:
        """A lock that the processes of this file share."""
        return Turn(self.path.with_name(f"{self.path.name}.{name}.lock"))

    async def unlock(self) -> None:
        """Have the keystore derive its key, once; that takes a while, beside everything else. Raises WrongSecret."""
        if not self.unlocked.is_set():
            await asyncio.to_thread(self.keystore.get, "-")
            self.unlocked.set()

    async def check_chain(self) -> None:
        """Once: that node, contract and token are those that were meant.

        Raises NotConfigured, TokenMismatch and ChainUnavailable.
        """
        if self.known.is_set():
            return
        await self.reader.head()
        answer = await self.reader.view(grant_calls.standings(self.contract, self.owner))
        problem = False
        try:
            grant_calls.number(answer)
        except InvalidInput:
            problem = True
        if problem:
            raise NotConfigured(f"what is at {self.contract} on {self.chain.name} keeps no grants")
        await self.tokens.checked(self.asset, self.reader)
        self.known.set()

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

"""What the parts that are about grants work with: the contract, and what sends to it and reads of it."""

import asyncio
from dataclasses import dataclass, field

from valetkey.core.errors import InvalidInput
from valetkey.engine.tokens import TokenChecks
from valetkey.ports.chain import ChainReader
from valetkey.ports.relays import RelayLimits
from valetkey.ports.sender import ChainSender
from valetkey.ports.signer import Signer
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.manager.local import Local
from valetkey.wire import grant_calls
from valetkey.wire.grants import Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class OnEvm(Local):
    """A manager's share of an EVM chain.

    sender: the account that sends and pays the gas of what session keys sign; owner_sender: the owner's own, for what
    only the owner may do. Both are one when the owner pays.
    """

    contract: str
    signer: Signer
    reader: ChainReader
    sender: ChainSender
    owner_sender: ChainSender
    limits: RelayLimits
    fee_wei_max: int
    tokens: TokenChecks = field(default_factory=TokenChecks)
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when chain, contract and token are what they should be."""

    @property
    def domain(self) -> Domain:
        return Domain(self.chain.chain_id, self.contract)

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

"""Children of grants: made by a session's key on the chain alone, and known to nobody here until they pay.

A child spends out of the grants above it, whose words tell it; the event names the child only.
"""

from collections.abc import Iterable
from typing import Protocol

from valetkey.core.money import Asset
from valetkey.crypto.keys import checksum_address
from valetkey.engine.funding import same_address
from valetkey.engine.granting import SPENT_BITS, SPENT_SHIFT
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import ChainReader, Log
from valetkey.ports.grants import GrantStore, SignedGrant
from valetkey.wire import grant_calls
from valetkey.wire.grant_events import Spent, read_event

GRANTS_MAX = 1_000
"""Of one owner, the newest, that may be the ones above."""

STRANGERS_MAX = 10_000
"""Grants of owners that are not ours, which are remembered: the contract is everybody's."""


class GrantedStores(AccountStore, GrantStore, Protocol):
    """Who has an account here, and what it granted."""


class Children:
    """One contract on one chain. `asset` is the token that its grants are about."""

    def __init__(self, store: GrantedStores, reader: ChainReader, asset: Asset, contract: str) -> None:
        self._store = store
        self._reader = reader
        self._asset = asset
        self._contract = contract
        self._strangers: set[bytes] = set()

    async def above(self, spent: Spent, log: Log, logs: Iterable[Log]) -> list[SignedGrant]:
        """The grants of ours that a payment out of an unknown grant went out of; `logs`: all of its block.

        When several of one owner were spent from unseen in that block, all of them: rather once too often than never.
        Raises ChainUnavailable, also when the node does not remember the block.
        """
        if spent.grant in self._strangers:
            return []
        found, ours = [], False
        for owner in await self._payers(spent, log.tx_hash):
            agent = await self._store.agent_of_wallet(owner)
            grants = [] if agent is None else (await self._store.grants_of_owner(agent.id, GRANTS_MAX, 0))[0]
            for one in grants:
                if one.chain_id == self._asset.chain_id and same_address(one.contract, self._contract):
                    ours = True
                    if await self._unseen(one, log.block, logs):
                        found.append(one)
        if not ours:
            if len(self._strangers) >= STRANGERS_MAX:
                self._strangers.clear()
            self._strangers.add(spent.grant)
        return found

    async def _payers(self, spent: Spent, tx_hash: str) -> set[str]:
        done = await self._reader.execution(tx_hash)
        return {
            checksum_address(one.payer)
            for one in (() if done is None else done.transfers)
            if same_address(one.token, self._asset.address) and one.units == spent.amount
        }

    async def _unseen(self, signed: SignedGrant, block: int, logs: Iterable[Log]) -> bool:
        """Whether more was spent from a grant in a block than its own events say."""
        own = 0
        for log in logs:
            event = read_event(log) if log.block == block else None
            if isinstance(event, Spent) and event.grant == signed.id:
                own += -(-event.amount // signed.grant.unit)
        return await self._spent(signed, block) - await self._spent(signed, block - 1) > own

    async def _spent(self, signed: SignedGrant, block: int) -> int:
        """Units in all; nothing before the contract was there."""
        answer = await self._reader.view(grant_calls.words(self._contract, signed.id), at_block=block)
        word = grant_calls.number(answer) if answer else 0
        return word >> SPENT_SHIFT & ((1 << SPENT_BITS) - 1)

"""Owners and delegates on the embedded cluster, over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.fixtures_solana import TOKEN, ClusterRpc
from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import Mint
from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.delegate import SolanaDelegate
from valetkey.chains.solana.errors import TransactionRefused
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.reader import SolanaReader
from valetkey.chains.solana.submitting import blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.solana import payment_of

T = TypeVar("T")

BUDGET = 50_000_000
FEES = 20_000_000
WEALTH = 1_000_000_000

NONCE_TOO_FRESH = 7
"""What the system program answers to a nonce of this slot."""
NONCE_TRIES = 5


@dataclass
class Scene:
    """An owner with money, and a session of it that is open."""

    rpc: ClusterRpc
    node: SolanaNode
    reader: SolanaReader
    owner_key: SigningKey
    owner: SolanaOwner
    key: SigningKey
    mint: Mint
    home: str
    session: SessionAccounts
    delegate: SolanaDelegate

    @property
    def account(self) -> str:
        return str(self.session.account)

    def held(self) -> int:
        """Base units in the session's account."""
        return self.rpc.units(self.account)


def act(
    rpc: ClusterRpc,
    story: Callable[[Scene], Awaitable[T]],
    *,
    program: str = TOKEN,
    is_open: bool = True,
    fees: int = FEES,
) -> T:
    """Play a story with a new owner, mint and session."""

    async def run() -> T:
        node = SolanaNode(rpc.chain_id, rpc.rpc_url)
        reader = SolanaReader(rpc.chain_id, rpc.rpc_url)
        try:
            owner_key, key = rpc.wallet(), SigningKey.generate()
            address = rpc.mint(6, program)
            home = rpc.give(owner_key.address, address, WEALTH)
            owner = SolanaOwner(node, owner_key)
            mint = await owner.mint(address, 6)
            session = owner.accounts(key.address, mint)
            if is_open:
                session = await owner.open(key.address, mint, BUDGET, fee_lamports=fees)
            delegate = SolanaDelegate(node, key, owner_key.address, mint)
            return await story(Scene(rpc, node, reader, owner_key, owner, key, mint, home, session, delegate))
        finally:
            await node.close()
            await reader.close()

    return asyncio.run(run())


async def use_nonce_up(node: SolanaNode, owner: SigningKey, session: SessionAccounts) -> None:
    """Whatever was signed in advance can never be executed after this: an owner may do so, by whatever program."""
    for _ in range(NONCE_TRIES):
        recent = await blockhash(node)
        advance = programs.advance_nonce(session.nonce, session.owner)
        raw = sign([advance], session.owner, recent.value, [owner])
        try:
            await settle(node, payment_of(raw, recent.last_valid_height, recent.slot))
        except TransactionRefused as refused:
            # A nonce advances once in a slot.
            if refused.custom != NONCE_TOO_FRESH:
                raise
            await asyncio.sleep(0.5)
        else:
            return
    raise AssertionError("the nonce does not advance")

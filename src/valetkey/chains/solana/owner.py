"""What an owner does: give a session its account and budget, take it back, and sign its end in advance."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import NONCE_BYTES, TOKEN_ACCOUNT_BYTES, Mint
from valetkey.chains.solana.addresses import SessionAccounts, wallet_key
from valetkey.chains.solana.errors import SessionClosed, StillPending, TransactionRefused
from valetkey.chains.solana.expiring import Revocation, presign
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.state import SessionState, mint_of, rent, session_state
from valetkey.chains.solana.submitting import (
    CONFIRMED,
    PAUSE_SECONDS_MAX,
    WAIT_SECONDS,
    Landed,
    blockhash,
    settle,
)
from valetkey.chains.solana.transactions import sign
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import SolanaPayment, payment_of

UNITS_MAX = 2**64 - 1
LAMPORTS_MAX = 10 * 10**9
"""More than any number of fees takes: a session key is no place for a fortune."""

ATTEMPTS = 5
"""How often it is looked again when the cluster changed between a look and what followed from it."""

Store = Callable[[SolanaPayment], Awaitable[None]]
"""Keeps signed bytes before they are sent."""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What came back to the owner: base units of the token, and lamports of the accounts that were closed.

    `signature`: of the transaction that brought them; None when nothing was there.
    """

    units: int
    lamports: int
    signature: str | None = None


class SolanaOwner:
    """The owner's side of sessions on one cluster. Every method may be repeated after any crash: it goes on."""

    def __init__(
        self,
        node: SolanaNode,
        signer: Ed25519Signer,
        *,
        wait_seconds: float = WAIT_SECONDS,
        unit_price_micro_lamports: int = 0,
    ) -> None:
        """`unit_price_micro_lamports` is offered for each unit of computing, which busy times ask for."""
        self._node = node
        self._signer = signer
        self._wait_seconds = wait_seconds
        self._unit_price = unit_price_micro_lamports
        self.key = Pubkey(signer.public_key)

    def __repr__(self) -> str:
        return f"<SolanaOwner {self.key}>"

    async def mint(self, mint: str, decimals: int) -> Mint:
        """A mint that sessions can be about. Raises TokenMismatch, InvalidInput, ChainUnavailable."""
        return await mint_of(self._node, mint, decimals)

    def accounts(self, session_key: str, mint: Mint) -> SessionAccounts:
        """Where a session's accounts are. Raises InvalidInput for a key that is none, or that is the owner's."""
        key = wallet_key(session_key, "session_key")
        if key == self.key:
            raise InvalidInput("a session has a key of its own, not the owner's", field="session_key")
        return SessionAccounts(self.key, key, mint.address, mint.program)

    async def open(
        self, session_key: str, mint: Mint, units: int, *, fee_lamports: int = 0, store: Store | None = None
    ) -> SessionAccounts:
        """Give a session its account with a budget in it, and its nonce, in one transaction: all of it or nothing.

        The budget comes from the owner's associated account. `fee_lamports` go to the session's key for its fees; a
        sponsor may pay these instead. One that is open already stays as it is, and is funded no second time. Raises
        SessionClosed for one that was closed before, TransactionRefused, InvalidInput, ChainUnavailable.
        """
        session = self.accounts(session_key, mint)
        if type(units) is not int or not 0 < units <= UNITS_MAX:
            raise InvalidInput("a budget is a number of base units above 0", field="budget")
        if type(fee_lamports) is not int or not 0 <= fee_lamports <= LAMPORTS_MAX:
            raise InvalidInput(f"fees are 0 to {LAMPORTS_MAX} lamports", field="fee_lamports")
        for attempt in range(ATTEMPTS):
            state = await session_state(self._node, session)
            if state.account is not None:
                return session
            await self.check_new(session)
            instructions = await self._opening(session, mint, units, fee_lamports, state)
            try:
                await self._send(instructions, store)
            except TransactionRefused:
                # Somebody else who holds the owner's key was faster, which may show a slot later; or it is refused for
                # its own sake.
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS_MAX)
        raise ChainUnavailable("the session's account does not show")

    async def check_new(self, session: SessionAccounts) -> None:
        """Repeating what was done before the session was closed must not pay for it once more."""
        found = await self._node.ask(
            "getSignaturesForAddress", str(session.account), {"commitment": CONFIRMED, "limit": 1_000}
        )
        if not isinstance(found, list):
            raise ChainUnavailable("the node's answer is no list of transactions")
        if any(isinstance(one, dict) and one.get("err") is None for one in found):
            raise SessionClosed("this session was closed: make another one, with a key of its own")

    async def _opening(
        self, session: SessionAccounts, mint: Mint, units: int, fee_lamports: int, state: SessionState
    ) -> list[Instruction]:
        account, owner, program = session.account, session.owner, session.program
        account_rent = await rent(self._node, TOKEN_ACCOUNT_BYTES)
        nonce_rent = await rent(self._node, NONCE_BYTES)
        # Anybody may have sent lamports there before: only what is missing is paid.
        found = [
            *_funding(owner, account, account_rent - state.account_lamports),
            programs.allocate(account, owner, session.seed, TOKEN_ACCOUNT_BYTES, program),
            programs.initialize_account(program, account, session.mint, owner),
            programs.transfer_checked(
                program, session.home, session.mint, account, owner, units, mint.decimals
            ),
            programs.approve_checked(
                program, account, session.mint, session.key, owner, units, mint.decimals
            ),
        ]
        if state.nonce is None:
            found += [
                *_funding(owner, session.nonce, nonce_rent - state.nonce_lamports),
                programs.allocate(session.nonce, owner, session.seed, NONCE_BYTES, programs.SYSTEM),
                programs.initialize_nonce(session.nonce, owner),
            ]
        if fee_lamports:
            found.append(programs.pay(owner, session.key, fee_lamports))
        return found

    async def presign_revocation(
        self, session: SessionAccounts, *, payer: Ed25519Signer | None = None
    ) -> Revocation:
        """Sign the session's end now, for anybody to submit when its time has come. Any number of them are the same.

        `payer` pays the fee and signs too; the owner does unless it is given. Raises SessionClosed, ChainUnavailable.
        """
        return await presign(self._node, session, self._signer, payer)

    async def revoke(self, session: SessionAccounts, *, commitment: str = CONFIRMED) -> bool:
        """Let the session's key move nothing any more; False when it could not already. Raises ChainUnavailable."""
        revoke = programs.revoke(session.program, session.account, session.owner)
        for attempt in range(ATTEMPTS):
            if not _has_delegate(await session_state(self._node, session)):
                await self._wait(session, commitment)
                return False
            try:
                await self._send([revoke], commitment=commitment)
            except TransactionRefused:
                # Closed meanwhile, by another process; otherwise it is refused for its own sake.
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS_MAX)
                continue
            return True
        raise AssertionError("the last attempt answers or raises")

    async def _wait(self, session: SessionAccounts, commitment: str) -> None:
        """Until the cluster says at this commitment that the session has no delegate."""
        deadline = time.monotonic() + self._wait_seconds
        while _has_delegate(await session_state(self._node, session, commitment)):
            if time.monotonic() >= deadline:
                raise StillPending("the revocation is in no final block yet; doing the same again goes on")
            await asyncio.sleep(PAUSE_SECONDS_MAX)

    async def reclaim(self, session: SessionAccounts, *, commitment: str = CONFIRMED) -> Reclaimed:
        """Revoke, bring everything home, and close the session's accounts. What is there meanwhile is brought too."""
        await self.revoke(session, commitment=commitment)
        for attempt in range(ATTEMPTS):
            state = await session_state(self._node, session)
            instructions = _closing(session, state, await self._decimals(session, state))
            if not instructions:
                return Reclaimed(0, 0)
            units = 0 if state.account is None else state.account.amount
            lamports = (0 if state.account is None else state.account_lamports) + (
                0 if state.nonce is None else state.nonce_lamports
            )
            try:
                landed = await self._send(instructions, commitment=commitment)
            except TransactionRefused:
                # Somebody sent something there since the look: the account was not empty.
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS_MAX)
                continue
            return Reclaimed(units, lamports, landed.signature)
        raise AssertionError("the last attempt answers or raises")

    async def exposure(self, session: SessionAccounts) -> int:
        """What the session's key could take now, base units. Raises ChainUnavailable."""
        return (await session_state(self._node, session)).exposure

    async def _decimals(self, session: SessionAccounts, state: SessionState) -> int:
        if state.account is None or state.account.amount == 0:
            return 0
        _, found = await self._node.value(
            "getTokenAccountBalance", str(session.account), {"commitment": CONFIRMED}
        )
        decimals = found.get("decimals") if isinstance(found, dict) else None
        if type(decimals) is not int:
            raise ChainUnavailable("the node's answer is no amount")
        return decimals

    async def _send(
        self, instructions: list[Instruction], store: Store | None = None, *, commitment: str = CONFIRMED
    ) -> Landed:
        recent = await blockhash(self._node)
        asked = [*self._compute(), *instructions]
        raw = sign(asked, self.key, recent.value, [self._signer])
        payment = payment_of(raw, recent.last_valid_height, recent.slot)
        if store is not None:
            await store(payment)
        return await settle(self._node, payment, commitment=commitment, wait_seconds=self._wait_seconds)

    def _compute(self) -> list[Instruction]:
        return programs.compute(200_000, self._unit_price) if self._unit_price else []


def _has_delegate(state: SessionState) -> bool:
    return state.account is not None and state.account.delegate is not None


def _funding(payer: Pubkey, account: Pubkey, lamports: int) -> list[Instruction]:
    return [programs.pay(payer, account, lamports)] if lamports > 0 else []


def _closing(session: SessionAccounts, state: SessionState, decimals: int) -> list[Instruction]:
    owner, program, found = session.owner, session.program, list[Instruction]()
    if state.account is not None:
        if state.account.amount:
            found += [
                programs.create_associated(owner, owner, session.mint, program),
                programs.transfer_checked(
                    *(program, session.account, session.mint, session.home, owner),
                    *(state.account.amount, decimals),
                ),
            ]
        found.append(programs.close_account(program, session.account, owner, owner))
    if state.nonce is not None:
        found.append(programs.withdraw_nonce(session.nonce, owner, owner, state.nonce_lamports))
    return found

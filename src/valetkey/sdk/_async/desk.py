"""A wallet's desk: every transaction is signed, written to the journal, sent, and forgotten when its outcome is known.

A step that was interrupted anywhere is taken up with the same bytes, by whoever shares the state folder.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from valetkey.ports.wallet import Call, Mined, SignedTransaction
from valetkey.sdk._async.connect import NotAccepted
from valetkey.sdk._async.wallet import AsyncWallet
from valetkey.sdk.errors import InsufficientFunds, TransactionReverted
from valetkey.sdk.journal import Entry, Journal
from valetkey.seam import async_sleep

WAIT_SECONDS = 120.0
LOCK_PAUSE_SECONDS = 0.05
SECOND_LOOK_SECONDS = 1.0
SIGNINGS_MAX = 4

BeforeSending = Callable[[SignedTransaction], Awaitable[None]]


class AsyncDesk:
    """Signs for one wallet, one transaction at a time in all processes that share the journal's folder."""

    def __init__(self, wallet: AsyncWallet, journal: Journal) -> None:
        self.wallet = wallet
        self._journal = journal

    async def perform(self, purpose: str, call: Call) -> Mined:
        """Make a call and wait until it is in a block. Raises TransactionReverted.

        The same purpose goes on with what was signed for it before, if that is not done.
        """
        async with self.alone():
            mined = await self.carry_through(purpose, call)
            self.done(purpose)
            return mined

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nobody else signs for this wallet meanwhile."""
        while (lock := self._journal.try_lock()) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._journal.unlock(lock)

    async def carry_through(
        self, purpose: str, call: Call, before_sending: BeforeSending | None = None
    ) -> Mined:
        """As `perform`, for who is `alone` already; the entry stays until `done`, so that its hash is known."""
        for tries_left in reversed(range(SIGNINGS_MAX)):
            entry = await self.unfinished(purpose)
            if entry is None:
                entry = await self.sign(purpose, call)
            if before_sending is not None:
                await before_sending(entry.signed)
            try:
                return await self.follow(purpose, entry)
            except NotAccepted:
                # When the same wallet used the nonce from another state folder, these bytes are dead.
                if not tries_left or await self.unfinished(purpose) is not None:
                    raise
        raise AssertionError("the last try returns or raises")

    async def sign(self, purpose: str, call: Call, note: str = "") -> Entry:
        """Sign a call and store it; nothing is sent. Raises InsufficientFunds, and then nothing is stored."""
        signed = await self.wallet.sign(call)
        await self._afford(signed)
        return self.keep(purpose, signed, note)

    async def unfinished(self, purpose: str) -> Entry | None:
        """What was signed for a purpose and may still be in a block, now or later; None when nothing can."""
        entry = self._journal.find(purpose)
        if entry is None:
            return None
        used = await self.wallet.nonce()
        # Asked in this order: what is in a block by now has used its nonce by now.
        if used <= entry.signed.nonce or await self.wallet.mined(entry.signed.tx_hash) is not None:
            return entry
        # Of the nodes behind one URL, the one that answered last may be a block behind the one before.
        await async_sleep(SECOND_LOOK_SECONDS)
        if await self.wallet.mined(entry.signed.tx_hash) is not None:
            return entry
        self._journal.forget(purpose)
        return None

    def keep(self, purpose: str, signed: SignedTransaction, note: str = "") -> Entry:
        """Store signed bytes; on the disk when this returns."""
        return self._journal.keep(purpose, signed, note)

    async def follow(self, purpose: str, entry: Entry) -> Mined:
        """Send what is stored and wait for its block. A reverted one is forgotten, and raises TransactionReverted."""
        mined = await self.wallet.mined(entry.signed.tx_hash)
        if mined is None:
            await self.wallet.send(entry.signed)
            mined = await self.wallet.wait(entry.signed.tx_hash, WAIT_SECONDS)
        if not mined.succeeded:
            self._journal.forget(purpose)
            raise TransactionReverted(f"the transaction reverted on chain ({purpose})", mined.tx_hash)
        return mined

    def done(self, purpose: str) -> None:
        """The outcome is known and recorded where it counts."""
        self._journal.forget(purpose)

    async def _afford(self, signed: SignedTransaction) -> None:
        """Raise InsufficientFunds unless the wallet can pay what the transaction takes at most."""
        has = await self.wallet.native_balance(self.wallet.address)
        if has < signed.cost_max:
            raise InsufficientFunds(
                f"the wallet {self.wallet.address} has {has} wei and may need {signed.cost_max} for gas"
            )

"""Spends whose payment was signed and whose outcome nobody told: the chain is asked, until it proves one.

A spend that names no transaction, or one that proves nothing, stays unknown: its money stays held, for everybody to
see, until its owner says what became of it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping

from valetkey.core.addresses import canonical_address
from valetkey.core.chains import is_solana
from valetkey.core.commands import Capture, Void
from valetkey.core.errors import Contradiction, EnvironmentFailure, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party
from valetkey.crypto.keys import keccak256
from valetkey.engine.authorizing import AuthorizationReader, outcome
from valetkey.engine.funding import same_address
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import Block, Execution, LapsingReader, PaymentReader, Transfer
from valetkey.ports.following import FollowingStore
from valetkey.ports.ledger import LedgerStore, SpendRecord
from valetkey.ports.watching import begin_round
from valetkey.wire.authorizations import is_authorization
from valetkey.wire.draws import (
    DRAW,
    VOUCHER,
    DrawPayload,
    VoucherPayload,
    read_draw,
    read_promise,
)
from valetkey.wire.solana import read_payment

BATCH = 50
LEASE_SECONDS = 30
"""For how long nobody else looks at what is looked at here."""

LOOKING_MAX = 8
"""Look-ups that may be under way at once."""

CLOCKS_DIFFER_SECONDS = 60
"""So much a block's time may be before the platform's: what is older than its hold by more did not pay for it."""

_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_SIGNATURE = re.compile(r"[1-9A-HJ-NP-Za-km-z]{64,88}", re.ASCII)
"""How transactions are named: by their hash, and on Solana by their first signature."""

Observer = Callable[[str, SpendRecord], None]
"""Told of each outcome: `captured`, `voided`; `unlike` for a transaction that proves nothing about its spend;
`unavailable` when no node answered, and `raced` when somebody else settled the spend meanwhile."""


class Unknowns:
    """Looks payments up at final blocks only. `readers` are by chain id; what is on another chain stays unknown."""

    def __init__(
        self,
        ledger: LedgerStore,
        accounts: AccountStore,
        readers: Mapping[int, PaymentReader],
        *,
        observer: Observer,
        following: FollowingStore | None = None,
        contracts: Mapping[int, str] | None = None,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        """`contracts`: by chain id, where payments out of grants are followed, and how far `following` tells."""
        self._lease_seconds = lease_seconds
        self._following = following
        self._contracts = contracts or {}
        self._ledger = ledger
        self._accounts = accounts
        self._readers = readers
        self._observer = observer
        self._looking = asyncio.Semaphore(LOOKING_MAX)

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more that is due."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Look a batch up. Whether more is due. What stays unknown is due again after the lease."""
        due = await self._ledger.unproven(BATCH, self._lease_seconds)
        for one in due:
            await self._end_draw(one)
        found = [(one, reader) for one in due if (reader := self._reader(one)) is not None]
        finals = await self._finals({reader: one for one, reader in found})
        looks = [self._look(one, reader, finals[reader]) for one, reader in found if reader in finals]
        # A bug with one spend: the others are finished before it is told.
        for done in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
        return len(due) == BATCH

    async def look(self, record: SpendRecord) -> None:
        """Look one spend up now, whoever has the lease: for who waits for it."""
        reader = self._reader(record)
        if reader is None:
            return
        finals = await self._finals({reader: record})
        if reader in finals:
            await self._look(record, reader, finals[reader])

    async def _end_draw(self, record: SpendRecord) -> None:
        """Void a payment, or a promise, out of a grant that nobody submitted in time: told blocks reach past its end.

        What was submitted is in one of them, and was captured when it was told.
        """
        payment = record.payment
        reference = (payment and payment.reference) or ""
        if payment is None or not reference.startswith((DRAW, VOUCHER)) or self._following is None:
            return
        read: Callable[[bytes], DrawPayload | VoucherPayload] = (
            read_draw if reference.startswith(DRAW) else read_promise
        )
        try:
            draw = read(payment.payload)
        except InvalidInput:
            # Damaged since it was stored: it proves nothing, and keeps nobody else waiting.
            self._observer("unlike", record)
            return
        contract = self._contracts.get(draw.chain_id)
        if contract is None:
            return
        told = await self._following.followed(draw.chain_id, contract)
        if told is None or told.timestamp < draw.until:
            return
        try:
            done = await self._ledger.settle(record.hold.id, Void(proven=True), by=str(Party.PLATFORM))
        except Contradiction:
            # Captured since it was looked up.
            self._observer("raced", record)
            return
        self._observer("raced" if isinstance(done, Refused) else "voided", record)

    def _reader(self, record: SpendRecord) -> PaymentReader | None:
        """The chain that can tell; None for a spend that names no transaction of a chain that is served."""
        reference = record.payment.reference if record.payment else None
        chain_id = record.hold.request.amount.asset.chain_id
        reader = self._readers.get(chain_id)
        if is_authorization(reference):
            return reader if isinstance(reader, AuthorizationReader) else None
        named = _SIGNATURE if is_solana(chain_id) else _HASH
        if reference is None or not named.fullmatch(reference):
            return None
        return reader

    async def _finals(self, readers: Mapping[PaymentReader, SpendRecord]) -> dict[PaymentReader, Block]:
        finals: dict[PaymentReader, Block] = {}
        for reader, first in readers.items():
            try:
                finals[reader] = await reader.final()
            except EnvironmentFailure:
                self._observer("unavailable", first)
        return finals

    async def _look(self, record: SpendRecord, reader: PaymentReader, final: Block) -> None:
        assert record.payment is not None
        assert record.payment.reference is not None
        async with self._looking:
            try:
                if is_authorization(record.payment.reference):
                    await self._look_authorized(record, reader, final)
                    return
                done = await reader.execution(record.payment.reference)
                if done is None:
                    if not await _lapsed(record, reader, final):
                        return
                    outcome = await self._void(record)
                elif done.block.number > final.number:
                    return
                else:
                    outcome = await self._settle(record, done)
            except EnvironmentFailure:
                outcome = "unavailable"
            except Contradiction:
                outcome = "raced"
        self._observer(outcome, record)

    async def _look_authorized(self, record: SpendRecord, reader: PaymentReader, final: Block) -> None:
        """A permission that whoever has it may use: what its nonce tells is proof, not what its payee says."""
        assert isinstance(reader, AuthorizationReader)
        session, _ = await self._wallets(record)
        command = await outcome(record, reader, final, session)
        if command is None:
            return
        if isinstance(command, str):
            self._observer("unlike", record)
            return
        settled = await self._ledger.settle(record.hold.id, command, by=str(Party.PLATFORM))
        kind = "captured" if isinstance(command, Capture) else "voided"
        self._observer("raced" if isinstance(settled, Refused) else kind, record)

    async def _settle(self, record: SpendRecord, done: Execution) -> str:
        command = proven(record, done, await self._wallets(record))
        if command is None:
            return "unlike"
        settled = await self._ledger.settle(record.hold.id, command, by=str(Party.PLATFORM))
        if isinstance(settled, Refused):
            return "raced"
        return "captured" if isinstance(command, Capture) else "voided"

    async def _void(self, record: SpendRecord) -> str:
        done = await self._ledger.settle(record.hold.id, Void(proven=True), by=str(Party.PLATFORM))
        return "raced" if isinstance(done, Refused) else "voided"

    async def _wallets(self, record: SpendRecord) -> "Wallets":
        session = await self._accounts.session(record.hold.session_id)
        owner = await self._accounts.agent(record.owner_id)
        return (session.wallet_address if session else None, owner.wallet_address if owner else None)


async def _lapsed(record: SpendRecord, reader: PaymentReader, final: Block) -> bool:
    """Whether the chain proves that what was stored can land no more, and did not; only some chains can."""
    payment = record.payment
    if payment is None or not isinstance(reader, LapsingReader):
        return False
    # What is proven is about blocks after the bytes were stored, which was before the hold's end.
    if final.timestamp < record.hold.expires_at + CLOCKS_DIFFER_SECONDS:
        return False
    # The reference is the spender's word: bytes that it does not name may be on their way, or somebody else's.
    if _stored_name(record) != payment.reference:
        return False
    return await reader.lapsed(payment.payload)


def _stored_name(record: SpendRecord) -> str | None:
    """How the chain names the payment that was stored before it was sent; None when it is none of this chain's."""
    assert record.payment is not None
    if not is_solana(record.hold.request.amount.asset.chain_id):
        return "0x" + keccak256(record.payment.payload).hex()
    try:
        return read_payment(record.payment.payload).signature
    except InvalidInput:
        return None


Wallets = tuple[str | None, str | None]
"""Of the session that spent, and of its owner."""


def proven(record: SpendRecord, done: Execution, wallets: Wallets) -> Capture | Void | None:
    """What a final transaction proves about a spend; None when it proves nothing.

    The reference is the spender's word, and may name anybody's transaction. So nothing is debited but what the
    session's wallet paid, or the owner's in a transaction that the session's wallet sent; and nothing is given back, by
    less than was held or by a revert, unless the transaction is byte for byte the payment that was stored before it
    was sent.
    """
    session, owner = wallets
    hold = record.hold
    if session is None or done.block.timestamp + CLOCKS_DIFFER_SECONDS < hold.placed_at:
        return None
    assert record.payment is not None
    own = any(same_address(one, session) for one in (done.sender, *done.signers))
    is_stored = own and _stored_name(record) == canonical_address(done.tx_hash)
    if not done.succeeded:
        # Its nonce is used up: the same bytes can never move anything.
        return Void(proven=True) if is_stored else None
    payers = [session, owner] if own and owner is not None else [session]
    asset, payee = hold.request.amount.asset, hold.request.payee
    moved = sum(
        one.units
        for one in done.transfers
        if same_address(one.token, asset.address)
        and not same_address(one.payer, one.payee)
        and any(same_address(one.payer, payer) or _by_delegate(one, payer) for payer in payers)
        and (payee is None or same_address(one.payee, payee))
    )
    units = rescale(moved, asset.decimals, CURRENCY_DECIMALS[asset.currency], up=True)
    if moved == 0 or (units < hold.amount and not is_stored):
        return None
    return Capture(units)


def _by_delegate(moved: Transfer, payer: str) -> bool:
    """Whether a session's key moved what is in an account of its owner's."""
    return moved.authority is not None and same_address(moved.authority, payer)

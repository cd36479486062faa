"""The ledger of the embedded cluster: LiteSVM executes, and this remembers what became of each transaction.

LiteSVM knows one blockhash, no slots and only the newest accounts; which blockhash may be used, durable nonces, and
accounts as of a slot that is not the newest are kept here, by the rules of a validator.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from solders.account import Account
from solders.clock import Clock
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, InnerInstruction, TransactionMetadata

from valetkey.chains.devsolana.slots import FIRST_SLOT, Slots

SYSTEM = Pubkey.default()
NONCE_BYTES = 80
NONCE_OFFSET = 40
ADVANCE_NONCE = b"\4\0\0\0"


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction in a slot: the accounts it named before and after, in its order, and what it said."""

    transaction: VersionedTransaction
    slot: int
    error: Any
    fee: int
    logs: list[str]
    units: int
    inner: list[list[InnerInstruction]]
    before: list[Account | None] = field(repr=False)
    after: list[Account | None] = field(repr=False)


class Rejected(Exception):
    """A transaction that no block takes: the error as the RPC names it, with the logs of trying it."""

    def __init__(self, error: Any, logs: list[str], units: int = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.logs = logs
        self.units = units


class Cluster:
    """One ledger, used by one thread at a time; call `catch_up` before each use."""

    def __init__(self, slot_milliseconds: int, finality_slots: int) -> None:
        # The checks of blockhashes are here, see `_check_age`.
        self._svm = LiteSVM().with_blockhash_check(False).with_transaction_history(0)
        self.slots = Slots(slot_milliseconds, finality_slots)
        self.landed: dict[Signature, Landed] = {}
        self.signatures: dict[Pubkey, list[Signature]] = defaultdict(list)
        self._journal: dict[Pubkey, list[tuple[int, Account | None]]] = defaultdict(list)
        self.catch_up()

    def catch_up(self) -> None:
        """Let the slots pass that the clock says have passed, and tell the programs the time."""
        self.slots.catch_up()
        head = self.slots.head
        self._svm.set_clock(Clock(head, self.slots.time_of(FIRST_SLOT), 0, 0, self.slots.time_of(head)))

    # Accounts

    def account(self, address: Pubkey, slot: int | None = None) -> Account | None:
        """An account as it was at the end of a slot (None: as it is); None when there is none."""
        if slot is not None:
            for changed, before in self._journal.get(address, ()):
                if changed > slot:
                    return before
        found = self._svm.get_account(address)
        return None if found is None or found.lamports == 0 else found

    def program_accounts(self, program: Pubkey, slot: int) -> list[tuple[Pubkey, Account]]:
        """The accounts of a program at the end of a slot."""
        known = {address for address, _ in self._svm.get_program_accounts(program)} | set(self._journal)
        found = [(address, self.account(address, slot)) for address in sorted(known, key=bytes)]
        return [(address, one) for address, one in found if one is not None and one.owner == program]

    def rent(self, size: int) -> int:
        """Lamports that an account of so many bytes needs to stay."""
        return self._svm.minimum_balance_for_rent_exemption(size)

    def put(self, address: Pubkey, account: Account) -> None:
        """Make an account by decree: how lamports and mints come into a world of development."""
        self._journal[address].append((self.slots.head, self.account(address)))
        self._svm.set_account(address, account)

    # Transactions

    def land(self, transaction: VersionedTransaction, *, preflight: bool) -> Landed:
        """Execute a transaction in the present slot. The same bytes land once, whoever sends them how often.

        Raises Rejected for one that cannot land, and with `preflight` for one that would fail.
        """
        signature = transaction.signatures[0]
        known = self.landed.get(signature)
        if known is not None and not preflight:
            return known
        nonce = self._check_age(transaction)
        if known is not None:
            raise Rejected("AlreadyProcessed", [])
        if preflight:
            self.simulate(transaction)
        keys = transaction.message.account_keys
        before = [self.account(key) for key in keys]
        done = self._svm.send_transaction(transaction)
        failure = done if isinstance(done, FailedTransactionMetadata) else None
        said = failure.meta() if failure is not None else done
        assert isinstance(said, TransactionMetadata)
        error = None if failure is None else _error(failure)
        if failure is not None and said.signature() != signature:
            # It was not executed: nobody paid for it.
            raise Rejected(error, said.logs())
        if failure is not None and nonce is not None:
            # A validator advances the nonce of a transaction that failed too: it can never be sent again.
            self._advance(nonce)
        self._correct_nonces(keys, before)
        after = [self.account(key) for key in keys]
        inner = said.inner_instructions()
        found = Landed(
            *(transaction, self.slots.head, error, said.fee(), said.logs(), said.compute_units_consumed()),
            *(inner, before, after),
        )
        self.landed[signature] = found
        for key, was, now in zip(keys, before, after, strict=True):
            self.signatures[key].append(signature)
            if was != now:
                self._journal[key].append((self.slots.head, was))
        return found

    def simulate(self, transaction: VersionedTransaction, *, signed: bool = True) -> TransactionMetadata:
        """What a transaction would do now. Raises Rejected when it would fail."""
        svm = self._svm
        if not signed:
            svm = svm.with_sigverify(False)
        try:
            done = svm.simulate_transaction(transaction)
        finally:
            self._svm = self._svm.with_sigverify(True)
        if isinstance(done, FailedTransactionMetadata):
            raise Rejected(_error(done), done.meta().logs(), done.meta().compute_units_consumed())
        return done.meta()

    def _check_age(self, transaction: VersionedTransaction) -> Pubkey | None:
        """The nonce account of a transaction that lives by one. Raises Rejected for one that is too old."""
        blockhash = bytes(transaction.message.recent_blockhash)
        if self.slots.slot_of(blockhash) is not None:
            return None
        nonce = self._nonce_of(transaction)
        account = None if nonce is None else self.account(nonce)
        if account is None or account.owner != SYSTEM or len(account.data) != NONCE_BYTES:
            raise Rejected("BlockhashNotFound", [])
        if account.data[NONCE_OFFSET : NONCE_OFFSET + 32] != blockhash or blockhash == self._next_nonce():
            raise Rejected("BlockhashNotFound", [])
        return nonce

    def _nonce_of(self, transaction: VersionedTransaction) -> Pubkey | None:
        message = transaction.message
        first = message.instructions[0] if message.instructions else None
        if first is None or not first.accounts or bytes(first.data)[:4] != ADVANCE_NONCE:
            return None
        keys = message.account_keys
        return keys[first.accounts[0]] if keys[first.program_id_index] == SYSTEM else None

    def _next_nonce(self) -> bytes:
        return sha256(b"DURABLE_NONCE" + self.slots.blockhash(self.slots.head)).digest()

    def _advance(self, address: Pubkey) -> None:
        found = self._svm.get_account(address)
        assert found is not None
        data = found.data[:NONCE_OFFSET] + self._next_nonce() + found.data[NONCE_OFFSET + 32 :]
        self._svm.set_account(
            address, Account(found.lamports, data, found.owner, found.executable, found.rent_epoch)
        )

    def _correct_nonces(self, keys: list[Pubkey], before: list[Account | None]) -> None:
        """LiteSVM makes a new nonce out of the transaction's blockhash; a validator makes it out of its own."""
        for key, was in zip(keys, before, strict=True):
            now = self.account(key)
            if now is None or now.owner != SYSTEM or len(now.data) != NONCE_BYTES or now.data[4] != 1:
                continue
            if was is None or was.data != now.data:
                self._advance(key)


def _error(failure: FailedTransactionMetadata) -> Any:
    """The error in the RPC's shape."""
    return json.loads(failure.to_json())["err"]

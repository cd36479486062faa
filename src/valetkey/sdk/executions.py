"""What came of an action, and how far one is: so that whoever asks again goes on, or gets the same answer."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from valetkey.core.errors import ValetkeyError
from valetkey.ports.outcome import Outcome
from valetkey.ports.wallet import CallReverts
from valetkey.sdk.errors import ContractMisbehaved, SlippageExceeded, TransactionReverted
from valetkey.sdk.state import StateFolder, StateUnusable

ROOM = "executions"
LOCK_DIGITS = 3
"""Of a hash: 4096 locks."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block; `gas_used` is gas, `fee_wei` what it cost whoever sent it.

    On Solana: its signature, its slot, no gas, and lamports.
    """

    tx_hash: str
    block_number: int
    gas_used: int
    fee_wei: int


@dataclass(frozen=True, slots=True)
class Execution:
    """An action that was carried out.

    receipt: of its transaction; None where its hash is not known any more, because its state folder is gone. amount:
    what left, or may, a decimal of `token`; remaining_limit: what the session may still spend of it, None = unlimited.
    received: of a swap, what came, a decimal of `received_token`. hold_id: the spend in the ledger.
    """

    action: str
    receipt: Receipt | None
    hold_id: str
    session_id: str
    session_key_hash: str
    amount: Decimal
    token: str
    remaining_limit: Decimal | None
    received: Decimal | None = None
    received_token: str | None = None

    @property
    def tx_hash(self) -> str | None:
        """The hash of its transaction."""
        return None if self.receipt is None else self.receipt.tx_hash


class Progress(msgspec.Struct):
    """How far the action of one hold is. `steps` are hashes by their names, in order; amounts are base units,
    `received` of a token of `decimals`.

    since: the block from which on an allowance stood, so that what it let out can be read. allowed: what the
    contract might take before, by an earlier action. failure: why it came to
    nothing, with the hold settled.
    """

    steps: dict[str, str] = msgspec.field(default_factory=dict)
    since: int = 0
    allowed: int = 0
    done: bool = False
    spent: int = 0
    received: int = 0
    decimals: int = 0
    failure: str = ""


def read_progress(folder: StateFolder, hold_id: str) -> Progress:
    """What is kept of a hold's action; a new one when nothing is. Raises StateUnusable."""
    kept = folder.read(ROOM, hold_id)
    if kept is None:
        return Progress()
    progress = None
    try:
        progress = msgspec.json.decode(kept, type=Progress)
    except msgspec.MsgspecError:
        progress = None
    if progress is None:
        raise StateUnusable("an action in the state folder cannot be read")
    return progress


def write_progress(folder: StateFolder, hold_id: str, progress: Progress) -> None:
    """Keep it; on the disk when this returns."""
    folder.write(ROOM, hold_id, msgspec.json.encode(progress))


def failure_of(progress: Progress) -> ValetkeyError | None:
    """What was raised when an action came to nothing; None for one that did not."""
    if not progress.failure:
        return None
    code, _, reason = progress.failure.partition(": ")
    tx_hash = next(reversed(progress.steps.values()), "")
    if code == ContractMisbehaved.code:
        return ContractMisbehaved(reason, tx_hash, progress.spent)
    if code == TransactionReverted.code:
        return TransactionReverted(reason, tx_hash)
    return SlippageExceeded(reason) if code == SlippageExceeded.code else CallReverts(reason)


def bucket(room: str, name: str) -> str:
    """The name of a lock: two things may share one and then wait for each other, so that there are never many."""
    return f"{room}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:LOCK_DIGITS]}"


def receipt_of(outcome: Outcome | None) -> Receipt | None:
    """The receipt of an outcome."""
    if outcome is None:
        return None
    return Receipt(outcome.tx_hash, outcome.block_number, outcome.gas_used, outcome.fee_wei)

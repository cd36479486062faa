"""The reconciler: proof at final blocks settles, anything less leaves the money where it is."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from tests.unit.engine.purchase import AGREED, BUYER, OTHER, PAID
from valetkey.core.errors import ChainUnavailable, Contradiction
from valetkey.core.escrow import DisputeOutcome, Escrow, EscrowStatus, Resolution
from valetkey.core.ledger import Capture, Expire, Hold, HoldState
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.engine.reconciler import Reconciler
from valetkey.engine.settlement import Settlement
from valetkey.ports.chain import Block, ChainReader
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Change, LedgerStore
from valetkey.ports.market import MarketStore

NOW = 9_000
END = AGREED.checkout_ends_at
S = TransactionStatus


class Ledger:
    """Transactions that wait, and what was written about them."""

    def __init__(self, *, waiting: list[Transaction], paid: list[Transaction]) -> None:
        self.waiting, self.paid = waiting, paid
        self.changes: list[tuple[str, Change]] = []
        self.looked_at: list[str] = []
        self.answer: Refused | Contradiction | None = None
        self.state = HoldState.HELD

    async def hold(self, hold_id: str) -> Hold:
        return Hold(hold_id, "ses_a", AGREED.total.units, self.state, 0, END)

    async def awaiting_proof(self, limit: int) -> list[Transaction]:
        return self.waiting[:limit]

    async def unsettled(self, limit: int) -> list[Transaction]:
        return self.paid[:limit]

    async def looked_up(self, transaction_id: str) -> None:
        self.looked_at.append(transaction_id)

    async def change(self, transaction_id: str, change: Change) -> Transaction | Refused:
        self.changes.append((transaction_id, change))
        if isinstance(self.answer, Contradiction):
            raise self.answer
        return self.answer or AGREED


class Market:
    """A market without services: nobody is told anything."""

    async def service(self, service_id: str) -> None:
        return None


class StoppedClock:
    """Always NOW."""

    def now(self) -> int:
        return NOW


class Chain:
    """A node that shows one escrow for every id, and counts how often it is asked."""

    def __init__(self, escrow: Escrow | None, block_time: int = END) -> None:
        self.shown = escrow
        self.block = Block(77, block_time)
        self.finals = 0
        self.asked_at: list[int | None] = []
        self.gone = False
        self.decided: Resolution | None = None

    async def final(self) -> Block:
        self.finals += 1
        if self.gone:
            raise ChainUnavailable("no node answered")
        return self.block

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        self.asked_at.append(at_block)
        return self.shown

    async def resolution(self, transaction_id: str, *, at_block: int | None = None) -> Resolution | None:
        assert at_block == self.block.number
        return self.decided


def step(ledger: Ledger, chain: Chain) -> list[str]:
    """One step of the reconciler; what its observer was told."""
    told: list[str] = []
    store = cast(LedgerStore, ledger)
    reconciler = Reconciler(
        store,
        Settlement(store, cast(MarketStore, Market()), cast(Clock, StoppedClock())),
        {AGREED.network: cast(ChainReader, chain)},
        observer=lambda outcome, transaction: told.append(outcome),
    )
    asyncio.run(reconciler.step())
    return told


def waiting(*transactions: Transaction) -> Ledger:
    return Ledger(waiting=list(transactions), paid=[])


OTHERS = replace(PAID, buyer=OTHER)
MISPAID = replace(PAID, locked_amount=1_000_000, platform_fee=20_000)
ENDED = replace(AGREED, status=S.ABANDONED, payment_status=PaymentStatus.FAILED)
OWNERS = replace(AGREED, session_id=None, hold_id=None)


@pytest.mark.parametrize(
    ("transaction", "escrow", "block_time", "told", "wanted"),
    [
        (AGREED, PAID, 0, "captured", (Step.FUND, PaymentStatus.PAID, Capture(2_550_000))),
        (AGREED, PAID, END + 1, "captured", (Step.FUND, PaymentStatus.PAID, Capture(2_550_000))),
        (ENDED, PAID, END + 1, "captured", (Step.FUND, PaymentStatus.PAID, Capture(2_550_000))),
        (OWNERS, PAID, 0, "captured", (Step.FUND, PaymentStatus.PAID, None)),
        (AGREED, None, END, "expired", (Step.EXPIRE, PaymentStatus.FAILED, Expire(END))),
        (OWNERS, None, END, "expired", (Step.EXPIRE, PaymentStatus.FAILED, None)),
        # Somebody else's escrow under our id moved nobody's money but theirs.
        (AGREED, OTHERS, END, "expired", (Step.EXPIRE, PaymentStatus.FAILED, Expire(END))),
        # The session's own wallet paid something else: what moved is debited.
        (AGREED, MISPAID, END, "mispaid", (Step.EXPIRE, PaymentStatus.FAILED, Capture(1_020_000))),
        (ENDED, MISPAID, END, "mispaid", (Step.DEBIT, PaymentStatus.FAILED, Capture(1_020_000))),
    ],
)
def test_proof_settles(
    transaction: Transaction, escrow: Escrow | None, block_time: int, told: str, wanted: tuple[object, ...]
) -> None:
    ledger, chain = waiting(transaction), Chain(escrow, block_time)
    assert step(ledger, chain) == [told]
    ((written, change),) = ledger.changes
    assert written == AGREED.id
    assert (change.step, change.facts.payment_status, change.command) == wanted
    assert change.party is Party.PLATFORM
    assert ledger.looked_at == [AGREED.id]
    assert chain.asked_at == [77], "only a final block proves"


@pytest.mark.parametrize(
    ("transaction", "escrow", "block_time"),
    [
        (AGREED, None, END - 1),
        (AGREED, MISPAID, END - 1),
        (AGREED, OTHERS, END - 1),
        (ENDED, None, END + 10**6),
        (ENDED, OTHERS, END + 10**6),
    ],
)
def test_UNKNOWN_STAYS_HELD_without_proof(
    transaction: Transaction, escrow: Escrow | None, block_time: int
) -> None:
    ledger = waiting(transaction)
    assert step(ledger, Chain(escrow, block_time)) == []
    assert (ledger.changes, ledger.looked_at) == ([], [AGREED.id])


def test_UNKNOWN_STAYS_HELD_while_no_node_answers() -> None:
    ledger, chain = waiting(AGREED, ENDED, AGREED), Chain(None, END)
    chain.gone = True
    assert step(ledger, chain) == ["unavailable"]
    assert ledger.changes == []
    assert chain.finals == 1, "a network that is away is asked once in a step"


def test_the_final_block_is_asked_once_for_all() -> None:
    ledger, chain = waiting(AGREED, AGREED, AGREED), Chain(None, END - 1)
    assert step(ledger, chain) == []
    assert (chain.finals, chain.asked_at) == (1, [77, 77, 77])


def test_a_network_that_is_not_served_waits() -> None:
    ledger, chain = waiting(replace(AGREED, network="base"), AGREED), Chain(PAID)
    assert step(ledger, chain) == ["captured"]
    assert len(ledger.looked_at) == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refuse(Code.WRONG_STATUS, "status", "somebody was faster"), "raced"),
        (Contradiction("a hold is captured once"), "failed"),
    ],
)
def test_one_that_cannot_be_written_does_not_stop_the_others(
    answer: Refused | Contradiction, told: str
) -> None:
    ledger = waiting(AGREED, ENDED)
    ledger.answer = answer
    assert step(ledger, Chain(PAID)) == [told, told]
    assert len(ledger.looked_at) == 2


@pytest.mark.parametrize(
    ("status", "on_chain", "told", "wanted"),
    [
        (S.ESCROWED, EscrowStatus.RELEASED, "released", (Step.CONFIRM, Party.PLATFORM)),
        (S.DELIVERED, EscrowStatus.RELEASED, "released", (Step.CONFIRM, Party.PLATFORM)),
        (S.DISPUTED, EscrowStatus.RESOLVED, "resolved", (Step.RESOLVE_SELLER, Party.PLATFORM)),
        (S.DISPUTED, EscrowStatus.REFUNDED, "refunded", (Step.RESOLVE_BUYER, Party.PLATFORM)),
        (S.DELIVERED, EscrowStatus.DISPUTED, "disputed", (Step.DISPUTE, Party.PLATFORM)),
        (S.ESCROWED, EscrowStatus.DISPUTED, "disputed", (Step.DISPUTE, Party.PLATFORM)),
        (S.ESCROWED, EscrowStatus.REFUNDED, "refunded", (Step.RESOLVE_BUYER, Party.PLATFORM)),
        (S.DELIVERED, EscrowStatus.ABANDONED, "abandoned", (Step.ABANDON, Party.PLATFORM)),
        (S.ESCROWED, EscrowStatus.ABANDONED, "abandoned", (Step.ABANDON, Party.PLATFORM)),
    ],
)
def test_what_happens_to_an_escrow_is_followed(
    status: TransactionStatus, on_chain: EscrowStatus, told: str, wanted: tuple[Step, Party]
) -> None:
    paid = replace(AGREED, status=status, payment_status=PaymentStatus.PAID)
    ledger = Ledger(waiting=[], paid=[paid])
    assert step(ledger, Chain(replace(PAID, status=on_chain))) == [told]
    ((_, change),) = ledger.changes
    assert (change.step, change.party) == wanted
    # What was debited stays debited, whatever becomes of the escrow.
    assert change.command is None
    assert change.facts.completed_at == (None if on_chain is EscrowStatus.DISPUTED else NOW)


@pytest.mark.parametrize(
    "on_chain", [EscrowStatus.FUNDED, EscrowStatus.DELIVERED, EscrowStatus.DISPUTED, None]
)
def test_what_has_not_changed_is_left_alone(on_chain: EscrowStatus | None) -> None:
    paid = replace(AGREED, status=S.DISPUTED, payment_status=PaymentStatus.PAID)
    ledger = Ledger(waiting=[], paid=[paid])
    escrow = None if on_chain is None else replace(PAID, status=on_chain)
    assert step(ledger, Chain(escrow)) == []
    assert ledger.changes == []


def test_the_buyer_s_wallet_is_known_in_any_spelling() -> None:
    lower = replace(MISPAID, buyer=BUYER.lower())
    ledger = waiting(AGREED)
    assert step(ledger, Chain(lower)) == ["mispaid"]


@pytest.mark.parametrize("ended", [ENDED, replace(OWNERS, status=S.ABANDONED)])
def test_what_was_paid_wrongly_is_debited_once(ended: Transaction) -> None:
    ledger = waiting(ended)
    ledger.state = HoldState.CAPTURED
    assert step(ledger, Chain(MISPAID)) == []
    assert ledger.changes == []


@pytest.mark.parametrize(
    ("decided", "outcome", "percent"),
    [
        (Resolution(DisputeOutcome.SPLIT, 30), DisputeOutcome.SPLIT, 30),
        (None, DisputeOutcome.SELLER_PAID, 0),
    ],
)
def test_a_decision_is_kept_as_the_contract_tells_it(
    decided: Resolution | None, outcome: DisputeOutcome, percent: int
) -> None:
    paid = replace(AGREED, status=S.ESCROWED, payment_status=PaymentStatus.PAID)
    ledger, chain = Ledger(waiting=[], paid=[paid]), Chain(replace(PAID, status=EscrowStatus.RESOLVED))
    chain.decided = decided
    assert step(ledger, chain) == ["resolved"]
    ((_, change),) = ledger.changes
    assert (change.facts.dispute_outcome, change.facts.buyer_percent) == (outcome, percent)
    assert (change.facts.disputed_at, change.facts.dispute_reason) == (NOW, "disputed on chain")

"""The reconciler: proof at final blocks settles, anything less leaves the money where it is."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from tests.unit.engine.purchase import AGREED, BUYER, OTHER, PAID
from valetkey.core.commands import Capture, Expire, Refund
from valetkey.core.errors import ChainUnavailable, Contradiction
from valetkey.core.escrow import DisputeOutcome, Escrow, EscrowStatus, Resolution
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.engine.reconciler import BATCH, LOOKING_MAX, Reconciler, pause_seconds
from valetkey.engine.settlement import Settlement
from valetkey.ports.chain import Block, ChainReader
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Change, LedgerStore, Waiting
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
        self.again_at: list[int] = []
        self.now = NOW
        self.answer: Refused | Contradiction | None = None
        self.state = HoldState.HELD

    async def hold(self, hold_id: str) -> Hold:
        return Hold(hold_id, "ses_a", SpendRequest(AGREED.total), AGREED.total.units, self.state, 0, END)

    async def awaiting_proof(self, limit: int, lease_seconds: int) -> list[Waiting]:
        return [Waiting(one, False, self.now) for one in self.waiting[:limit]]

    async def unsettled(self, limit: int, lease_seconds: int) -> list[Waiting]:
        return [Waiting(one, False, self.now) for one in self.paid[:limit]]

    async def looked_up(self, transaction_id: str, again_at: int) -> None:
        self.looked_at.append(transaction_id)
        self.again_at.append(again_at)

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
        self.slow = False
        self.under_way = self.most = 0
        self.decided: Resolution | None = None

    async def final(self) -> Block:
        self.finals += 1
        if self.gone:
            raise ChainUnavailable("no node answered")
        return self.block

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        self.asked_at.append(at_block)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.01 if self.slow else 0)
        self.under_way -= 1
        return self.shown

    async def resolution(self, transaction_id: str, *, at_block: int | None = None) -> Resolution | None:
        assert at_block == self.block.number
        return self.decided


def made(ledger: Ledger, told: list[str], looks_per_second: int = 10**6, **chains: Chain) -> Reconciler:
    """A reconciler of networks by name (`-` written `_`), and what its observer is told."""
    store = cast(LedgerStore, ledger)
    return Reconciler(
        store,
        Settlement(store, cast(MarketStore, Market()), cast(Clock, StoppedClock())),
        {name.replace("_", "-"): cast(ChainReader, chain) for name, chain in chains.items()},
        observer=lambda outcome, transaction: told.append(outcome),
        looks_per_second=looks_per_second,
    )


def step(ledger: Ledger, chain: Chain) -> list[str]:
    """One step of the reconciler; what its observer was told."""
    told: list[str] = []
    asyncio.run(made(ledger, told, base_sepolia=chain).step())
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
    # What comes back is what was locked: the fee does not.
    back = on_chain in (EscrowStatus.REFUNDED, EscrowStatus.ABANDONED)
    assert change.command == (Refund(2_500_000) if back else None)
    assert change.facts.completed_at == (None if on_chain is EscrowStatus.DISPUTED else NOW)


@pytest.mark.parametrize("on_chain", [EscrowStatus.FUNDED, EscrowStatus.DELIVERED, EscrowStatus.DISPUTED])
def test_what_has_not_changed_is_left_alone(on_chain: EscrowStatus) -> None:
    paid = replace(AGREED, status=S.DISPUTED, payment_status=PaymentStatus.PAID)
    ledger = Ledger(waiting=[], paid=[paid])
    assert step(ledger, Chain(replace(PAID, status=on_chain))) == []
    assert ledger.changes == []


@pytest.mark.parametrize("status", [S.ESCROWED, S.DELIVERED, S.DISPUTED])
def test_a_payment_that_a_reorganisation_took_back_is_told_and_nothing_is_changed(
    status: TransactionStatus,
) -> None:
    paid = replace(AGREED, status=status, payment_status=PaymentStatus.PAID)
    ledger = Ledger(waiting=[], paid=[paid])
    assert step(ledger, Chain(None, paid.updated_at)) == ["vanished"]
    assert (ledger.changes, ledger.looked_at) == ([], [AGREED.id])
    assert step(ledger, Chain(None, paid.updated_at - 1)) == [], (
        "a block from before the payment proves nothing"
    )


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
    ("decided", "outcome", "percent", "back"),
    [
        (Resolution(DisputeOutcome.SPLIT, 30), DisputeOutcome.SPLIT, 30, Refund(750_001)),
        (Resolution(DisputeOutcome.SPLIT, 0), DisputeOutcome.SPLIT, 0, None),
        (None, DisputeOutcome.SELLER_PAID, 0, None),
    ],
)
def test_a_decision_is_kept_as_the_contract_tells_it(
    decided: Resolution | None, outcome: DisputeOutcome, percent: int, back: Refund | None
) -> None:
    paid = replace(AGREED, status=S.ESCROWED, payment_status=PaymentStatus.PAID)
    escrow = replace(PAID, status=EscrowStatus.RESOLVED, locked_amount=2_500_001)
    ledger, chain = Ledger(waiting=[], paid=[paid]), Chain(escrow)
    chain.decided = decided
    assert step(ledger, chain) == ["resolved"]
    ((_, change),) = ledger.changes
    assert (change.facts.dispute_outcome, change.facts.buyer_percent) == (outcome, percent)
    # The seller's part is rounded down, as the contract does; nobody's session has nothing to remember.
    assert change.command == back
    owners = Ledger(waiting=[], paid=[replace(paid, session_id=None, hold_id=None)])
    assert step(owners, chain) == ["resolved"]
    assert owners.changes[0][1].command is None
    assert (change.facts.disputed_at, change.facts.dispute_reason) == (NOW, "disputed on chain")


MADE, ENDS, CHANGED = AGREED.created_at, AGREED.checkout_ends_at, AGREED.updated_at
ESCROWED = replace(AGREED, status=S.ESCROWED, payment_status=PaymentStatus.PAID)


@pytest.mark.parametrize(
    ("transaction", "signed", "now", "interval", "pause"),
    [
        (AGREED, True, MADE, 15, 15),
        (AGREED, True, ENDS - 1, 15, 15),
        (AGREED, False, MADE, 2, 2),
        (AGREED, False, MADE + 160, 2, 20),
        (AGREED, False, ENDS - 1, 2, 30),
        # Over, and waiting for the final block that says so.
        (AGREED, False, ENDS, 2, 2),
        (AGREED, False, ENDS - 1, 60, 60),
        (ENDED, False, ENDS - 500, 15, 15),
        (ENDED, False, ENDS + 800, 15, 100),
        (ENDED, False, ENDS + 7 * 86_400, 15, 6 * 3_600),
        (ESCROWED, False, CHANGED, 15, 15),
        (ESCROWED, False, CHANGED + 800, 15, 100),
        (ESCROWED, False, CHANGED + 10**6, 15, 300),
        (AGREED, True, MADE, 0.3, 1),
        (AGREED, True, MADE, 1.9, 1),
    ],
)
def test_pauses(transaction: Transaction, signed: bool, now: int, interval: float, pause: int) -> None:
    assert pause_seconds(Waiting(transaction, signed, now), interval) == pause


def test_the_next_look_is_set_before_this_one_and_sooner_when_it_failed() -> None:
    ledger, chain = waiting(AGREED), Chain(None, END - 1)
    ledger.now = MADE + 160
    asyncio.run(made(ledger, [], base_sepolia=chain).step(2))
    assert ledger.again_at == [ledger.now + 20]
    chain.gone = True
    asyncio.run(made(ledger, [], base_sepolia=chain).step(2))
    assert ledger.again_at[1:] == [ledger.now + 2]


def test_a_look_that_fails_comes_again_after_the_interval() -> None:
    class Broken(Chain):
        async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
            raise ChainUnavailable("no node answered")

    ledger, told = waiting(ENDED), list[str]()
    asyncio.run(made(ledger, told, base_sepolia=Broken(None)).step(2))
    assert told == ["unavailable"]
    assert ledger.again_at == [NOW + (NOW - ENDS) // 8, NOW + 2]


def test_a_network_that_is_away_is_left_alone_for_an_interval_and_costs_the_others_nothing() -> None:
    here, away = Chain(PAID), Chain(PAID)
    away.gone = True
    ledger, told = waiting(replace(AGREED, network="base"), AGREED), list[str]()
    reconciler = made(ledger, told, base_sepolia=here, base=away)

    async def steps() -> None:
        for _ in range(3):
            await reconciler.step(60)

    asyncio.run(steps())
    assert sorted(told) == ["captured", "captured", "captured", "unavailable"]
    assert (away.finals, here.finals) == (1, 3)


def test_looks_are_under_way_together_and_not_too_many() -> None:
    ledger, chain = waiting(*[AGREED] * 30), Chain(None, END - 1)
    chain.slow = True
    step(ledger, chain)
    assert len(chain.asked_at) == 30
    assert chain.most == LOOKING_MAX


def test_never_more_looks_in_a_second_than_a_node_is_asked_for() -> None:
    ledger, chain = waiting(*[AGREED] * 6), Chain(None, END - 1)

    async def timed() -> float:
        began = asyncio.get_running_loop().time()
        await made(ledger, [], looks_per_second=20, base_sepolia=chain).step()
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(timed()) >= 5 / 20


@pytest.mark.parametrize(
    ("unpaid", "paid", "more"),
    [(BATCH - 1, BATCH - 1, False), (BATCH, 0, True), (0, BATCH, True), (0, 0, False)],
)
def test_a_full_batch_is_followed_at_once(unpaid: int, paid: int, more: bool) -> None:
    ledger = Ledger(waiting=[AGREED] * unpaid, paid=[ESCROWED] * paid)
    assert asyncio.run(made(ledger, [], base_sepolia=Chain(PAID, END - 1)).step()) is more


def test_it_runs_on_until_nothing_is_due() -> None:
    class Emptying(Ledger):
        async def awaiting_proof(self, limit: int, lease_seconds: int) -> list[Waiting]:
            due, self.waiting = self.waiting[:limit], self.waiting[limit:]
            return [Waiting(one, False, self.now) for one in due]

    ledger, chain = Emptying(waiting=[AGREED] * (3 * BATCH + 1), paid=[]), Chain(None, END - 1)

    async def run() -> None:
        running = asyncio.create_task(made(ledger, [], base_sepolia=chain).run(3_600))
        while ledger.waiting:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert len(ledger.looked_at) == 3 * BATCH + 1


def test_a_bug_with_one_transaction_is_told_after_the_others_were_looked_up() -> None:
    class Buggy(Chain):
        async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
            self.asked_at.append(at_block)
            if len(self.asked_at) == 1:
                raise AssertionError("a bug")
            return None

    ledger, chain = waiting(AGREED, AGREED, AGREED), Buggy(None, END - 1)
    with pytest.raises(AssertionError, match="a bug"):
        step(ledger, chain)
    assert len(chain.asked_at) == 3

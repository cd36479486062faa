"""Random lives of sessions in the real store, beside a model of a few lines. After every step both agree.

The model knows what was held, what moved and what was answered; it knows nothing of databases.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.stores.blocking import Blocking
from tests.stores.conftest import make_market
from tests.stores.making import (
    HOUR,
    USDC,
    SystemTime,
    a_hash,
    a_key,
    a_purchase,
    a_session,
    allowed,
    an_id,
    code,
    digest,
)
from valetkey.core.commands import Capture, Expire, Void
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.refusal import Refused
from valetkey.core.session import Status, Usage, status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Change, Facts, Spend
from valetkey.stores.sqlite import open_store

UNITS = st.one_of(st.integers(0, 40), st.sampled_from([2**63 - 1, 2**64, 10**29]))
BUDGETS = st.one_of(st.none(), st.integers(0, 100), st.sampled_from([2**64 + 7, 10**29]))


@dataclass
class Spending:
    """What the model knows of one session."""

    record: SessionRecord
    revoked: bool = False
    beyond: int = 0
    """Base units that moved without having been granted: late, more than was held, or not asked for at all."""
    seen: dict[str, int] = field(default_factory=dict)
    """What nobody asked for: base units of each hold."""


@dataclass
class Purchase:
    """What the model knows of one purchase: how much is held for it, how much moved."""

    first: Transaction
    spending: Spending
    held: int
    moved: int | None = None
    signed: bool = False
    ended: bool = False
    tx_hash: str | None = None


@dataclass
class Known:
    """An idempotency key, its body, and the purchase that it made."""

    key: str
    body: str
    purchase: Purchase


@dataclass
class World:
    time: SystemTime = field(default_factory=SystemTime)
    sessions: list[Spending] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    keys: list[Known] = field(default_factory=list)


class LedgerStoreMachine(RuleBasedStateMachine):
    sessions: Bundle[Spending] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World()
        self.store = self._open()
        self.market = make_market(self.store)

    def _open(self) -> Blocking:
        return Blocking(open_store(self.folder / "valetkey.db", system_time=self.world.time))

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize(target=sessions)
    def begin(self) -> Spending:
        return self.new_session(100, 3 * HOUR)

    @rule(target=sessions, budget=BUDGETS, seconds=st.integers(60, 3 * HOUR))
    def add_session(self, budget: int | None, seconds: int) -> Spending:
        return self.new_session(budget, seconds)

    def new_session(self, budget: int | None, seconds: int) -> Spending:
        record = a_session(self.market.owner, budget, expires_at=int(self.now()) + seconds)
        self.store.add_session(record, digest(record.alias))
        self.world.sessions.append(Spending(record))
        return self.world.sessions[-1]

    def now(self) -> int:
        now: int = self.store.clock.now()
        return now

    @rule(spending=sessions, units=UNITS, body=st.sampled_from("xy"))
    def place(self, spending: Spending, units: int, body: str) -> None:
        ends = self.now() + HOUR // 2
        purchase = a_purchase(
            self.market.service, self.market.owner, spending.record, units, checkout_ends_at=ends
        )
        key = a_key(purchase.id, body)
        answer = self.store.place(purchase, key)
        usage, policy = self.expected(spending), spending.record.session.policy
        fits = policy.budget is None or usage.committed + units <= policy.budget
        alive = not spending.revoked and self.now() < policy.expires_at
        assert isinstance(answer, Transaction) == (fits and alive), "NO_OVERSPEND, REVOKED_IS_DEAD"
        if isinstance(answer, Refused):
            assert self.store.remembered(key) is None
            return
        made = Purchase(answer, spending, held=units)
        self.world.purchases.append(made)
        self.world.keys.append(Known(key.key, body, made))

    @rule(spending=sessions, units=UNITS, again=st.booleans())
    def observe(self, spending: Spending, units: int, again: bool) -> None:
        """Money moves that nobody asked for. What is told again is known already, whatever is said of it."""
        known = _one(sorted(spending.seen), units) if again else None
        request = SpendRequest(Money(units, USDC), None, None, "draw")
        wanted = Spend(spending.record.session.id, known or an_id(Kind.HOLD), request, 0)
        seen = self.store.observe(wanted, by="platform").hold
        assert (seen.state, seen.settled_at) == (HoldState.CAPTURED, seen.placed_at)
        if known is None:
            spending.seen[seen.id] = units
            spending.beyond += units
        assert seen.captured == spending.seen[seen.id], "IDEMPOTENT"

    @rule(number=st.integers(0, 10**6), body=st.sampled_from("xy"))
    def place_again(self, number: int, body: str) -> None:
        known = _one(self.world.keys, number)
        if known is None:
            return
        record = known.purchase.spending.record
        again = a_purchase(self.market.service, self.market.owner, record, 1)
        answer = self.store.place(again, a_key(known.key, body))
        if body == known.body:
            assert allowed(answer).id == known.purchase.first.id, "IDEMPOTENT"
        else:
            assert code(answer) == "idempotency_mismatch"
        assert self.store.transaction(again.id) is None

    @rule(number=st.integers(0, 10**6))
    def sign(self, number: int) -> None:
        purchase = _one(self.world.purchases, number)
        if purchase is not None:
            self.store.mark_signed(purchase.first.id)
            purchase.signed = purchase.signed or (purchase.moved is None and not purchase.ended)

    @rule(number=st.integers(0, 10**6), more=st.sampled_from([0, 0, 0, 1, 2**64]))
    def pay(self, number: int, more: int) -> None:
        purchase = _one(self.world.purchases, number)
        if purchase is None:
            return
        units, tx_hash = purchase.first.total.units + more, a_hash()
        facts = Facts(payment_status=PaymentStatus.PAID, escrow_tx_hash=tx_hash)
        change = Change(step=Step.FUND, party=Party.BUYER, facts=facts, command=Capture(units))
        answer = self.store.change(purchase.first.id, change)
        if purchase.moved is not None:
            assert code(answer) == "wrong_status"
            return
        allowed(answer)
        purchase.spending.beyond += units - purchase.held
        purchase.held, purchase.moved, purchase.tx_hash = 0, units, tx_hash

    @rule(number=st.integers(0, 10**6), other=st.integers(0, 10**6))
    def replay(self, number: int, other: int) -> None:
        purchase, paid = _one(self.world.purchases, number), _one(self.world.purchases, other)
        if purchase is None or paid is None or paid.tx_hash is None or purchase.moved is not None:
            return
        facts = Facts(payment_status=PaymentStatus.PAID, escrow_tx_hash=paid.tx_hash)
        change = Change(step=Step.FUND, party=Party.BUYER, facts=facts, command=Capture(1))
        assert code(self.store.change(purchase.first.id, change)) == "funding_replayed"

    @rule(number=st.integers(0, 10**6), late=st.integers(-1, 1), void=st.booleans())
    def end_unpaid(self, number: int, late: int, void: bool) -> None:
        purchase = _one(self.world.purchases, number)
        if purchase is None:
            return
        command = Void() if void else Expire(purchase.first.checkout_ends_at + late)
        facts = Facts(payment_status=PaymentStatus.FAILED)
        change = Change(step=Step.EXPIRE, party=Party.PLATFORM, facts=facts, command=command)
        proven = not purchase.signed if void else late >= 0
        try:
            answer = self.store.change(purchase.first.id, change)
        except Contradiction:
            assert not proven
            return
        if purchase.ended or purchase.moved is not None:
            assert code(answer) == "wrong_status"
            return
        allowed(answer)
        assert proven, "UNKNOWN_STAYS_HELD"
        purchase.held, purchase.ended = 0, True

    @rule(spending=sessions)
    def revoke(self, spending: Spending) -> None:
        assert self.store.revoke_session(spending.record.session.id).session.revoked_at is not None
        spending.revoked = True

    @rule(seconds=st.integers(-2 * HOUR, 2 * HOUR))
    def time_passes(self, seconds: int) -> None:
        self.world.time.seconds += seconds

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self._open()

    def look(self, method: str, each: Iterable[Any]) -> list[Any]:
        """The answers of a reading method, asked for all at once."""
        return self.store.together(*(getattr(self.store.store, method)(one) for one in each))

    def expected(self, spending: Spending) -> Usage:
        own = [purchase for purchase in self.world.purchases if purchase.spending is spending]
        moved = sum(one.moved or 0 for one in own) + sum(spending.seen.values())
        return Usage(held=sum(one.held for one in own), captured=moved)

    @invariant()
    def NO_OVERSPEND(self) -> None:
        """The budget bounds what was granted; what moved beyond a grant is known to the last unit."""
        found = self.look("session", (spending.record.session.id for spending in self.world.sessions))
        for spending, record in zip(self.world.sessions, found, strict=True):
            session = record.session
            assert session.usage == self.expected(spending)
            budget = session.policy.budget
            assert budget is None or session.usage.committed - spending.beyond <= budget

    @invariant()
    def UNKNOWN_STAYS_HELD(self) -> None:
        """A signed payment is held until it was captured or proven not to have moved."""
        found = self.look("hold", (purchase.first.hold_id for purchase in self.world.purchases))
        for purchase, hold in zip(self.world.purchases, found, strict=True):
            state = hold.state
            if purchase.moved is not None:
                assert state is HoldState.CAPTURED
            elif purchase.ended:
                assert state in (HoldState.EXPIRED, HoldState.VOIDED)
            else:
                assert state is (HoldState.UNKNOWN if purchase.signed else HoldState.HELD)

    @invariant()
    def IDEMPOTENT(self) -> None:
        """Every key still answers the purchase that it made first."""
        found = self.look("remembered", (a_key(known.key, known.body) for known in self.world.keys))
        for known, made in zip(self.world.keys, found, strict=True):
            assert allowed(made).id == known.purchase.first.id

    @invariant()
    def REVOKED_IS_DEAD(self) -> None:
        """The token of a revoked session says so, and of no other."""
        tokens = (digest(spending.record.alias) for spending in self.world.sessions)
        for spending, record in zip(self.world.sessions, self.look("authenticate", tokens), strict=True):
            assert (status(record.session, self.now()) is Status.REVOKED) == spending.revoked

    @invariant()
    def NOTHING_IS_FORGOTTEN(self) -> None:
        """What the chain may still change is in the queue, in its class, and counted in its crowd."""
        expected = {}
        for purchase in self.world.purchases:
            paid, ended = purchase.moved is not None, purchase.ended
            open_class = "signed" if purchase.signed else "pending"
            expected[purchase.first.id] = "unsettled" if paid else "ended" if ended else open_class
        found, crowds = self.store.run(self.store.store._database.read(_queue))
        # What ended may have left, when its watch is over.
        assert {one: queue for one, queue in expected.items() if queue != "ended"}.items() <= found.items()
        assert found.items() <= expected.items()
        assert crowds == Counter(found.values())


def _queue(db: Any) -> tuple[dict[str, str], dict[str, int]]:
    found = db.execute("SELECT t.id, w.queue FROM waiting w JOIN transactions t ON t.seq = w.seq").fetchall()
    crowds = db.execute("SELECT queue, count FROM crowds WHERE count <> 0").fetchall()
    return dict(found), dict(crowds)


def _one(known: list[Any], number: int) -> Any:
    """One of what there is; None when there is nothing."""
    return known[number % len(known)] if known else None


LedgerStoreMachine.TestCase.settings = settings(stateful_step_count=25)
TestLedgerStore = LedgerStoreMachine.TestCase

"""The ledger's rules under random commands, beside a model of it that is a dict of numbers.

Names of invariants are those of ARCHITECTURE.md.
"""

from dataclasses import dataclass, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from valetkey.core.commands import Capture, Command, Expire, MarkUnknown, Observe, PlaceHold, Void
from valetkey.core.errors import Contradiction
from valetkey.core.ledger import State, apply
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.session import Role, Session, Status, Usage, remaining, status
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.windows import BUCKETS, Window, counted

USDC = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
BEGINS, ENDS = 100, 400
HOLD_SECONDS = 30
AMOUNTS = st.integers(0, 40)


@dataclass
class Spend:
    """What the model knows of one hold: what was granted, what is kept off the budget, what moved."""

    granted: int
    ends_at: int
    kept: int
    moved: int = 0
    paid: bool = False
    signed: bool = False
    given_back: str = ""


@dataclass
class Entry:
    """What the model counts against windows: base units of one spend from a moment on."""

    hold_id: str
    at: int
    units: int
    asked: bool = True


class LedgerMachine(RuleBasedStateMachine):
    """One session, many holds; every command reaches the rules and the model."""

    placed: Bundle[str] = Bundle("placed")

    @initialize(
        budget=st.none() | st.integers(0, 100),
        per_spend=st.none() | st.integers(0, 40),
        windows=st.dictionaries(st.integers(1, 150), st.integers(0, 80), max_size=3),
        spends_max=st.none() | st.integers(0, 12),
    )
    def open_session(
        self,
        budget: int | None,
        per_spend: int | None,
        windows: dict[int, int],
        spends_max: int | None,
    ) -> None:
        policy = Policy(
            budget=budget,
            per_spend=per_spend,
            not_before=BEGINS,
            expires_at=ENDS,
            windows=tuple(Window(seconds, windows[seconds]) for seconds in sorted(windows)),
            spends_max=spends_max,
        )
        self.session = Session(
            id="ses_1",
            owner_id="agt_1",
            role=Role.BUYER,
            policy=policy,
            usage=Usage(),
            created_at=0,
        )
        self.holds: dict[str, Hold] = {}
        self.model: dict[str, Spend] = {}
        self.now = BEGINS
        self.over_granted = 0
        self.entries: list[Entry] = []

    def run(self, hold_id: str, command: Command) -> None:
        """Apply a command to a hold that exists and keep what comes back, as a store does."""
        after = apply(State(self.session, self.holds[hold_id]), command, self.now)
        assert isinstance(after, State)
        assert after.hold is not None
        self.session, self.holds[hold_id] = after.session, after.hold

    def refuses(self, hold_id: str, command: Command) -> None:
        """The command contradicts the hold's state: nothing changes."""
        with pytest.raises(Contradiction):
            apply(State(self.session, self.holds[hold_id]), command, self.now)

    @rule(seconds=st.integers(0, 60))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def revoke(self) -> None:
        if self.session.revoked_at is None:
            self.session = replace(self.session, revoked_at=self.now)

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused: bool) -> None:
        self.session = replace(self.session, paused_at=self.now if paused else None)

    @rule(target=placed, amount=AMOUNTS)
    def place(self, amount: int) -> str | MultipleResults[str]:
        hold_id = f"hld_{len(self.model)}"
        ends_at = self.now + HOLD_SECONDS
        command = PlaceHold(hold_id, SpendRequest(Money(amount, USDC), "svc_1"), ends_at)
        before = self.session
        after = apply(State(before), command, self.now)
        policy = before.policy
        taken = sum(spend.kept + spend.moved for spend in self.model.values())
        granted = (
            BEGINS <= self.now < ENDS
            and before.revoked_at is None
            and before.paused_at is None
            and (policy.per_spend is None or amount <= policy.per_spend)
            and (policy.budget is None or taken + amount <= policy.budget)
            and all(self.counts(window) + amount <= window.limit for window in policy.windows)
            and (policy.spends_max is None or self.made() < policy.spends_max)
        )
        assert isinstance(after, State) is granted
        if isinstance(after, Refused):
            return multiple()
        assert after.hold is not None
        self.session, self.holds[hold_id] = after.session, after.hold
        self.model[hold_id] = Spend(granted=amount, ends_at=ends_at, kept=amount)
        self.entries.append(Entry(hold_id, self.now, amount))
        return hold_id

    @rule(target=placed, amount=AMOUNTS)
    def observe(self, amount: int) -> str:
        """Money moves that nobody asked for, whatever budget, windows, pauses and ends say."""
        hold_id = f"hld_{len(self.model)}"
        after = apply(
            State(self.session), Observe(hold_id, SpendRequest(Money(amount, USDC), "svc_1")), self.now
        )
        assert isinstance(after, State)
        assert after.hold is not None
        self.session, self.holds[hold_id] = after.session, after.hold
        self.model[hold_id] = Spend(amount, self.now, kept=0, moved=amount, paid=True)
        self.entries.append(Entry(hold_id, self.now, amount, asked=False))
        self.over_granted += amount
        return hold_id

    def counts(self, window: Window) -> int:
        """What counts in a window now, from the model's own list of spends."""
        length = -(-window.seconds // BUCKETS)
        return sum(
            entry.units
            for entry in self.entries
            if self.now < (entry.at // length + 1) * length + window.seconds
        )

    def made(self) -> int:
        """How many spends count."""
        return sum(1 for spend in self.model.values() if spend.paid or not spend.given_back)

    @rule(hold_id=placed, amount=AMOUNTS)
    def place_again(self, hold_id: str, amount: int) -> None:
        command = PlaceHold(hold_id, SpendRequest(Money(amount, USDC), "svc_1"), self.now)
        self.run(hold_id, command)

    @rule(hold_id=placed)
    def sign(self, hold_id: str) -> None:
        spend = self.model[hold_id]
        if spend.given_back and not spend.paid:
            self.refuses(hold_id, MarkUnknown())
            return
        self.run(hold_id, MarkUnknown())
        spend.signed = True

    @rule(hold_id=placed, moved=st.none() | st.integers(0, 60))
    def capture(self, hold_id: str, moved: int | None) -> None:
        """Proof of a payment: of what was granted (None), or of another amount."""
        spend = self.model[hold_id]
        amount = spend.granted if moved is None else moved
        if spend.paid and spend.moved != amount:
            self.refuses(hold_id, Capture(amount))
            return
        self.run(hold_id, Capture(amount))
        if not spend.paid:
            beyond = amount if spend.given_back else max(amount - spend.granted, 0)
            self.over_granted += beyond
            if beyond:
                self.entries.append(Entry(hold_id, self.now, beyond, asked=False))
            for entry in self.entries:
                if entry.hold_id == hold_id and entry.asked:
                    entry.units = 0 if spend.given_back else min(entry.units, amount)
        spend.kept, spend.moved, spend.paid = 0, amount, True

    @rule(hold_id=placed, proven=st.booleans())
    def void(self, hold_id: str, proven: bool) -> None:
        self.give_back(hold_id, "voided", Void(proven), proof=proven or not self.model[hold_id].signed)

    @rule(hold_id=placed, lateness=st.integers(-20, 20))
    def expire(self, hold_id: str, lateness: int) -> None:
        block_time = self.model[hold_id].ends_at + lateness
        self.give_back(hold_id, "expired", Expire(block_time), proof=lateness >= 0)

    def give_back(self, hold_id: str, word: str, command: Command, *, proof: bool) -> None:
        spend = self.model[hold_id]
        done_before = spend.given_back == word and not spend.paid
        if done_before or (proof and not spend.given_back and not spend.paid):
            self.run(hold_id, command)
            spend.kept, spend.given_back = 0, word
            for entry in self.entries:
                if entry.hold_id == hold_id:
                    entry.units = 0
            return
        self.refuses(hold_id, command)

    @invariant()
    def NO_OVERSPEND(self) -> None:
        """What was granted stays within the budget; beyond it is only what moved without being asked for."""
        budget = self.session.policy.budget
        if budget is not None:
            assert self.session.usage.committed <= budget + self.over_granted

    @invariant()
    def WINDOW_IS_SLIDING(self) -> None:
        """No interval of a window's length, wherever it begins, holds more of what was granted than the limit."""
        policy, pace = self.session.policy, self.session.pace
        granted = [entry for entry in self.entries if entry.asked]
        for window in policy.windows:
            for first in granted:
                end = first.at + window.seconds
                assert sum(e.units for e in granted if first.at <= e.at < end) <= window.limit
        for window, ring in zip(policy.windows, pace.rings, strict=bool(pace.rings)):
            assert counted(window, ring, self.now) == self.counts(window)
            assert len(ring) <= BUCKETS + 2
        assert pace.spends == self.made()

    @invariant()
    def UNKNOWN_STAYS_HELD(self) -> None:
        for hold_id, spend in self.model.items():
            hold = self.holds[hold_id]
            if spend.signed and not spend.paid and not spend.given_back:
                assert hold.state is HoldState.UNKNOWN
                assert spend.kept == hold.amount
        unknown = sum(h.amount for h in self.holds.values() if h.state is HoldState.UNKNOWN)
        assert self.session.usage.held >= unknown

    @invariant()
    def usage_is_the_sum_of_the_holds(self) -> None:
        opened = [h.amount for h in self.holds.values() if h.state in (HoldState.HELD, HoldState.UNKNOWN)]
        captured = [h.captured for h in self.holds.values() if h.state is HoldState.CAPTURED]
        assert self.session.usage == Usage(held=sum(opened), captured=sum(captured))

    @invariant()
    def the_model_agrees(self) -> None:
        for hold_id, spend in self.model.items():
            hold = self.holds[hold_id]
            assert (hold.amount, hold.captured) == (spend.granted, spend.moved)
            assert spend.kept == (0 if hold.settled_at is not None else hold.amount)
            assert hold.expires_at == spend.ends_at
        taken = sum(spend.kept + spend.moved for spend in self.model.values())
        left = remaining(self.session)
        budget = self.session.policy.budget
        assert left == (None if budget is None else budget - taken)
        if status(self.session, self.now) is Status.ACTIVE:
            assert left is None or left > 0
            assert self.session.policy.spends_max is None or self.made() < self.session.policy.spends_max


TestLedger = LedgerMachine.TestCase

"""Random lives of a tree of sessions, beside the model. Subclasses say what is driven, which invariant is watched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.stateful.tree_drivers import Ask, CoreDriver, Driver
from tests.stateful.tree_model import Entry, Model, Place, Spend
from tests.stateful.tree_shapes import (
    NARROWINGS,
    PAUSES,
    POLICIES,
    SPENDS,
    counted_units,
    narrowing_of,
    policy_of,
    request_of,
)
from valetkey.core.commands import (
    Approve,
    Capture,
    Command,
    Expire,
    Lapse,
    MarkUnknown,
    Refund,
    Reject,
    Void,
)
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Lineage
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.tree import DEPTH_MAX

SESSIONS_MAX = 9


class TreeMachine(RuleBasedStateMachine):
    """Trees of one owner; every command reaches the driver and the model, and both must agree."""

    watched: ClassVar[str]
    drive: ClassVar[Callable[[], Driver]]
    sessions: Bundle[str] = Bundle("sessions")
    placed: Bundle[str] = Bundle("placed")

    def __init__(self) -> None:
        super().__init__()
        self.driver = type(self).drive()
        self.model = Model()
        self.asks: dict[str, Ask] = {}
        self.count = 0

    def teardown(self) -> None:
        try:
            self.look_at_the_end()
        finally:
            self.driver.close()

    def look_at_the_end(self) -> None:
        """What is checked once, when the run is over."""

    # Sessions: made, narrowed, rotated, extended, stopped.

    @initialize(target=sessions, shape=POLICIES)
    def begin(self, shape: dict[str, Any]) -> str:
        return self.new_root(shape)

    @rule(target=sessions, shape=POLICIES)
    def open(self, shape: dict[str, Any]) -> str | MultipleResults[str]:
        if len(self.model.sessions) >= SESSIONS_MAX:
            return multiple()
        return self.new_root(shape)

    def new_root(self, shape: dict[str, Any]) -> str:
        session_id = self.driver.open(policy_of(shape, self.driver.now()))
        self.model.sessions[session_id] = Place(None, session_id)
        self.model.tell(session_id)
        return session_id

    @rule(target=sessions, parent=sessions, shape=NARROWINGS)
    def attenuate(self, parent: str, shape: dict[str, Any]) -> str | MultipleResults[str]:
        if len(self.model.sessions) >= SESSIONS_MAX:
            return multiple()
        lineage = self.driver.lineage(parent)
        try:
            child = self.driver.attenuate(parent, narrowing_of(shape, self.driver.now()))
        except InvalidInput:
            return multiple()
        dead = self.model.revoked(parent) or any(
            self.driver.now() >= one.policy.expires_at for one in lineage
        )
        if isinstance(child, Refused):
            narrower = child.first.code is not Code.NOT_NARROWER
            assert dead or not narrower or lineage[0].depth >= DEPTH_MAX
            return multiple()
        assert not dead, "REVOKED_IS_DEAD"
        self.model.sessions[child] = Place(parent, self.model.sessions[parent].tree)
        self.model.tell(child)
        return child

    @rule(
        target=sessions,
        old=sessions,
        shape=POLICIES,
        same=st.booleans(),
        grace=st.sampled_from([0, 60, 3_600]),
        carry=st.sampled_from([True, True, False]),
    )
    def rotate(
        self, old: str, shape: dict[str, Any], same: bool, grace: int, carry: bool
    ) -> str | MultipleResults[str]:
        before, place, now = self.driver.lineage(old)[0], self.model.sessions[old], self.driver.now()
        policy = replace(before.policy) if same else policy_of(shape, now)
        possible = not place.revoked and not place.rotated
        if len(self.model.sessions) >= SESSIONS_MAX and possible:
            return multiple()
        if not possible:
            with pytest.raises(Contradiction):
                self.driver.rotate(old, policy, grace, carry=carry)
            return multiple()
        try:
            new = self.driver.rotate(old, policy, grace, carry=carry)
        except InvalidInput:
            lost = set(before.policy.currencies) - set(policy.currencies)
            assert carry
            assert any(self.model.of(old, currency) for currency in lost)
            return multiple()
        ended = self.driver.lineage(old)[0].policy
        assert ended.expires_at == min(before.policy.expires_at, now + grace)
        self.model.sessions[new] = Place(place.parent, place.tree, paused=place.paused, carried=carry)
        place.parent, place.rotated = new, True
        place.versions += 1
        for spend in self.model.of(old) if carry else ():
            spend.counts_in.add(new)
            spend.restored[new] = spend.restored[old]
        self.model.tell(new, 2)
        return new

    @rule(
        session=sessions,
        later=st.sampled_from([-1, 0, 0, 600]),
        budget=st.none() | st.sampled_from([40, 120]),
    )
    def extend(self, session: str, later: int, budget: int | None) -> None:
        policy, place = self.driver.lineage(session)[0].policy, self.model.sessions[session]
        ends = policy.expires_at + later
        smaller = budget is not None and (policy.budget is None or budget < policy.budget)
        if place.revoked or self.driver.now() >= policy.expires_at:
            assert isinstance(self.driver.extend(session, ends, budget), Refused)
        elif place.rotated or later < 0 or smaller:
            with pytest.raises(Contradiction if place.rotated else InvalidInput):
                self.driver.extend(session, ends, budget)
        elif self.driver.extend(session, ends, budget):
            place.versions += 1
            self.model.tell(session)

    @rule(session=sessions)
    def revoke(self, session: str) -> None:
        self.driver.revoke(session)
        place = self.model.sessions[session]
        self.model.tell(session, 0 if place.revoked else 1)
        place.revoked = True

    @rule(session=sessions, paused=st.booleans())
    def pause_or_resume(self, session: str, paused: bool) -> None:
        self.driver.pause(session, paused=paused)
        place = self.model.sessions[session]
        self.model.tell(session, 0 if place.paused == paused else 1)
        place.paused = paused

    @rule(frozen=st.sampled_from([True, False, False]))
    def freeze_or_thaw(self, frozen: bool) -> None:
        self.driver.freeze(frozen=frozen)
        self.model.frozen = frozen
        self.model.told["owner"] += 1

    @rule(seconds=PAUSES)
    def wait(self, seconds: int) -> None:
        self.driver.wait(seconds)

    # Spends: asked for, approved, executed.

    @rule(target=placed, session=sessions, shape=SPENDS)
    def place(self, session: str, shape: dict[str, Any]) -> str | MultipleResults[str]:
        self.count += 1
        now, hold_id = self.driver.now(), f"hld_{self.count}"
        request = request_of(shape, self.count)
        waits = now + 60 if shape["waits"] else None
        ask = Ask(session, hold_id, request, now + shape["lasts"], waits)
        lineage = self.driver.lineage(session)
        state = self.expected(lineage, request, waits=waits is not None)
        answer = self.driver.place(ask)
        self.model.tell(session)
        if isinstance(answer, Refused):
            self.refused_for_a_reason(lineage, request, answer, state)
            return multiple()
        asked = counted_units(request)
        assert (answer.state, answer.amount, answer.placed_at) == (state, asked, now)
        ends = now + 60 if state == "pending_approval" else ask.expires_at
        names, terms = set(self.model.lineage(session)), self.model.terms(session)
        entries = [Entry(now, asked)]
        self.model.spends[hold_id] = Spend(
            hold_id, session, request, asked, ends, answer.state, names, terms, entries
        )
        self.asks[hold_id] = ask
        self.granted(lineage, request)
        return hold_id

    @rule(hold=placed)
    def place_again(self, hold: str) -> None:
        before, after = self.driver.hold(hold), self.driver.place_again(self.asks[hold])
        assert after == before, "IDEMPOTENT"

    @rule(hold=placed, lasts=st.sampled_from([30, 600]))
    def approve(self, hold: str, lasts: int) -> None:
        spend, now = self.model.spends[hold], self.driver.now()
        command = Approve(now + lasts)
        if spend.state in ("voided", "expired"):
            self.contradicts(hold, command)
        elif spend.state == "pending_approval" and (now >= spend.ends_at or self.stale(spend)):
            self.refuses(hold, command, Code.APPROVAL_STALE)
        elif spend.state == "pending_approval":
            self.moves(spend, command, "approved", ends_at=now + lasts)
        else:
            self.stays(hold, command)

    @rule(hold=placed)
    def execute(self, hold: str) -> None:
        """What was approved is decided again, as if it had not been placed."""
        spend, now = self.model.spends[hold], self.driver.now()
        ask = replace(self.asks[hold], expires_at=now + 30)
        over = now >= spend.ends_at or self.stale(spend)
        if spend.state != "approved" or over:
            if isinstance(self.driver, CoreDriver):
                self.not_executed(spend, ask)
            return
        lineage = self.driver.lineage(spend.session_id)
        spend.state, entries, spend.entries = "voided", spend.entries, []
        state = self.expected(lineage, spend.request, waits=True)
        answer = self.driver.execute(ask)
        self.model.tell(spend.session_id)
        if isinstance(answer, Refused):
            self.refused_for_a_reason(lineage, spend.request, answer, state)
            spend.state, spend.entries = "approved", entries
            return
        assert state != "refused"
        spend.state, spend.entries, spend.ends_at = "held", [Entry(now, spend.asked)], now + 30
        self.granted(lineage, spend.request, again=True)

    def not_executed(self, spend: Spend, ask: Ask) -> None:
        if spend.state in ("voided", "expired"):
            with pytest.raises(Contradiction):
                self.driver.execute(ask)
            return
        answer = self.driver.execute(ask)
        assert isinstance(answer, Refused) == (spend.state in ("pending_approval", "approved"))

    # Proofs, and giving up.

    @rule(hold=placed)
    def reject(self, hold: str) -> None:
        spend = self.model.spends[hold]
        if spend.state in ("pending_approval", "approved"):
            self.moves(spend, Reject(), "voided")
        elif spend.state == "voided":
            self.stays(hold, Reject())
        else:
            self.contradicts(hold, Reject())

    @rule(hold=placed)
    def sign(self, hold: str) -> None:
        spend = self.model.spends[hold]
        if spend.state in ("unknown", "captured"):
            self.stays(hold, MarkUnknown())
        elif spend.state != "held":
            self.contradicts(hold, MarkUnknown())
        elif spend.request.operation != "purchase" and self.driver.now() >= spend.ends_at:
            self.refuses(hold, MarkUnknown(), Code.HOLD_ENDED)
        else:
            self.moves(spend, MarkUnknown(), "unknown")
            spend.signed = True

    @rule(hold=placed, other=st.none() | st.none() | st.integers(0, 60))
    def capture(self, hold: str, other: int | None) -> None:
        """Proof of a payment: of what was asked for (None), or of another amount."""
        spend = self.model.spends[hold]
        amount = spend.asked if other is None else other
        if spend.state == "captured":
            known = amount == spend.moved
            return self.stays(hold, Capture(amount)) if known else self.contradicts(hold, Capture(amount))
        before = spend.asked if spend.is_open else 0
        self.moves(spend, Capture(amount), "captured", entries=spend.entries)
        spend.moved = amount
        for entry in spend.entries:
            entry.units = min(entry.units, amount)
        if amount > before:
            spend.entries.append(Entry(self.driver.now(), amount - before))
        return None

    @rule(hold=placed, total=st.none() | st.integers(0, 60))
    def refund(self, hold: str, total: int | None) -> None:
        spend = self.model.spends[hold]
        total = spend.moved if total is None else total
        if spend.state != "captured" or not spend.refunded <= total <= spend.moved:
            self.contradicts(hold, Refund(total))
            return
        if total == spend.refunded:
            self.stays(hold, Refund(total))
            return
        for session_id in sorted(spend.counts_in):
            if self.driver.lineage(session_id)[0].policy.refunds_restore:
                spend.restored[session_id] += total - spend.refunded
        self.moves(spend, Refund(total), "captured", entries=spend.entries)
        spend.refunded = total

    @rule(hold=placed, proven=st.booleans())
    def void(self, hold: str, proven: bool) -> None:
        spend = self.model.spends[hold]
        proof = proven or spend.state != "unknown"
        self.gives_back(spend, Void(proven), "voided", possible=proof)

    @rule(hold=placed)
    def lapse(self, hold: str) -> None:
        spend = self.model.spends[hold]
        unpaid = spend.state in ("pending_approval", "approved") or (
            spend.state == "held" and spend.request.operation != "purchase"
        )
        self.gives_back(spend, Lapse(), "expired", possible=unpaid and self.driver.now() >= spend.ends_at)

    @rule(hold=placed, late=st.sampled_from([-1, 0, 1]))
    def expire(self, hold: str, late: int) -> None:
        spend = self.model.spends[hold]
        self.gives_back(spend, Expire(spend.ends_at + late), "expired", possible=late >= 0)

    def gives_back(self, spend: Spend, command: Command, word: str, *, possible: bool) -> None:
        if spend.state == word:
            self.stays(spend.id, command)
        elif spend.is_open and possible:
            self.moves(spend, command, word)
        else:
            self.contradicts(spend.id, command)

    # What is done to a hold, and what may not be.

    def moves(
        self,
        spend: Spend,
        command: Command,
        state: str,
        *,
        ends_at: int | None = None,
        entries: list[Entry] | None = None,
    ) -> None:
        after = self.driver.settle(spend.id, command)
        assert isinstance(after, Hold)
        assert after.state == state
        self.model.tell(spend.session_id)
        spend.state, spend.ends_at = state, ends_at or spend.ends_at
        if not spend.is_open:
            spend.entries = entries or []

    def stays(self, hold: str, command: Command) -> None:
        before = self.driver.hold(hold)
        assert self.driver.settle(hold, command) == before, "IDEMPOTENT"

    def refuses(self, hold: str, command: Command, code: Code) -> None:
        answer = self.driver.settle(hold, command)
        assert isinstance(answer, Refused)
        assert answer.first.code is code

    def contradicts(self, hold: str, command: Command) -> None:
        with pytest.raises(Contradiction):
            self.driver.settle(hold, command)

    def stale(self, spend: Spend) -> bool:
        return spend.terms != self.model.terms(spend.session_id)

    # The decision, from the model's own sums.

    def expected(self, lineage: Lineage, request: SpendRequest, *, waits: bool) -> str:
        """The state of a hold that is asked for now; windows left out."""
        now, asked, currency = self.driver.now(), counted_units(request), request.amount.asset.currency
        if self.model.stopped(lineage[0].id):
            return "refused"
        above = False
        for one in lineage:
            policy = one.policy
            limits = policy.limits(currency)
            if not policy.not_before <= now < policy.expires_at or limits is None:
                return "refused"
            if policy.allowed_services is not None and request.service_id not in policy.allowed_services:
                return "refused"
            if policy.spends_max is not None and self.model.made(one.id) >= policy.spends_max:
                return "refused"
            taken = self.model.taken(one.id, currency)
            if limits.budget is not None and taken + asked > limits.budget:
                return "refused"
            if limits.per_spend is not None and asked > limits.per_spend:
                return "refused"
            above = above or (limits.approval_above is not None and asked > limits.approval_above)
        if not above:
            return "held"
        return "pending_approval" if waits else "refused"

    def refused_for_a_reason(
        self, lineage: Lineage, request: SpendRequest, refused: Refused, state: str
    ) -> None:
        """A "no" where the model says yes is a window's, and one is full of what it may still count."""
        if state == "refused":
            return
        assert {reason.code for reason in refused.reasons} == {Code.WINDOW_EXCEEDED}
        now, currency, asked = self.driver.now(), request.amount.asset.currency, counted_units(request)
        if any(self.model.sessions[one.id].carried for one in lineage):
            return
        assert any(
            self.model.within(one.id, currency, now - window.seconds - window.bucket_seconds, now) + asked
            > window.limit
            for one in lineage
            if (limits := one.policy.limits(currency)) is not None
            for window in limits.windows
        )

    def granted(self, before: Lineage, request: SpendRequest, *, again: bool = False) -> None:
        """What must be true at the moment of every "yes". `before`: the lineage as the decision found it."""
        now, currency = self.driver.now(), request.amount.asset.currency
        for one in before:
            limits = one.policy.limits(currency)
            assert limits is not None
            if self.watched == "NO_OVERSPEND" and limits.budget is not None:
                assert self.model.taken(one.id, currency) <= limits.budget
            if self.watched == "WINDOW_IS_SLIDING":
                for window in limits.windows:
                    within = self.model.within(one.id, currency, now - window.seconds, now)
                    assert within <= window.limit
        if self.watched == "REVOKED_IS_DEAD":
            assert not any(self.model.sessions[one.id].revoked for one in before)
        if self.watched == "NARROW_ONLY" and not again:
            for index in range(1, len(before)):
                alone = decide(before[index], request, now, before[index + 1 :])
                assert isinstance(alone, Allowed)


def explore(machine: type[TreeMachine], watched: str, number: int, *, examples: int, steps: int) -> None:
    """Run a machine from a fixed seed, which pytest shows when something is found."""
    print(f"{watched}: seed {number}")
    found = type(f"{machine.__name__}_{watched}", (machine,), {"watched": watched})
    found = seed(number)(found)
    run_state_machine_as_test(
        found,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Random lives of session trees, beside the model: made, narrowed, rotated, extended, stopped, and spent from."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.stateful.tree_drivers import Ask
from tests.stateful.tree_holds import HoldRules
from tests.stateful.tree_model import Entry, Place, Spend
from tests.stateful.tree_shapes import (
    CHANCES,
    PAUSES,
    Shape,
    counted_units,
    narrowing_of,
    narrowing_shape,
    policy_of,
    policy_shape,
    request_of,
    spend_shape,
)
from valetkey.core.diff import Wider, wider
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.refusal import Code, Refused
from valetkey.core.tree import DEPTH_MAX

SESSIONS_MAX = 9
RARELY = st.sampled_from([False] * 7 + [True])


class TreeMachine(HoldRules):
    """Trees of one owner; every command reaches the driver and the model, and both must agree."""

    sessions: Bundle[str] = Bundle("sessions")

    # Sessions: made, narrowed, rotated, extended, stopped.

    @initialize(target=sessions, chance=CHANCES)
    def begin(self, chance: Random) -> str:
        return self.new_root(policy_shape(chance))

    @rule(target=sessions, chance=CHANCES)
    def open(self, chance: Random) -> str | MultipleResults[str]:
        if len(self.model.sessions) >= SESSIONS_MAX:
            return multiple()
        return self.new_root(policy_shape(chance))

    def new_root(self, shape: Shape) -> str:
        session_id = self.driver.open(policy_of(shape, self.driver.now()))
        self.model.sessions[session_id] = Place(None, session_id)
        self.model.tell(session_id)
        return session_id

    @rule(target=sessions, parent=sessions, chance=CHANCES)
    def attenuate(self, parent: str, chance: Random) -> str | MultipleResults[str]:
        if len(self.model.sessions) >= SESSIONS_MAX:
            return multiple()
        lineage = self.driver.lineage(parent)
        try:
            child = self.driver.attenuate(parent, narrowing_of(narrowing_shape(chance), self.driver.now()))
        except InvalidInput:
            return multiple()
        dead = self.model.revoked(parent) or any(
            self.driver.now() >= one.policy.expires_at for one in lineage
        )
        if isinstance(child, Refused):
            narrower = child.first.code is not Code.NOT_NARROWER
            assert dead or not narrower or lineage[0].depth >= DEPTH_MAX
            self.model.tell(parent)
            return multiple()
        assert not dead, "REVOKED_IS_DEAD"
        made = self.driver.lineage(child)[0]
        assert wider(lineage[0].policy, made.policy) in (Wider.A, Wider.EQUAL), "NARROW_ONLY"
        self.model.sessions[child] = Place(parent, self.model.sessions[parent].tree)
        self.model.tell(child)
        return child

    @rule(
        target=sessions,
        old=sessions,
        chance=CHANCES,
        same=st.booleans(),
        grace=st.sampled_from([0, 60, 3_600]),
        carry=st.sampled_from([True, True, False]),
    )
    def rotate(
        self, old: str, chance: Random, same: bool, grace: int, carry: bool
    ) -> str | MultipleResults[str]:
        before, place, now = self.driver.lineage(old)[0], self.model.sessions[old], self.driver.now()
        policy = replace(before.policy) if same else policy_of(policy_shape(chance), now)
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
            if old in spend.uncounted:
                spend.uncounted.add(new)
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
            self.model.tell(session)
        elif place.rotated or later < 0 or smaller:
            with pytest.raises(Contradiction if place.rotated else InvalidInput):
                self.driver.extend(session, ends, budget)
        elif self.driver.extend(session, ends, budget):
            place.versions += 1
            self.model.tell(session)

    @rule(session=sessions, sure=RARELY)
    def revoke(self, session: str, sure: bool) -> None:
        if not sure:
            return
        self.driver.revoke(session)
        place = self.model.sessions[session]
        self.model.tell(session, 0 if place.revoked else 1)
        place.revoked = True

    @rule(session=sessions, paused=RARELY)
    def pause_or_resume(self, session: str, paused: bool) -> None:
        self.driver.pause(session, paused=paused)
        place = self.model.sessions[session]
        self.model.tell(session, 0 if place.paused == paused else 1)
        place.paused = paused

    @rule(frozen=RARELY)
    def freeze_or_thaw(self, frozen: bool) -> None:
        self.driver.freeze(frozen=frozen)
        self.model.frozen = frozen
        self.model.told["owner"] += 1

    @rule(seconds=PAUSES)
    def wait(self, seconds: int) -> None:
        self.driver.wait(seconds)

    @rule(number=st.integers(0, 99))
    def extend_what_waits(self, number: int) -> None:
        """Another policy, somewhere above or in the session itself: what was asked for under the old one is stale."""
        waiting = self.waiting()
        if not waiting:
            return
        hold = waiting[number % len(waiting)]
        lineage = self.model.lineage(self.model.spends[hold].session_id)
        self.extend(lineage[number % len(lineage)], later=600, budget=None)
        self.approve(hold, 600)
        self.execute(hold)

    # Spends: asked for, approved, executed.

    @rule(target=HoldRules.placed, number=st.integers(0, 99), count=st.integers(1, 4), chance=CHANCES)
    def place_in_one_that_lives(self, number: int, count: int, chance: Random) -> MultipleResults[str]:
        living = [one for one in self.model.sessions if self.lives(one)]
        if not living:
            return multiple()
        session = living[number % len(living)]
        return multiple(*(hold for _ in range(count) for hold in self.place(session, spend_shape(chance))))

    def lives(self, session: str) -> bool:
        ends = min(one.policy.expires_at for one in self.driver.lineage(session))
        return not self.model.stopped(session) and self.driver.now() < ends

    @rule(target=HoldRules.placed, number=st.integers(0, 99), off=st.sampled_from([-1, 0]), chance=CHANCES)
    def place_at_an_edge(self, number: int, off: int, chance: Random) -> MultipleResults[str]:
        """Go on to where a spend leaves a window, in seconds, and spend then: its bucket keeps it there for longer."""
        edges = sorted(
            (entry.at + window.seconds + off, session_id)
            for spend in self.model.spends.values()
            for session_id in spend.counts_in
            for limits in [self.driver.lineage(session_id)[0].policy.limits(spend.currency)]
            if limits is not None
            for window in limits.windows
            for entry in spend.entries
            if entry.at + window.seconds + off > self.driver.now()
        )
        if not edges:
            return multiple()
        at, session = edges[number % len(edges)]
        self.driver.wait(at - self.driver.now())
        return multiple(*(hold for _ in range(3) for hold in self.place(session, spend_shape(chance))))

    @rule(target=HoldRules.placed, number=st.integers(0, 99), revokes=st.booleans(), chance=CHANCES)
    def place_below_what_stops(self, number: int, revokes: bool, chance: Random) -> MultipleResults[str]:
        """Stop the one above, by revoking it or for a while, and spend from the one below."""
        below = [one for one in self.model.sessions if self.lives(one) and self.model.sessions[one].parent]
        if not below:
            return multiple()
        session = below[number % len(below)]
        above = self.model.sessions[session].parent
        assert above is not None
        self.revoke(above, sure=revokes)
        self.pause_or_resume(above, paused=not revokes)
        found = self.place(session, spend_shape(chance))
        self.pause_or_resume(above, paused=False)
        return multiple(*found)

    @rule(target=HoldRules.placed, session=sessions, chance=CHANCES)
    def place_in_any(self, session: str, chance: Random) -> MultipleResults[str]:
        return multiple(*self.place(session, spend_shape(chance)))

    @rule(target=HoldRules.placed, session=sessions, sure=RARELY, chance=CHANCES)
    def observe(self, session: str, sure: bool, chance: Random) -> str | MultipleResults[str]:
        """Money moves that nobody asked for, whatever the rules say: it counts as if it had been granted."""
        if not sure:
            return multiple()
        self.count += 1
        now, hold_id, request = (
            self.driver.now(),
            f"hld_{self.count}",
            request_of(spend_shape(chance), self.count),
        )
        seen, moved = self.driver.observe(session, hold_id, request), counted_units(request)
        assert (seen.state, seen.amount, seen.captured, seen.was_asked) == ("captured", moved, moved, False)
        self.model.tell(session)
        names, terms = set(self.model.lineage(session)), self.model.terms(session)
        spend = Spend(
            hold_id, session, request, moved, now, "captured", names, terms, [Entry(now, moved)], moved
        )
        lineage = self.driver.lineage(session)
        spend.uncounted = {one.id for one in lineage if one.policy.limits(spend.currency) is None}
        self.model.spends[hold_id] = spend
        return hold_id

    def place(self, session: str, shape: Shape) -> list[str]:
        """The hold's id, or nothing when it was refused."""
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
            return []
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
        return [hold_id]


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

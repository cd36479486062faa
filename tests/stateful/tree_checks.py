"""What is true of every decision in a tree of sessions, as the model's own sums say it."""

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.stateful.tree_drivers import Ask, Driver
from tests.stateful.tree_model import Entry, Model, Spend
from tests.stateful.tree_shapes import counted_units
from valetkey.core.commands import Command
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Lineage
from valetkey.core.spend import Hold, SpendRequest


class TreeChecks(RuleBasedStateMachine):
    """A driver beside the model. Subclasses say what is driven, and which invariant is watched."""

    watched: ClassVar[str]
    drive: ClassVar[Callable[[], Driver]]

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
        self.model.tell(self.model.spends[hold].session_id)

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

"""The rules under random lives of session trees: each invariant from a seed of its own."""

from hypothesis.stateful import invariant

from tests.stateful.tree_drivers import CoreDriver
from tests.stateful.tree_machine import TreeMachine, explore
from valetkey.core.session import Status, ends_at, remaining, spent_of, status
from valetkey.core.spend import HoldState

EXAMPLES, STEPS = 60, 50


class CoreTrees(TreeMachine):
    """The rules alone, looked at after every step."""

    drive = CoreDriver

    @invariant()
    def the_model_agrees(self) -> None:
        """Every figure of every session is the sum of its holds, and its status follows from what was done to it."""
        for session_id in self.model.sessions:
            lineage = self.driver.lineage(session_id)
            one = lineage[0]
            for currency in one.policy.currencies:
                usage, limits = spent_of(one, currency).usage, one.policy.limits(currency)
                assert limits is not None
                taken = self.model.taken(session_id, currency)
                assert usage.held == self.model.held(session_id, currency)
                assert usage.committed == taken
                left = remaining(one, currency)
                assert left == (None if limits.budget is None else limits.budget - taken)
            assert one.pace.spends == self.model.made(session_id)
            now = self.driver.now()
            found = status(one, now, lineage[1:])
            assert (found is Status.REVOKED) == self.model.revoked(session_id)
            if found is Status.ACTIVE:
                assert now < ends_at(one, lineage[1:])
                assert not self.model.stopped(session_id)

    @invariant()
    def what_was_signed_is_held(self) -> None:
        if self.watched != "UNKNOWN_STAYS_HELD":
            return
        for spend in self.model.spends.values():
            hold = self.driver.hold(spend.id)
            assert (hold.state, hold.captured, hold.refunded) == (spend.state, spend.moved, spend.refunded)
            if spend.signed and spend.is_open:
                assert hold.state is HoldState.UNKNOWN
                for session_id in spend.counts_in:
                    one = self.driver.lineage(session_id)[0]
                    if one.policy.limits(spend.currency) is not None:
                        assert spent_of(one, spend.currency).usage.held >= hold.amount


def test_NO_OVERSPEND_in_any_session_of_a_tree() -> None:
    explore(CoreTrees, "NO_OVERSPEND", 101, examples=EXAMPLES, steps=STEPS)


def test_WINDOW_IS_SLIDING_in_any_session_of_a_tree() -> None:
    explore(CoreTrees, "WINDOW_IS_SLIDING", 102, examples=2 * EXAMPLES, steps=STEPS)


def test_IDEMPOTENT_every_command_of_a_tree() -> None:
    explore(CoreTrees, "IDEMPOTENT", 103, examples=EXAMPLES, steps=STEPS)


def test_UNKNOWN_STAYS_HELD_in_every_session_that_it_counts_in() -> None:
    explore(CoreTrees, "UNKNOWN_STAYS_HELD", 104, examples=EXAMPLES, steps=STEPS)


def test_NARROW_ONLY_what_a_child_may_spend_its_parent_may() -> None:
    explore(CoreTrees, "NARROW_ONLY", 105, examples=EXAMPLES, steps=STEPS)


def test_REVOKED_IS_DEAD_with_everything_below_it() -> None:
    explore(CoreTrees, "REVOKED_IS_DEAD", 106, examples=EXAMPLES, steps=STEPS)

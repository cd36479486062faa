"""Every store under random lives of session trees, through its ports; its audit log tells each decision once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import rule

from tests.stateful.tree_drivers import Driver, StoreDriver
from tests.stateful.tree_machine import RARELY, TreeMachine, explore
from tests.stores.conftest import OPENERS
from tests.stores.making import SystemTime, a_key
from valetkey.core.audit import GENESIS, Head, verify
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Status, spent_of, status
from valetkey.ports.ledger import Spend as Asked

EXAMPLES, STEPS = 15, 40
Opener = Callable[[Path, SystemTime], Any]


class StoreTrees(TreeMachine):
    """A store, looked at when a run is over: what it keeps is what the model knows."""

    driver: StoreDriver
    outlives_its_process = True

    @rule(sure=RARELY)
    def restart(self, sure: bool) -> None:
        if sure and self.outlives_its_process:
            self.driver.restart()

    def look_at_the_end(self) -> None:
        for session_id in self.model.sessions:
            self.look_at(session_id)
        self.look_at_holds()
        if self.watched == "AUDIT_IS_COMPLETE":
            self.look_at_the_log()

    def look_at(self, session_id: str) -> None:
        """The figures are the sums of the holds, and the token says whether the session is dead."""
        lineage = self.driver.lineage(session_id)
        one = lineage[0]
        for currency in one.policy.currencies:
            usage = spent_of(one, currency).usage
            assert usage.held == self.model.held(session_id, currency), "UNKNOWN_STAYS_HELD"
            assert usage.committed == self.model.taken(session_id, currency), "NO_OVERSPEND"
        assert one.pace.spends == self.model.made(session_id)
        record = self.driver.store.authenticate(self.driver.tokens[session_id])
        found = status(record.session, self.driver.now(), record.ancestors)
        assert (found is Status.REVOKED) == self.model.revoked(session_id), "REVOKED_IS_DEAD"

    def look_at_holds(self) -> None:
        """Every hold is in the state that it was brought to, and its key still answers it, and nothing else."""
        for spend in self.model.spends.values():
            hold = self.driver.hold(spend.id)
            assert (hold.state, hold.captured, hold.refunded) == (spend.state, spend.moved, spend.refunded)
            if spend.id not in self.asks:
                assert self.driver.observe(spend.session_id, spend.id, spend.request) == hold, "IDEMPOTENT"
                continue
            ask = self.asks[spend.id]
            assert self.driver.place_again(ask) == hold, "IDEMPOTENT"
            other = Asked(ask.session_id, spend.id, ask.request, ask.expires_at)
            refused = self.driver.store.hold_spend(other, a_key(spend.id, "another body"))
            assert isinstance(refused, Refused)
            assert refused.first.code is Code.IDEMPOTENCY_MISMATCH

    def look_at_the_log(self) -> None:
        """Each chain holds up to the head that the store names; an entry for each decision, yes and no."""
        heads = {head.chain_id: head for head in self.driver.store.heads(self.driver.owner.id)}
        told = dict(self.model.told)
        # The owner's own chain begins with the key that it registered with.
        told[self.driver.owner.id] = told.pop("owner", 0) + 1
        assert {one: head.seq for one, head in heads.items()} == told
        for chain_id, head in heads.items():
            entries = self.driver.entries(chain_id)
            assert verify(entries, Head(chain_id, 0, GENESIS)) == head
            # Cut short, it ends elsewhere.
            assert verify(entries[:-1], Head(chain_id, 0, GENESIS)) != head


def stored(opener: Opener, *, outlives_its_process: bool) -> type[StoreTrees]:
    def drive() -> Driver:
        return StoreDriver(opener)

    members = {"drive": staticmethod(drive), "outlives_its_process": outlives_its_process}
    return type("StoreTrees", (StoreTrees,), members)


@pytest.fixture(params=sorted(OPENERS))
def machine(request: pytest.FixtureRequest) -> type[StoreTrees]:
    return stored(OPENERS[request.param], outlives_its_process=request.param != "memory")


def test_NO_OVERSPEND_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "NO_OVERSPEND", 201, examples=EXAMPLES, steps=STEPS)


def test_WINDOW_IS_SLIDING_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "WINDOW_IS_SLIDING", 202, examples=EXAMPLES, steps=STEPS)


def test_IDEMPOTENT_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "IDEMPOTENT", 203, examples=EXAMPLES, steps=STEPS)


def test_UNKNOWN_STAYS_HELD_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "UNKNOWN_STAYS_HELD", 204, examples=EXAMPLES, steps=STEPS)


def test_NARROW_ONLY_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "NARROW_ONLY", 205, examples=EXAMPLES, steps=STEPS)


def test_REVOKED_IS_DEAD_in_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "REVOKED_IS_DEAD", 206, examples=EXAMPLES, steps=STEPS)


def test_AUDIT_IS_COMPLETE_for_a_stored_tree(machine: type[StoreTrees]) -> None:
    explore(machine, "AUDIT_IS_COMPLETE", 207, examples=EXAMPLES, steps=STEPS)

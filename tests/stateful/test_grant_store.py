"""Random lives of grants in every store, beside a list of what was done: what stops a session stops its grants."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.stores.blocking import Blocking
from tests.stores.conftest import OPENERS, make_market
from tests.stores.making import HOUR, SystemTime, a_session, code, digest
from tests.stores.making_grants import CHAIN, FREE, OTHER_CHAIN, a_grant, a_relay
from tests.stores.test_trees import a_child
from valetkey.core.audit import GENESIS, Head, verify
from valetkey.core.grant import NOTHING
from valetkey.core.session import Status, status
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.wire.grants import grant_hash

Opener = Callable[[Path, SystemTime], Any]
NUMBERS = st.integers(0, 99)
CHAINS = st.sampled_from([CHAIN, CHAIN, OTHER_CHAIN])
SESSIONS_MAX = 8


class GrantMachine(RuleBasedStateMachine):
    """Trees of one owner. `given` is in the order in which it was given."""

    opener: ClassVar[Opener]
    outlives_its_process: ClassVar[bool]
    seen: ClassVar[Counter[str]]
    """What the runs came by: a machine that never gets anywhere proves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder, self.time = Path(tempfile.mkdtemp()), SystemTime()
        self.store = self._open()
        self.owner = make_market(self.store).owner
        self.records: list[SessionRecord] = []
        self.parents: dict[str, str | None] = {}
        self.revoked: dict[str, int] = {}
        self.given: list[SignedGrant] = []
        self.queued: set[bytes] = set()
        self.told: Counter[str] = Counter()

    def _open(self) -> Blocking:
        return Blocking(type(self).opener(self.folder, self.time))

    def teardown(self) -> None:
        try:
            self.look_at_the_log()
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.open()

    @rule()
    def open(self) -> None:
        if len(self.records) < SESSIONS_MAX:
            record = a_session(self.owner, None, expires_at=int(self.time.seconds) + 9 * HOUR)
            self.store.add_session(record, digest(record.alias))
            self.records.append(record)
            self.parents[record.session.id] = None

    @rule(number=NUMBERS)
    def attenuate(self, number: int) -> None:
        parent = self.some(number)
        answer = self.store.add_children([a_child(parent.session.id, budget=1)])
        if isinstance(answer, list) and len(self.records) < SESSIONS_MAX:
            self.records += answer
            self.parents[answer[0].session.id] = parent.session.id

    @rule(number=NUMBERS)
    def rotate(self, number: int) -> None:
        old = self.store.session(self.some(number).session.id)
        is_over = old.session.revoked_at is not None or old.session.successor_id is not None
        if is_over or len(self.records) >= SESSIONS_MAX or self.dead(old.session.id) is not None:
            return
        new = a_session(self.owner, None, expires_at=int(self.time.seconds) + 9 * HOUR, funding=old.funding)
        made = self.store.rotate_session(old.session.id, new, digest(new.alias), grace_seconds=60, carry=True)
        assert made.funding is old.funding
        self.records.append(made)
        self.parents[made.session.id] = self.parents[old.session.id]
        self.parents[old.session.id] = made.session.id

    @rule(number=NUMBERS, sure=st.sampled_from([True, False, False, False]))
    def revoke(self, number: int, sure: bool) -> None:
        if sure:
            self.revoke_one(self.some(number).session.id)

    def revoke_one(self, session_id: str) -> None:
        self.store.revoke_session(session_id)
        self.revoked.setdefault(session_id, self.now())

    @rule(number=NUMBERS)
    def revoke_above_a_grant(self, number: int) -> None:
        """The parent of a session that has a grant, or what took its place."""
        found = [(one, above) for one in self.given if (above := self.parents[one.session_id])]
        if found:
            one, above = found[number % len(found)]
            self.seen["stopped from above"] += self.dead(one.session_id) is None
            self.revoke_one(above)

    @rule(number=NUMBERS, chain=CHAINS, follows=st.booleans(), epoch=st.integers(0, 2))
    def give(self, number: int, chain: int, follows: bool, epoch: int) -> None:
        self.give_to(self.some(number).session.id, chain, follows, epoch)

    @rule(number=NUMBERS, follows=st.booleans())
    def give_to_one_that_lives(self, number: int, follows: bool) -> None:
        living = [one.session.id for one in self.records if self.dead(one.session.id) is None]
        if living:
            self.give_to(living[number % len(living)], CHAIN, follows, 0)

    @rule(number=NUMBERS)
    def give_a_successor(self, number: int) -> None:
        if self.given:
            one = self.given[number % len(self.given)]
            self.give_to(one.session_id, one.chain_id, follows=True, epoch=0)

    def give_to(self, session_id: str, chain: int, follows: bool, epoch: int) -> None:
        record = self.store.session(session_id)
        before = self.last(session_id, chain)
        predecessor = NOTHING if before is None or not follows else grant_hash(before.grant)
        wanted = a_grant(self.owner, record, chain_id=chain, predecessor=predecessor, epoch=epoch)
        answer = self.store.add_grant(wanted, "owner")
        if self.dead(session_id) is not None:
            assert code(answer) == "session_revoked"
        elif status(record.session, self.now(), record.ancestors) is Status.EXPIRED:
            assert code(answer) == "session_expired"
        elif before is not None and before.revoked_at is None and not follows:
            assert code(answer) == "grant_exists"
        else:
            assert answer == replace(wanted, made_at=self.now())
            self.given.append(answer)
            self.seen["successors"] += follows and before is not None
            self.told["grant_given"] += 1

    @rule(number=NUMBERS)
    def give_again(self, number: int) -> None:
        if self.given:
            one = self.given[number % len(self.given)]
            assert self.store.add_grant(one, "somebody") == self.as_it_is(one)

    @rule(number=NUMBERS, known=st.booleans())
    def show(self, number: int, known: bool) -> None:
        if not self.given:
            return
        at = number % len(self.given)
        one, field = self.given[at], "known_at" if known else "revoked_at"
        (self.store.grant_known if known else self.store.grant_revoked)(one.chain_id, one.id, number)
        if getattr(one, field) is None:
            self.given[at] = replace(one, **{field: number})
            self.told["grant_known" if known else "grant_revoked"] += 1

    @rule(chain=CHAINS, epoch=st.integers(0, 3), sure=st.sampled_from([True, False, False]))
    def revoke_epochs(self, chain: int, epoch: int, sure: bool) -> None:
        if not sure:
            return
        self.store.owner_revoked_all(chain, self.owner.wallet_address, epoch, 7)
        for at, one in enumerate(self.given):
            if one.chain_id == chain and one.grant.epoch < epoch and one.revoked_at is None:
                self.given[at] = replace(one, revoked_at=7)
                self.told["grant_revoked"] += 1

    @rule(number=NUMBERS)
    def queue_a_revocation(self, number: int) -> None:
        due = self.store.grants_to_revoke(CHAIN, 100)
        if due:
            one = due[number % len(due)]
            self.store.queue_relay(a_relay(f"revoke {one.id.hex()}"), FREE)
            self.queued.add(one.id)

    @rule(seconds=st.sampled_from([1, 30, HOUR]))
    def wait(self, seconds: int) -> None:
        self.time.seconds += seconds

    @rule()
    def restart(self) -> None:
        if self.outlives_its_process:
            self.store.close()
            self.store = self._open()

    def now(self) -> int:
        now: int = self.store.clock.now()
        return now

    def some(self, number: int) -> SessionRecord:
        return self.records[number % len(self.records)]

    def dead(self, session_id: str) -> int | None:
        """Since when it is revoked, itself or by one above it."""
        found: list[int] = []
        wanted: str | None = session_id
        while wanted is not None:
            if wanted in self.revoked:
                found.append(self.revoked[wanted])
            wanted = self.parents[wanted]
        return min(found, default=None)

    def last(self, session_id: str, chain: int) -> SignedGrant | None:
        mine = [one for one in self.given if (one.session_id, one.chain_id) == (session_id, chain)]
        return mine[-1] if mine else None

    def as_it_is(self, one: SignedGrant) -> SignedGrant:
        stopped = self.store.grant(one.chain_id, one.id).stopped_at
        assert (stopped is None) == (self.dead(one.session_id) is None), "REVOKED_IS_DEAD"
        return replace(one, stopped_at=stopped)

    @invariant()
    def grants_are_what_was_done(self) -> None:
        now = [self.as_it_is(one) for one in self.given]
        assert [self.store.grant(one.chain_id, one.id) for one in now] == now
        assert self.store.grants_of_owner(self.owner.id, 1_000, 0) == (now[::-1], len(now))
        due = [one for one in now if one.stopped_at is not None and one.revoked_at is None]
        due = [one for one in due if one.chain_id == CHAIN and one.id not in self.queued]
        self.seen["two to revoke"] += len(due) > 1
        assert self.store.grants_to_revoke(CHAIN, 100) == sorted(due, key=lambda one: one.stopped_at or 0)
        for record in self.records:
            session_id = record.session.id
            mine = self.last(session_id, CHAIN)
            assert self.store.grant_of_session(session_id, CHAIN) == (mine and self.as_it_is(mine))
            pays = record.funding is Funding.GRANT or any(one.session_id == session_id for one in self.given)
            assert (self.store.session(session_id).funding is Funding.GRANT) == pays

    def look_at_the_log(self) -> None:
        """AUDIT_IS_COMPLETE: each thing once."""
        told: Counter[str] = Counter()
        for head in self.store.heads(self.owner.id):
            entries = self.store.audit(self.owner.id, head.chain_id, 0, 10_000)
            assert verify(entries, Head(head.chain_id, 0, GENESIS)) == head
            told.update(entry.kind for entry, _ in entries if entry.kind.startswith("grant_"))
        assert told == self.told


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_REVOKED_IS_DEAD_and_AUDIT_IS_COMPLETE_of_grants(name: str) -> None:
    seen: Counter[str] = Counter()
    members = {
        "opener": staticmethod(OPENERS[name]),
        "outlives_its_process": name != "memory",
        "seen": seen,
    }
    run_state_machine_as_test(
        seed(301)(type("GrantMachine", (GrantMachine,), members)),
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(seen)
    assert min(seen[one] for one in ("stopped from above", "successors", "two to revoke")) > 3

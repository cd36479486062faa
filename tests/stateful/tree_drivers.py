"""What the machine of session trees drives: the rules themselves, with dicts for a store, or a real store."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tests.stores.blocking import Blocking
from tests.stores.conftest import make_market
from tests.stores.making import HOUR, SystemTime, a_key, a_session, an_address, an_id, digest
from valetkey.core.audit import Entry
from valetkey.core.commands import Command, Execute, Observe, PlaceHold
from valetkey.core.ids import Kind
from valetkey.core.ledger import State, apply
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.session import Lineage, Role, Session, Usage
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.tree import Narrowing, attenuate, extend, rotate, rotations
from valetkey.ports.accounts import Child
from valetkey.ports.ledger import Asking, Spend, SpendRecord

BEGINS = 1_800_000_000
OWNER = "agt_1"


@dataclass(frozen=True)
class Ask:
    """A spend: who asks, for what, until when it is held, and until when it may wait for approval."""

    session_id: str
    hold_id: str
    request: SpendRequest
    expires_at: int
    approval_ends_at: int | None
    body: str = "body"


class Driver(Protocol):
    """Trees of one owner. What contradicts the state of things raises, and changes nothing."""

    def now(self) -> int: ...
    def wait(self, seconds: int) -> None: ...
    def open(self, policy: Policy) -> str: ...
    def lineage(self, session_id: str) -> Lineage: ...
    def hold(self, hold_id: str) -> Hold: ...
    def place(self, ask: Ask) -> Hold | Refused: ...
    def place_again(self, ask: Ask) -> Hold | Refused: ...
    def execute(self, ask: Ask) -> Hold | Refused: ...
    def observe(self, session_id: str, hold_id: str, request: SpendRequest) -> Hold: ...
    def settle(self, hold_id: str, command: Command) -> Hold | Refused: ...
    def attenuate(self, parent_id: str, narrowing: Narrowing) -> str | Refused: ...
    def rotate(self, session_id: str, policy: Policy, grace: int, *, carry: bool) -> str: ...
    def extend(self, session_id: str, expires_at: int, budget: int | None) -> bool | Refused: ...
    def revoke(self, session_id: str) -> None: ...
    def pause(self, session_id: str, *, paused: bool) -> None: ...
    def freeze(self, *, frozen: bool) -> None: ...
    def close(self) -> None: ...


@dataclass
class CoreDriver:
    """The rules alone. Every command that passes is applied once more and must change nothing: IDEMPOTENT."""

    time: int = BEGINS
    sessions: dict[str, Session] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    frozen: bool = False

    def now(self) -> int:
        return self.time

    def wait(self, seconds: int) -> None:
        self.time += seconds

    def open(self, policy: Policy) -> str:
        session_id = f"ses_{len(self.sessions)}"
        self.sessions[session_id] = Session(session_id, OWNER, Role.BUYER, policy, Usage(), self.time)
        return session_id

    def lineage(self, session_id: str) -> Lineage:
        found, wanted = [], session_id
        while wanted:
            one = self.sessions[wanted]
            found.append(replace(one, frozen_at=self.time if self.frozen else None))
            wanted = one.parent_id or ""
        return tuple(found)

    def hold(self, hold_id: str) -> Hold:
        return self.holds[hold_id]

    def place(self, ask: Ask) -> Hold | Refused:
        command = PlaceHold(ask.hold_id, ask.request, ask.expires_at, ask.approval_ends_at)
        return self._run(self.lineage(ask.session_id), None, command)

    def place_again(self, ask: Ask) -> Hold | Refused:
        command = PlaceHold(ask.hold_id, ask.request, ask.expires_at, ask.approval_ends_at)
        return self._run(self.lineage(ask.session_id), self.holds[ask.hold_id], command)

    def execute(self, ask: Ask) -> Hold | Refused:
        return self.settle(ask.hold_id, Execute(ask.request, ask.expires_at))

    def observe(self, session_id: str, hold_id: str, request: SpendRequest) -> Hold:
        seen = self._run(self.lineage(session_id), self.holds.get(hold_id), Observe(hold_id, request))
        assert isinstance(seen, Hold), "what moved is never refused"
        return seen

    def settle(self, hold_id: str, command: Command) -> Hold | Refused:
        hold = self.holds[hold_id]
        return self._run(self.lineage(hold.session_id), hold, command)

    def _run(self, lineage: Lineage, hold: Hold | None, command: Command) -> Hold | Refused:
        after = apply(State(lineage[0], hold, lineage[1:]), command, self.time)
        if isinstance(after, Refused):
            return after
        assert after.hold is not None
        assert apply(after, command, self.time) == after, "IDEMPOTENT"
        self.sessions |= {one.id: one for one in after.lineage}
        self.holds[after.hold.id] = after.hold
        return after.hold

    def attenuate(self, parent_id: str, narrowing: Narrowing) -> str | Refused:
        child_id = f"ses_{len(self.sessions)}"
        parent, *ancestors = self.lineage(parent_id)
        count = sum(one.tree == parent.tree for one in self.sessions.values())
        child = attenuate(parent, tuple(ancestors), narrowing, child_id, count, self.time)
        if isinstance(child, Refused):
            return child
        self.sessions[child_id] = child
        return child_id

    def rotate(self, session_id: str, policy: Policy, grace: int, *, carry: bool) -> str:
        new_id = f"ses_{len(self.sessions)}"
        before = self.lineage(session_id)[0]
        count = sum(one.tree == before.tree for one in self.sessions.values())
        successors = {one.id: one.successor_id for one in self.sessions.values() if one.successor_id}
        done = rotate(
            before,
            new_id,
            policy,
            grace,
            self.time,
            carry=carry,
            tree_sessions=count,
            rotated=rotations(session_id, successors),
        )
        assert not isinstance(done, Refused), "so few have room"
        new, old = done
        self.sessions |= {new_id: new, session_id: old}
        return new_id

    def extend(self, session_id: str, expires_at: int, budget: int | None) -> bool | Refused:
        before = self.lineage(session_id)[0]
        after = extend(before, expires_at, budget, self.time)
        if isinstance(after, Refused):
            return after
        self.sessions[session_id] = after
        return after is not before

    def revoke(self, session_id: str) -> None:
        if self.sessions[session_id].revoked_at is None:
            self._put(session_id, revoked_at=self.time)

    def pause(self, session_id: str, *, paused: bool) -> None:
        self._put(session_id, paused_at=self.time if paused else None)

    def freeze(self, *, frozen: bool) -> None:
        self.frozen = frozen

    def close(self) -> None:
        """Nothing is kept outside."""

    def _put(self, session_id: str, **facts: Any) -> None:
        self.sessions[session_id] = replace(self.sessions[session_id], **facts)


class StoreDriver:
    """A store behind its ports, in a folder of its own. Every spend brings an idempotency key."""

    def __init__(self, opener: Callable[[Path, SystemTime], Any]) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self.time = SystemTime()
        self._open = lambda: Blocking(opener(self._folder, self.time))
        self.store = self._open()
        self.owner = make_market(self.store).owner
        self.tokens: dict[str, bytes] = {}

    def restart(self) -> None:
        """Close the store and open it again: what it answered is still there."""
        self.store.close()
        self.store = self._open()

    def now(self) -> int:
        now: int = self.store.clock.now()
        return now

    def wait(self, seconds: int) -> None:
        self.time.seconds += seconds

    def open(self, policy: Policy) -> str:
        record = self._record(policy)
        self.store.add_session(record, self._token(record.session.id))
        return record.session.id

    def lineage(self, session_id: str) -> Lineage:
        record = self.store.session(session_id)
        return (record.session, *record.ancestors)

    def hold(self, hold_id: str) -> Hold:
        found: Hold = self.store.hold(hold_id)
        return found

    def place(self, ask: Ask) -> Hold | Refused:
        return self._ask(ask, ask.hold_id)

    def place_again(self, ask: Ask) -> Hold | Refused:
        return self._ask(replace(ask, hold_id=an_id(Kind.HOLD)), ask.hold_id)

    def execute(self, ask: Ask) -> Hold | Refused:
        again = an_id(Kind.HOLD)
        return self._ask(replace(ask, hold_id=again), again)

    def _ask(self, ask: Ask, key: str) -> Hold | Refused:
        spend = Spend(ask.session_id, ask.hold_id, ask.request, ask.expires_at)
        asking = None if ask.approval_ends_at is None else Asking(ask.approval_ends_at)
        return _hold_of(self.store.hold_spend(spend, a_key(key, ask.body), asking))

    def observe(self, session_id: str, hold_id: str, request: SpendRequest) -> Hold:
        seen: SpendRecord = self.store.observe(Spend(session_id, hold_id, request, 0), by="platform")
        return seen.hold

    def settle(self, hold_id: str, command: Command) -> Hold | Refused:
        return _hold_of(self.store.settle(hold_id, command, by="owner"))

    def attenuate(self, parent_id: str, narrowing: Narrowing) -> str | Refused:
        child_id = an_id(Kind.SESSION)
        alias, address = an_id(Kind.BUYER_ALIAS), an_address()
        child = Child(child_id, parent_id, narrowing, alias, address, None, self._token(child_id))
        made = self.store.add_children([child])
        if isinstance(made, Refused):
            return made
        # A child that is known already stays as it is, and is no second decision.
        assert [one.session.id for one in self.store.add_children([child])] == [child_id]
        return child_id

    def rotate(self, session_id: str, policy: Policy, grace: int, *, carry: bool) -> str:
        record = self._record(policy)
        token = self._token(record.session.id)
        done = self.store.rotate_session(session_id, record, token, grace_seconds=grace, carry=carry)
        assert not isinstance(done, Refused), "so few have room"
        return record.session.id

    def extend(self, session_id: str, expires_at: int, budget: int | None) -> bool | Refused:
        before = self.store.session(session_id).session
        after = self.store.extend_session(session_id, expires_at, budget, "owner")
        return after if isinstance(after, Refused) else after.session.policy != before.policy

    def revoke(self, session_id: str) -> None:
        self.store.revoke_session(session_id)

    def pause(self, session_id: str, *, paused: bool) -> None:
        self.store.pause_session(session_id, paused=paused)

    def freeze(self, *, frozen: bool) -> None:
        self.store.freeze(self.owner.id, frozen=frozen)

    def entries(self, chain_id: str) -> list[tuple[Entry, bytes]]:
        found: list[tuple[Entry, bytes]] = self.store.audit(self.owner.id, chain_id, 0, 10_000)
        return found

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self._folder)

    def _record(self, policy: Policy) -> Any:
        record = a_session(self.owner, expires_at=BEGINS + 10 * HOUR)
        return replace(record, session=replace(record.session, policy=policy, created_at=self.now()))

    def _token(self, session_id: str) -> bytes:
        self.tokens[session_id] = digest(f"token of {session_id}")
        return self.tokens[session_id]


def _hold_of(answer: SpendRecord | Refused) -> Hold | Refused:
    return answer if isinstance(answer, Refused) else answer.hold

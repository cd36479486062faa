"""The checker finds every violation that is planted into a database that held."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import make_market
from tests.stores.making import (
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_key,
    a_session,
    an_address,
    an_id,
    digest,
)
from torture.checking import check, placed_between
from torture.facts import Facts
from torture.journal import Acknowledged, Told, read
from torture.stores import Sqlite
from valetkey.core.audit import GENESIS, Entry, entry_hash
from valetkey.core.audit import Kind as What
from valetkey.core.commands import Capture, MarkUnknown, Refund, Void
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.spend import SpendRequest
from valetkey.core.tree import Narrowing
from valetkey.core.windows import Window
from valetkey.ports.accounts import Child
from valetkey.ports.ledger import Spend
from valetkey.stores.sqlite import open_store

FOREVER = float(2**31)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, Told]:
    """A tree with a rotated child, holds in every state, a refusal, anchors; and what its clients were told."""
    folder = tmp_path_factory.mktemp("held")
    time, told = SystemTime(), Told()
    engine = Sqlite(folder)
    store = Blocking(open_store(Path(engine.url), system_time=time))
    owner = make_market(store).owner
    root = a_session(owner, 1_000, windows=(Window(10, 700),), spends_max=50)
    store.add_session(root, digest("root"))
    child = Child(
        an_id(Kind.SESSION),
        root.session.id,
        Narrowing(budget=500),
        "bya_1",
        an_address(),
        None,
        digest("child"),
    )
    store.add_children([child])

    def hold(session_id: str, units: int) -> Any:
        request = SpendRequest(Money(units, USDC), None, None, "payment")
        key = f"{len(told.holds)}"
        wanted = Spend(session_id, an_id(Kind.HOLD), request, NOW + HOUR)
        done = store.hold_spend(wanted, a_key(key, scope=f"spend {session_id}"))
        now = float(len(told.holds))
        told.holds.append(Acknowledged(key, done.hold.id, session_id, units, now + 0.2, now + 0.8))
        return done.hold

    def move(one: Any, *commands: Any) -> None:
        for command in commands:
            after = store.settle(one.id, command, by="owner").hold
        told.moved[one.id] = (str(after.state), after.captured)

    hold(root.session.id, 100)
    move(hold(child.id, 40), Capture(30), Refund(5))
    move(hold(child.id, 41), Void())
    move(hold(child.id, 42), MarkUnknown())
    request = SpendRequest(Money(5_000, USDC), None, None, "payment")
    store.hold_spend(Spend(child.id, an_id(Kind.HOLD), request, NOW + HOUR), None)
    told.refused = 1
    store.anchor(10)
    time.seconds += 5
    new = a_session(owner, 500)
    store.rotate_session(child.id, new, digest("new"), grace_seconds=60, carry=True, answer=None, by="owner")
    hold(child.id, 43)
    hold(new.session.id, 44)
    store.revoke_session(new.session.id, by="owner")
    told.stops.append((new.session.id, 6.0, FOREVER))
    store.anchor(10)
    store.close()
    return engine.read(), told


@pytest.fixture
def facts(held: tuple[Facts, Told]) -> Facts:
    return deepcopy(held[0])


@pytest.fixture
def told(held: tuple[Facts, Told]) -> Told:
    return deepcopy(held[1])


def test_a_database_that_held_has_no_violation(facts: Facts, told: Told) -> None:
    assert check(facts, told) == []
    assert len(facts.holds) == 6
    assert {one.state for one in facts.holds.values()} == {"held", "captured", "voided", "unknown"}
    assert sum(entry.kind is What.ANCHOR for chain in facts.entries.values() for entry, _ in chain) >= 2


def tree_of(facts: Facts) -> str:
    """The id of the tree, which is that of its root."""
    return next(iter(facts.sessions.values())).tree_id


def retold(facts: Facts, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Another story in the tree's chain, with hashes that fit."""
    tree = tree_of(facts)
    head, chain = GENESIS, []
    for number, entry in enumerate(change([entry for entry, _ in facts.entries[tree]]), 1):
        entry = replace(entry, seq=number)
        head = entry_hash(head, entry)
        chain.append((entry, head))
    facts.entries[tree] = chain
    facts.chains[tree] = (len(chain), head, 0)


def in_body(entry: Entry, **facts: Any) -> Entry:
    return replace(entry, body=json.dumps(json.loads(entry.body) | facts, sort_keys=True))


def with_policy(**rules: Any) -> Callable[[list[Entry]], list[Entry]]:
    """The root as if it had always had these rules."""

    def change(chain: list[Entry]) -> list[Entry]:
        policy = json.loads(json.loads(chain[0].body)["policy"]) | rules
        return [in_body(chain[0], policy=json.dumps(policy)), *chain[1:]]

    return change


def revoked_first(chain: list[Entry]) -> list[Entry]:
    """The root is revoked before anything is spent."""
    revoked = replace(chain[0], kind=What.REVOKED, body='{"by":"owner"}')
    return [chain[0], revoked, *chain[1:]]


def lapsed_unknown(chain: list[Entry]) -> list[Entry]:
    (marked,) = [one for one in chain if one.kind is What.MARKED_UNKNOWN]
    lapsed = in_body(
        replace(marked, kind=What.EXPIRED, at=chain[-1].at), **{"from": "unknown", "state": "expired"}
    )
    return [*chain, lapsed]


def placed_twice(chain: list[Entry]) -> list[Entry]:
    first = next(one for one in chain if one.kind is What.HOLD_PLACED)
    return [*chain, replace(first, at=chain[-1].at)]


def other_key(facts: Facts, told: Told) -> None:
    facts.keys[f"spend {told.holds[0].session_id}", "another"] = told.holds[0].hold_id


def other_hold(facts: Facts, told: Told) -> None:
    one = told.holds[0]
    facts.keys[f"spend {one.session_id}", one.key] = told.holds[1].hold_id


def other_figures(facts: Facts, told: Told) -> None:
    facts.figures[tree_of(facts)][1][0] -= 1


def other_body(facts: Facts, told: Told) -> None:
    chain = facts.entries[tree_of(facts)]
    chain[2] = (in_body(chain[2][0], amount="1"), chain[2][1])


def other_head(facts: Facts, told: Told) -> None:
    tree = tree_of(facts)
    number, _, anchored = facts.chains[tree]
    facts.chains[tree] = (number, b"\1" * 32, anchored)


def anchored_beyond(facts: Facts, told: Told) -> None:
    tree = tree_of(facts)
    number, head, _ = facts.chains[tree]
    facts.chains[tree] = (number, head, number + 1)


def hold(facts: Facts, told: Told, number: int) -> Any:
    return facts.holds[told.holds[number].hold_id]


Plant = Callable[[Facts, Told], object]

PLANTS: dict[str, tuple[str, Plant]] = {
    "a hold is gone": ("ACKNOWLEDGED", lambda f, t: f.holds.pop(t.holds[0].hold_id)),
    "a hold of another amount": ("ACKNOWLEDGED", lambda f, t: setattr(hold(f, t, 0), "amount", 99)),
    "a hold of another session": (
        "ACKNOWLEDGED",
        lambda f, t: setattr(hold(f, t, 1), "session_id", tree_of(f)),
    ),
    "a hold that nobody was told of": ("ACKNOWLEDGED", lambda f, t: t.holds.pop()),
    "a void that was forgotten": ("ACKNOWLEDGED", lambda f, t: setattr(hold(f, t, 2), "state", "held")),
    "a capture of something else": ("ACKNOWLEDGED", lambda f, t: setattr(hold(f, t, 1), "captured", 29)),
    "two keys for one hold": ("IDEMPOTENT", other_key),
    "a key that names another hold": ("IDEMPOTENT", other_hold),
    "a key that was forgotten": ("IDEMPOTENT", lambda f, t: f.keys.clear()),
    "a hold that was placed twice": ("IDEMPOTENT", lambda f, t: retold(f, placed_twice)),
    "more than the budget": ("NO_OVERSPEND", lambda f, t: f.sessions[tree_of(f)].policy.update(budget=200)),
    "more spends than allowed": (
        "NO_OVERSPEND",
        lambda f, t: f.sessions[tree_of(f)].policy.update(spends_max=4),
    ),
    "more than the budget for a while": ("NO_OVERSPEND", lambda f, t: retold(f, with_policy(budget=180))),
    "more spends for a while": ("NO_OVERSPEND", lambda f, t: retold(f, with_policy(spends_max=3))),
    "more than the window": (
        "WINDOW_IS_SLIDING",
        lambda f, t: f.sessions[tree_of(f)].policy.update(windows=[[10, 200]]),
    ),
    "more than the window for a while": (
        "WINDOW_IS_SLIDING",
        lambda f, t: retold(f, with_policy(windows=[[5, 170]])),
    ),
    "figures that do not add up": ("FIGURES", other_figures),
    "a hold after a revoke": ("REVOKED_IS_DEAD", lambda f, t: t.stops.append((tree_of(f), 1.0, FOREVER))),
    "a hold while all was frozen": ("REVOKED_IS_DEAD", lambda f, t: t.stops.append(("", 2.0, 3.0))),
    "a hold after a revoke in the log": ("REVOKED_IS_DEAD", lambda f, t: retold(f, revoked_first)),
    "a hold after the end of its session": (
        "REVOKED_IS_DEAD",
        lambda f, t: retold(f, with_policy(expires_at=NOW)),
    ),
    "an unknown hold that was given back": ("UNKNOWN_STAYS_HELD", lambda f, t: retold(f, lapsed_unknown)),
    "an entry that was changed": ("AUDIT_IS_COMPLETE", other_body),
    "a chain whose end was cut": ("AUDIT_IS_COMPLETE", lambda f, t: f.entries[tree_of(f)].pop()),
    "a chain without entries": ("AUDIT_IS_COMPLETE", lambda f, t: f.entries.pop(tree_of(f))),
    "a chain without a head": ("AUDIT_IS_COMPLETE", lambda f, t: f.chains.pop(tree_of(f))),
    "another head": ("AUDIT_IS_COMPLETE", other_head),
    "a story that was written anew": ("AUDIT_IS_COMPLETE", lambda f, t: retold(f, with_policy(label="x"))),
    "an anchor beyond the end": ("AUDIT_IS_COMPLETE", anchored_beyond),
    "a refusal that is not in the log": ("AUDIT_IS_COMPLETE", lambda f, t: setattr(t, "refused", 2)),
    "a hold that the log says is elsewhere": (
        "AUDIT_IS_COMPLETE",
        lambda f, t: setattr(hold(f, t, 3), "state", "held"),
    ),
    "a database that is broken": ("DATABASE", lambda f, t: f.problems.append("row missing from index")),
    "what a client saw": ("UNEXPECTED", lambda f, t: t.seen.append("UNEXPECTED: a hold was answered 500")),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_violation_is_found(facts: Facts, told: Told, name: str) -> None:
    expected, plant = PLANTS[name]
    plant(facts, told)
    found = check(facts, told)
    assert any(one.startswith(f"{expected}:") for one in found), found


def test_a_hold_whose_answer_nobody_got_may_be_there_or_not(facts: Facts, told: Told) -> None:
    told.doubtful |= {told.holds.pop().key, "never held"}
    assert check(facts, told) == []


def test_a_clock_that_moved_a_decision_is_found(facts: Facts) -> None:
    assert list(placed_between(facts, NOW, NOW + 6)) == []
    assert len(list(placed_between(facts, NOW - 3_600, NOW - 3_590))) == len(facts.holds)
    assert all(one.startswith("CLOCK:") for one in placed_between(facts, NOW + 3_600, NOW + 3_700))


def test_a_journal_is_read_as_it_was_written() -> None:
    lines = [
        b'["hold","0-1","hld_1","ses_1",1500,1.5,2.5]',
        b'["doubt","0-2"]',
        b'["stop","ses_1",3.0,4.0]',
        b'["moved","hld_1","captured",7]',
        b'["refused"]',
        b'["refused"]',
        b'["saw","UNEXPECTED: a thing"]',
    ]
    assert read(lines) == Told(
        holds=[Acknowledged("0-1", "hld_1", "ses_1", 1_500, 1.5, 2.5)],
        doubtful={"0-2"},
        stops=[("ses_1", 3.0, 4.0)],
        moved={"hld_1": ("captured", 7)},
        refused=2,
        seen=["UNEXPECTED: a thing"],
    )
    with pytest.raises(ValueError, match="no lines of kind"):
        read([b'["nonsense"]'])

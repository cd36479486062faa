"""Edges of the rules that somebody might lean on: zeros, huge amounts, whoever is paused, whoever is extended."""

from dataclasses import replace

import pytest

from tests.unit.core.build import BEGINS, ENDS, ETH, NOW, POLICY, SESSION, USDC, session, spend
from valetkey.core.commands import Approve, Execute, Lapse, PlaceHold
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ledger import State, apply
from valetkey.core.limits import Limits
from valetkey.core.money import Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Lineage, Session
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.core.tree import (
    ROTATIONS_MAX,
    TREE_SESSIONS_MAX,
    Narrowing,
    attenuate,
    extend,
    narrow,
    rotate,
    rotations,
)
from valetkey.core.windows import Window

HUGE = 10**30 - 1


def rotated(old: Session, policy: Policy) -> tuple[Session, Session]:
    """The new one and the old one, in a tree that has room."""
    done = rotate(old, "ses_new", policy, 0, NOW, carry=True, tree_sessions=2, rotated=0)
    assert not isinstance(done, Refused)
    return done


def child_of(parent: Session, ancestors: Lineage = (), **rules: object) -> Session:
    made = attenuate(parent, ancestors, Narrowing(**rules), "ses_child", 1, NOW)  # type: ignore[arg-type]
    assert isinstance(made, Session), made
    return made


def codes(answer: Allowed | Refused | State | Session) -> list[Code]:
    assert isinstance(answer, Refused), answer
    return [reason.code for reason in answer.reasons]


def test_a_wait_that_is_over_at_the_first_second_of_all_is_no_wait_without_end() -> None:
    policy = replace(POLICY, approval_above=0)
    placed = apply(State(replace(SESSION, policy=policy)), PlaceHold("hld_1", spend(1), ENDS, 0), NOW)
    assert isinstance(placed, State)
    assert placed.hold is not None
    assert (placed.hold.state, placed.hold.expires_at) == (HoldState.PENDING, 0)
    assert codes(apply(placed, Approve(ENDS), NOW)) == [Code.APPROVAL_STALE]
    assert isinstance(apply(placed, Lapse(), NOW), State)


@pytest.mark.parametrize("limit", ["budget", "per_spend", "windows", "spends_max"])
def test_nothing_is_not_unlimited(limit: str) -> None:
    zero = (Window(60, 0),) if limit == "windows" else 0
    one = replace(SESSION, policy=replace(POLICY, **{limit: zero}))
    assert isinstance(decide(one, spend(1), NOW), Refused)
    # A spend of nothing fits into nothing, unless none may be made.
    assert isinstance(decide(one, spend(0), NOW), Refused) == (limit == "spends_max")
    child = child_of(one)
    assert isinstance(decide(child, spend(1), NOW, (one,)), Refused)
    # And nobody makes more out of it.
    wider = Narrowing(**{limit: (Window(60, 1),) if limit == "windows" else 1})  # type: ignore[arg-type]
    assert codes(narrow(one.policy, wider)) == [Code.NOT_NARROWER]  # type: ignore[arg-type]


def test_amounts_that_no_database_column_holds_are_exact() -> None:
    policy = replace(POLICY, budget=HUGE, windows=(Window(60, HUGE),))
    one = replace(SESSION, policy=policy)
    placed = apply(State(one), PlaceHold("hld_1", spend(HUGE - 1), ENDS), NOW)
    assert isinstance(placed, State)
    assert isinstance(decide(placed.session, spend(1), NOW), Allowed)
    assert codes(decide(placed.session, spend(2), NOW)) == [Code.WINDOW_EXCEEDED, Code.BUDGET_EXCEEDED]


@pytest.mark.parametrize("at", [BEGINS - 1, BEGINS, ENDS - 1, ENDS])
def test_a_life_is_half_open_for_a_session_and_for_everyone_above(at: int) -> None:
    lives = BEGINS <= at < ENDS
    parent = SESSION
    child = replace(child_of(parent), policy=replace(POLICY, not_before=0, expires_at=10 * ENDS))
    assert isinstance(decide(parent, spend(1), at), Allowed) == lives
    assert isinstance(decide(child, spend(1), at, (parent,)), Allowed) == lives


def test_a_child_is_made_under_a_pause_and_spends_nothing_until_it_is_over() -> None:
    parent = session(paused_at=NOW)
    child = child_of(parent)
    assert child.paused_at is None
    assert codes(decide(child, spend(1), NOW, (parent,))) == [Code.SESSION_PAUSED]
    assert isinstance(decide(child, spend(1), NOW, (replace(parent, paused_at=None),)), Allowed)


def test_no_child_is_made_of_what_is_dead_or_over() -> None:
    dead, over = replace(SESSION, revoked_at=NOW), replace(SESSION, policy=replace(POLICY, expires_at=NOW))
    for stopped, code in ((dead, Code.SESSION_REVOKED), (over, Code.SESSION_EXPIRED)):
        child = replace(child_of(SESSION), parent_id=stopped.id)
        assert codes(attenuate(stopped, (), Narrowing(), "ses_2", 1, NOW)) == [code]
        assert codes(attenuate(child, (stopped,), Narrowing(), "ses_2", 1, NOW)) == [code]


def test_NARROW_ONLY_a_child_that_is_extended_beyond_its_parent_ends_with_it() -> None:
    parent = session(budget=10)
    child = child_of(parent, budget=5)
    longer = extend(child, ENDS + 1_000, 1_000, NOW)
    assert isinstance(longer, Session)
    assert codes(decide(longer, spend(1), ENDS, (parent,))) == [Code.SESSION_EXPIRED]
    assert codes(decide(longer, spend(11), NOW, (parent,))) == [Code.BUDGET_EXCEEDED]


def test_NARROW_ONLY_a_rotation_of_a_child_to_a_wider_policy_stays_below_its_parent() -> None:
    parent = session(budget=10, services=frozenset({"svc_1"}))
    wide = Policy(budget=None, expires_at=10 * ENDS, others=(), refunds_restore=True)
    new, old = rotated(child_of(parent, budget=5), wide)
    assert (new.parent_id, old.parent_id) == (parent.id, new.id)
    assert codes(decide(new, spend(11), NOW, (parent,))) == [Code.BUDGET_EXCEEDED]
    assert codes(decide(new, spend(1, service_id="svc_2"), NOW, (parent,))) == [Code.SERVICE_NOT_ALLOWED]


def test_a_rotation_is_one_more_session_of_its_tree() -> None:
    for last, full in ((TREE_SESSIONS_MAX - 1, False), (TREE_SESSIONS_MAX, True)):
        done = rotate(SESSION, "ses_new", POLICY, 0, NOW, carry=True, tree_sessions=last, rotated=0)
        child = attenuate(SESSION, (), Narrowing(), "ses_new", last, NOW)
        assert isinstance(done, Refused) == isinstance(child, Refused) == full
    assert codes(done) == codes(child) == [Code.TREE_FULL]


def test_a_place_is_taken_over_so_often_and_no_more() -> None:
    def once_more(before: int) -> tuple[Session, Session] | Refused:
        return rotate(SESSION, "ses_new", POLICY, 0, NOW, carry=True, tree_sessions=1, rotated=before)

    assert not isinstance(once_more(ROTATIONS_MAX - 1), Refused)
    refused = once_more(ROTATIONS_MAX)
    assert isinstance(refused, Refused)
    assert (refused.first.code, refused.first.rule) == (Code.TREE_TOO_DEEP, "rotations")
    # What is impossible stays impossible, however full it is.
    revoked = replace(SESSION, revoked_at=NOW)
    with pytest.raises(Contradiction):
        rotate(revoked, "ses_new", POLICY, 0, NOW, carry=True, tree_sessions=10**6, rotated=10**6)


def test_who_had_a_place_before_is_counted() -> None:
    successors = {"a": "b", "b": "c", "x": "y"}
    assert [rotations(one, successors) for one in ("a", "b", "c", "x", "y", "z")] == [0, 1, 2, 0, 1, 0]


def test_a_narrowing_leaves_other_currencies_out_and_names_no_new_ones() -> None:
    both = replace(POLICY, others=(Limits("ETH", 5, approval_above=1),))
    less = narrow(both, Narrowing(without=frozenset({"ETH"}), budget=1))
    assert isinstance(less, Policy)
    assert less.currencies == ("USDC",)
    # Figures of a narrowing are the parent's own currency's: what it has of another one stays.
    kept = narrow(both, Narrowing(budget=0, per_spend=0, approval_above=0))
    assert isinstance(kept, Policy)
    assert kept.others == both.others
    for unknown in ("USDC", "EUR", "eth"):
        with pytest.raises(InvalidInput):
            narrow(both, Narrowing(without=frozenset({unknown})))
    child = replace(SESSION, policy=less)
    coin = SpendRequest(Money(1, ETH), "svc_1")
    assert codes(decide(child, coin, NOW, (replace(SESSION, policy=both),))) == [Code.NO_LIMIT_FOR_ASSET]


def test_a_child_keeps_every_window_of_its_parent_and_may_add_some() -> None:
    parent = replace(POLICY, windows=(Window(60, 5), Window(600, 20)))
    made = narrow(parent, Narrowing(windows=(Window(60, 4), Window(30, 100))))
    assert isinstance(made, Policy)
    assert made.windows == (Window(30, 100), Window(60, 4), Window(600, 20))


def test_what_was_approved_under_another_policy_is_stale_wherever_it_changed() -> None:
    parent = replace(SESSION, policy=replace(POLICY, approval_above=0))
    child = child_of(parent)
    placed = apply(State(child, None, (parent,)), PlaceHold("hld_1", spend(1), ENDS, ENDS), NOW)
    assert isinstance(placed, State)
    approved = apply(placed, Approve(ENDS), NOW)
    assert isinstance(approved, State)
    execute = Execute(spend(1), ENDS)
    above = extend(approved.ancestors[0], ENDS + 1, None, NOW)
    assert isinstance(above, Session)
    itself = extend(approved.session, ENDS + 1, None, NOW)
    assert isinstance(itself, Session)
    between, _ = rotated(approved.ancestors[0], POLICY)
    for stale in (
        replace(approved, ancestors=(above,)),
        replace(approved, session=itself),
        replace(approved, ancestors=(*approved.ancestors, between)),
    ):
        assert codes(apply(stale, execute, NOW)) == [Code.APPROVAL_STALE]
    assert isinstance(apply(approved, execute, NOW), State)
    with pytest.raises(Contradiction):
        apply(approved, Execute(spend(2, USDC), ENDS), NOW)

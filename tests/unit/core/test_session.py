"""A session's status from its facts and the clock, what is left of it, and what its key could still cost."""

from dataclasses import fields, replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import BEGINS, ENDS, NOW, session, spend
from valetkey.core.decide import decide
from valetkey.core.refusal import Refused
from valetkey.core.session import (
    Pace,
    Role,
    Session,
    Spent,
    Status,
    Usage,
    remaining,
    status,
    worst_case_loss,
)

TIMES = [0, BEGINS - 1, BEGINS, NOW, ENDS - 1, ENDS, ENDS + 1]
FACTS = list(product([False, True], [False, True], [None, 1, 0, -1], TIMES))
ORDER = [
    Status.REVOKED,
    Status.EXPIRED,
    Status.PAUSED,
    Status.EXHAUSTED,
    Status.PENDING,
    Status.ACTIVE,
]


def test_the_order_of_statuses() -> None:
    assert list(Status) == ORDER


@pytest.mark.parametrize(("revoked", "paused", "left", "now"), FACTS)
def test_the_first_status_that_fits(revoked: bool, paused: bool, left: int | None, now: int) -> None:
    one = session(
        budget=None if left is None else 10,
        captured=0 if left is None else 10 - left,
        revoked_at=BEGINS if revoked else None,
        paused_at=BEGINS if paused else None,
    )
    fits = {
        Status.REVOKED: revoked,
        Status.EXPIRED: now >= ENDS,
        Status.PAUSED: paused,
        Status.EXHAUSTED: left in (0, -1),
        Status.PENDING: now < BEGINS,
        Status.ACTIVE: True,
    }
    assert remaining(one) == left
    assert status(one, now) is next(name for name in ORDER if fits[name])


def test_a_revocation_at_the_first_second_counts() -> None:
    assert status(session(revoked_at=0), NOW) is Status.REVOKED
    assert status(session(paused_at=0), NOW) is Status.PAUSED


@pytest.mark.parametrize(
    ("budget", "held", "captured", "left"),
    [
        (None, 5, 5, None),
        (0, 0, 0, 0),
        (10, 0, 0, 10),
        (10, 3, 0, 7),
        (10, 0, 4, 6),
        (10, 3, 4, 3),
        (10, 3, 7, 0),
        (10, 3, 8, -1),
    ],
)
def test_what_is_left(budget: int | None, held: int, captured: int, left: int | None) -> None:
    assert remaining(session(budget=budget, held=held, captured=captured)) == left
    assert Usage(held, captured).committed == held + captured


@pytest.mark.parametrize(
    ("one", "now", "loss"),
    [
        (session(budget=10, held=3, captured=4), NOW, 6),
        (session(budget=10, held=3, captured=4), 0, 6),
        (session(budget=10, held=3, captured=4, paused_at=1), NOW, 6),
        (session(budget=10, held=3, captured=4), ENDS, 3),
        (session(budget=10, held=3, captured=4, revoked_at=1), NOW, 3),
        (session(budget=10, held=3, captured=9), NOW, 3),
        (session(budget=0), NOW, 0),
        (session(budget=None, held=3), NOW, None),
        (session(budget=None, held=3), ENDS, 3),
        (session(budget=None, held=3, revoked_at=1), NOW, 3),
        (session(budget=10, role=Role.SELLER), NOW, 0),
        (session(budget=None, role=Role.SELLER), NOW, 0),
    ],
)
def test_the_worst_case_loss(one: Session, now: int, loss: int | None) -> None:
    assert worst_case_loss(one, now) == loss


@given(
    budget=st.integers(0, 100),
    held=st.integers(0, 120),
    captured=st.integers(0, 120),
    asked=st.integers(0, 120),
    now=st.integers(0, ENDS + 10),
    revoked=st.booleans(),
    role=st.sampled_from(Role),
)
def test_the_gate_grants_nothing_beyond_the_worst_case(
    budget: int, held: int, captured: int, asked: int, now: int, revoked: bool, role: Role
) -> None:
    one = session(
        budget=budget, held=held, captured=captured, revoked_at=BEGINS if revoked else None, role=role
    )
    loss = worst_case_loss(one, now)
    assert loss is not None
    assert loss >= held
    if not isinstance(decide(one, spend(asked), now), Refused):
        assert held + asked <= loss


@given(now=st.integers(0, ENDS + 10), held=st.integers(0, 20), paused=st.booleans())
def test_an_active_session_with_money_may_spend_a_unit(now: int, held: int, paused: bool) -> None:
    one = replace(session(budget=10, held=held), paused_at=BEGINS if paused else None)
    allowed = not isinstance(decide(one, spend(1), now), Refused)
    assert allowed is (status(one, now) is Status.ACTIVE)


def test_having_spent_changes_the_figures_alone() -> None:
    before = Session(
        id="ses_a", owner_id="agt_a", role=Role.SELLER, policy=session().policy, usage=Usage(1, 2, 3), created_at=4,
        pace=Pace(5, (((6, 7),),)), revoked_at=8, paused_at=9, frozen_at=10, others=(Spent(Usage(11)),),
        tree_id="ses_b", parent_id="ses_c", depth=12, policy_version=13, successor_id="ses_d", carried=True,
    )  # fmt: skip
    plain = Session("", "", Role.BUYER, before.policy, Usage(), 0)
    same = [one.name for one in fields(Session) if getattr(before, one.name) == getattr(plain, one.name)]
    assert same == ["policy"], "a field that has its default here would be lost unseen"
    usage, pace, others = Usage(21), Pace(22), (Spent(Usage(23)),)
    assert before.having_spent(usage, pace, others) == replace(before, usage=usage, pace=pace, others=others)

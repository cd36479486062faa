"""The decision: every rule alone, all of them at once and in order, with exact words and figures."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import BEGINS, COARSE_USDC, ENDS, ETH, FINE_USDC, NOW, USDC, session, spend
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import InvalidAmount
from valetkey.core.money import Asset
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.core.session import Role, Session
from valetkey.core.spend import SpendRequest

UNIT = 1_000_000


@pytest.mark.parametrize(
    ("one", "request_", "remaining"),
    [
        (session(), spend(10_200_000), 39_800_000),
        (session(), spend(50 * UNIT), 0),
        (session(), spend(0), 50 * UNIT),
        (session(held=10 * UNIT, captured=20 * UNIT), spend(20 * UNIT), 0),
        (session(budget=None), spend(10**29), None),
        (session(budget=None, held=5, captured=5), spend(1), None),
        (session(budget=0), spend(0), 0),
        (session(per_spend=UNIT), spend(UNIT), 49 * UNIT),
        (session(services=frozenset({"svc_1", "svc_2"})), spend(1), 50 * UNIT - 1),
        (session(budget=5), spend(5 * 10**12, FINE_USDC), 0),
        (session(budget=5), spend(4 * 10**12 + 1, FINE_USDC), 0),
        (session(budget=20_000), spend(2, COARSE_USDC), 0),
    ],
)
def test_allowed_spends(one: Session, request_: SpendRequest, remaining: int | None) -> None:
    decision = decide(one, request_, NOW)
    assert isinstance(decision, Allowed)
    assert decision.remaining == remaining
    if remaining is not None:
        assert one.policy.budget == one.usage.committed + decision.amount + remaining


REVOKED = Refusal(
    Code.SESSION_REVOKED, "revoked", "the session was revoked", hint="ask the owner for a new one"
)
EXPIRED = Refusal(
    Code.SESSION_EXPIRED,
    "expires_at",
    "the session has expired",
    limit=ENDS,
    hint="ask the owner for a new one",
)
PAUSED = Refusal(
    Code.SESSION_PAUSED, "paused", "the owner paused the session", hint="ask the owner to resume it"
)
PENDING = Refusal(
    Code.SESSION_PENDING,
    "not_before",
    "the session has not begun",
    resets_at=BEGINS,
    hint="try again when it begins",
)
SELLER = Refusal(Code.WRONG_PARTY, "role", "a seller session cannot spend", hint="use a buyer session")
SERVICE = Refusal(
    Code.SERVICE_NOT_ALLOWED,
    "allowed_services",
    "the session may not buy service svc_1",
    hint="ask the owner for a session that allows this service",
)
ASSET = Refusal(Code.NO_LIMIT_FOR_ASSET, "currency", "the session has no limit for ETH", hint="pay in USDC")


def too_much(message: str, asked: int, limit: int, left: int, hint: str) -> Refusal:
    return Refusal(
        Code.BUDGET_EXCEEDED,
        "budget",
        message,
        asked=asked,
        limit=limit,
        remaining=left,
        hint=hint,
        currency="USDC",
    )


def too_much_at_once(message: str, asked: int, limit: int, hint: str) -> Refusal:
    return Refusal(
        Code.PER_SPEND_EXCEEDED,
        "per_spend",
        message,
        asked=asked,
        limit=limit,
        remaining=limit,
        hint=hint,
        currency="USDC",
    )


@pytest.mark.parametrize(
    ("one", "request_", "now", "reason"),
    [
        (session(revoked_at=0), spend(1), NOW, REVOKED),
        (session(revoked_at=NOW + 99), spend(1), NOW, REVOKED),
        (session(), spend(1), ENDS, EXPIRED),
        (session(paused_at=0), spend(1), NOW, PAUSED),
        (session(), spend(1), BEGINS - 1, PENDING),
        # of the facts about its life only the first that counts is told
        (session(revoked_at=1, paused_at=1), spend(1), ENDS, REVOKED),
        (session(paused_at=1), spend(1), ENDS, EXPIRED),
        (session(paused_at=1), spend(1), 0, PAUSED),
        (session(role=Role.SELLER), spend(1), NOW, SELLER),
        (session(services=frozenset({"svc_2", "SVC_1", "svc_1 "})), spend(1), NOW, SERVICE),
        (session(services=frozenset()), spend(1), NOW, SERVICE),
        (session(), spend(1, ETH), NOW, ASSET),
        (session(budget=None), spend(1, ETH), NOW, ASSET),
        (
            session(per_spend=UNIT),
            spend(UNIT + 1),
            NOW,
            too_much_at_once(
                "one spend may cost 1 USDC, this one costs 1.000001 USDC",
                UNIT + 1,
                UNIT,
                "ask for at most 1 USDC",
            ),
        ),
        (
            session(per_spend=0),
            spend(1),
            NOW,
            too_much_at_once(
                "one spend may cost 0 USDC, this one costs 0.000001 USDC", 1, 0, "ask for at most 0 USDC"
            ),
        ),
        (
            session(),
            spend(50 * UNIT + 1),
            NOW,
            too_much(
                "asked 50.000001 USDC, left 50 USDC of 50 USDC (0 USDC used)",
                50 * UNIT + 1,
                50 * UNIT,
                50 * UNIT,
                "ask for at most 50 USDC, or ask the owner for 0.000001 USDC more",
            ),
        ),
        (
            session(held=10 * UNIT, captured=35 * UNIT),
            spend(10_200_000),
            NOW,
            too_much(
                "asked 10.2 USDC, left 5 USDC of 50 USDC (45 USDC used, 10 USDC of it held)",
                10_200_000,
                50 * UNIT,
                5 * UNIT,
                "ask for at most 5 USDC, or ask the owner for 5.2 USDC more",
            ),
        ),
        (
            session(budget=0),
            spend(UNIT),
            NOW,
            too_much(
                "asked 1 USDC, left 0 USDC of 0 USDC (0 USDC used)",
                UNIT,
                0,
                0,
                "ask for at most 0 USDC, or ask the owner for 1 USDC more",
            ),
        ),
        # More moved than was granted: nothing is left, and the owner has to make up for it first.
        (
            session(captured=53 * UNIT),
            spend(UNIT),
            NOW,
            too_much(
                "asked 1 USDC, left 0 USDC of 50 USDC (53 USDC used)",
                UNIT,
                50 * UNIT,
                0,
                "ask for at most 0 USDC, or ask the owner for 4 USDC more",
            ),
        ),
        # A spend finer than the limits is rounded up, against the spender.
        (
            session(budget=5),
            spend(5 * 10**12 + 1, FINE_USDC),
            NOW,
            too_much(
                "asked 0.000006 USDC, left 0.000005 USDC of 0.000005 USDC (0 USDC used)",
                6,
                5,
                5,
                "ask for at most 0.000005 USDC, or ask the owner for 0.000001 USDC more",
            ),
        ),
    ],
)
def test_each_rule_alone(one: Session, request_: SpendRequest, now: int, reason: Refusal) -> None:
    assert decide(one, request_, now) == Refused((reason,))


def test_every_reason_is_given_the_most_fundamental_first() -> None:
    one = session(budget=5, per_spend=2, services=frozenset(), held=4, role=Role.SELLER, revoked_at=1)
    decision = decide(one, spend(3), NOW)
    assert isinstance(decision, Refused)
    assert decision.first == REVOKED
    assert [reason.code for reason in decision.reasons] == [
        Code.SESSION_REVOKED,
        Code.WRONG_PARTY,
        Code.SERVICE_NOT_ALLOWED,
        Code.PER_SPEND_EXCEEDED,
        Code.BUDGET_EXCEEDED,
    ]


def test_limits_say_nothing_about_another_currency() -> None:
    one = session(budget=0, per_spend=0, services=frozenset())
    assert decide(one, spend(10**20, ETH), NOW) == Refused((SERVICE, ASSET))


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        (BEGINS - 1, False),
        (BEGINS, True),
        (BEGINS + 1, True),
        (ENDS - 1, True),
        (ENDS, False),
        (ENDS + 1, False),
    ],
)
def test_the_life_of_a_session_is_half_open(now: int, allowed: bool) -> None:
    assert isinstance(decide(session(), spend(1), now), Allowed) is allowed


def test_unlimited_and_nothing_are_two_things() -> None:
    assert isinstance(decide(session(budget=None), spend(1), NOW), Allowed)
    assert isinstance(decide(session(budget=0), spend(1), NOW), Refused)
    assert isinstance(decide(session(services=None), spend(1), NOW), Allowed)
    assert isinstance(decide(session(services=frozenset()), spend(1), NOW), Refused)


def test_limits_in_another_currency_are_written_in_it() -> None:
    policy = Policy(budget=10**18, expires_at=ENDS, currency="ETH")
    decision = decide(replace(session(), policy=policy), spend(10**18 + 1, ETH), NOW)
    assert isinstance(decision, Refused)
    assert decision.first.message == "asked 1.000000000000000001 ETH, left 1 ETH of 1 ETH (0 ETH used)"


@pytest.mark.parametrize("asset", [USDC, FINE_USDC, COARSE_USDC])
def test_a_negative_spend_is_no_spend(asset: Asset) -> None:
    with pytest.raises(InvalidAmount):
        decide(session(held=10 * UNIT), spend(-1, asset), NOW)


AMOUNTS = st.integers(0, 200)


@given(
    budget=st.none() | AMOUNTS,
    per_spend=st.none() | AMOUNTS,
    held=AMOUNTS,
    captured=AMOUNTS,
    asked=st.integers(1, 200),
)
def test_the_hint_is_the_smallest_change_that_passes(
    budget: int | None, per_spend: int | None, held: int, captured: int, asked: int
) -> None:
    facts: dict[str, Any] = {"budget": budget, "per_spend": per_spend, "held": held, "captured": captured}
    decision = decide(session(**facts), spend(asked), NOW)
    if isinstance(decision, Allowed):
        assert decision.amount == asked
        assert per_spend is None or asked <= per_spend
        assert budget is None or held + captured + asked <= budget
        return
    for reason in decision.reasons:
        assert reason.asked == asked
        assert reason.remaining is not None
        assert asked > reason.remaining
    limits = [reason.remaining for reason in decision.reasons if reason.remaining is not None]
    if budget is None or budget >= held + captured:
        assert isinstance(decide(session(**facts), spend(min(limits)), NOW), Allowed)
    if decision.first.code is Code.BUDGET_EXCEEDED:
        assert budget is not None
        hint = decision.first.hint or ""
        more = int(hint.rpartition("ask the owner for 0.")[2].partition(" ")[0].ljust(6, "0"))
        assert isinstance(decide(session(**{**facts, "budget": budget + more}), spend(asked), NOW), Allowed)
        short = session(**{**facts, "budget": budget + more - 1})
        assert isinstance(decide(short, spend(asked), NOW), Refused)


@given(units=st.integers(0, 10**24), left=st.integers(0, 10**12))
def test_a_spend_in_finer_units_never_passes_what_is_left(units: int, left: int) -> None:
    decision = decide(session(budget=left), spend(units, FINE_USDC), NOW)
    assert isinstance(decision, Allowed) is (units <= left * 10**12)
    if isinstance(decision, Allowed):
        assert units <= decision.amount * 10**12 < units + 10**12

"""Which of two policies is wider, and that the word is kept: what the narrower one allows, the wider one allows."""

from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.stateful.tree_shapes import (
    CHANCES,
    LENGTHS,
    narrowing_of,
    narrowing_shape,
    policy_of,
    policy_shape,
    request_of,
    spend_shape,
)
from tests.unit.core.build import BEGINS, POLICY, SESSION
from valetkey.core.commands import Capture, PlaceHold, Refund, Void
from valetkey.core.diff import Difference, Wider, covers, diff, wider
from valetkey.core.errors import InvalidInput
from valetkey.core.ledger import State, apply
from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.spend import HoldState
from valetkey.core.tree import attenuate, narrow
from valetkey.core.windows import Window

USDC = "USDC"
ETH_LIMITS = Limits("ETH", 5)
ADDRESS = "0x" + "11" * 20

RULES: list[tuple[dict[str, Any], dict[str, Any], str, Wider]] = [
    ({"budget": 2}, {"budget": 1}, "budget", Wider.A),
    ({"budget": 0}, {"budget": None}, "budget", Wider.B),
    ({"per_spend": None}, {"per_spend": 0}, "per_spend", Wider.A),
    ({"approval_above": 0}, {"approval_above": None}, "approval_above", Wider.B),
    ({"approval_above": 5}, {"approval_above": 4}, "approval_above", Wider.A),
    ({"unit": 100}, {"unit": 10}, "unit", Wider.B),
    ({"spends_max": 0}, {"spends_max": 1}, "spends_max", Wider.B),
    ({"expires_at": 6_000}, {"expires_at": 5_999}, "expires_at", Wider.A),
    ({"not_before": 10}, {"not_before": 9}, "not_before", Wider.B),
    ({"windows": (Window(60, 5),)}, {"windows": ()}, "window:60", Wider.B),
    ({"windows": (Window(60, 5),)}, {"windows": (Window(60, 4),)}, "window:60", Wider.A),
    ({"refunds_restore": True}, {"refunds_restore": False}, "refunds_restore", Wider.A),
    ({"others": (ETH_LIMITS,)}, {"others": ()}, "currency", Wider.A),
    ({"others": (ETH_LIMITS,)}, {"others": (Limits("ETH", 6),)}, "budget", Wider.B),
    ({"allowed_services": None}, {"allowed_services": frozenset({"s"})}, "allowed_services", Wider.A),
    ({"allowed_services": frozenset()}, {"allowed_services": None}, "allowed_services", Wider.B),
    (
        {"allowed_services": frozenset({"s", "t"})},
        {"allowed_services": frozenset({"t", "u"})},
        "allowed_services",
        Wider.NEITHER,
    ),
    ({"allowed_chains": frozenset({1, 2})}, {"allowed_chains": frozenset({2})}, "allowed_chains", Wider.A),
    ({"allowed_payees": frozenset()}, {"allowed_payees": frozenset({ADDRESS})}, "allowed_payees", Wider.B),
    (
        {"allowed_operations": frozenset({"purchase"})},
        {"allowed_operations": None},
        "allowed_operations",
        Wider.B,
    ),
    (
        {"allowed_assets": frozenset({"eip155:1/slip44:60"})},
        {"allowed_assets": frozenset()},
        "allowed_assets",
        Wider.A,
    ),
]
MIRRORED = {Wider.A: Wider.B, Wider.B: Wider.A, Wider.NEITHER: Wider.NEITHER, Wider.EQUAL: Wider.EQUAL}


@pytest.mark.parametrize(("a", "b", "rule", "side"), RULES)
def test_each_rule_says_which_is_wider(a: dict[str, Any], b: dict[str, Any], rule: str, side: Wider) -> None:
    one, other = replace(POLICY, **a), replace(POLICY, **b)
    (found,) = diff(one, other)
    assert (found.rule, found.wider) == (rule, side)
    assert wider(one, other) is side
    assert diff(other, one) == (Difference(found.rule, MIRRORED[side], found.b, found.a, found.currency),)


def test_every_rule_of_a_policy_is_compared() -> None:
    """A field that is added to Policy is added to `diff`, or this fails."""
    compared = {name for a, b, _, _ in RULES for name in {*a, *b}}
    # What a policy works out of its rules is none.
    assert compared | {"currency"} == {one.name for one in fields(Policy) if one.init}


def test_each_wider_somewhere_is_neither() -> None:
    assert wider(replace(POLICY, budget=1), replace(POLICY, per_spend=1)) is Wider.NEITHER
    assert wider(POLICY, POLICY) is Wider.EQUAL
    assert diff(POLICY, POLICY) == ()


def test_which_currency_is_its_own_makes_no_difference() -> None:
    usdc = Limits(USDC, 7, windows=(Window(60, 3),))
    one = Policy(7, 100, windows=(Window(60, 3),), others=(ETH_LIMITS,))
    assert diff(one, Policy(5, 100, currency="ETH", others=(usdc,))) == ()
    (found,) = diff(one, Policy(9, 100, currency="ETH", others=(usdc,)))
    assert found == Difference("budget", Wider.B, 5, 9, "ETH")


def test_a_longer_window_with_no_more_makes_a_shorter_one_needless() -> None:
    day, hour = Window(86_400, 5), Window(3_600, 5)
    assert wider(replace(POLICY, windows=(hour,)), replace(POLICY, windows=(day,))) is Wider.A
    both = replace(POLICY, windows=(hour, day))
    assert wider(both, replace(POLICY, windows=(day,))) is Wider.EQUAL
    less = replace(POLICY, windows=(replace(hour, limit=4), day))
    assert wider(less, replace(POLICY, windows=(day,))) is Wider.B


WINDOWS = st.builds(Window, st.sampled_from(LENGTHS) | st.integers(1, 4_000), st.integers(0, 3))


@given(WINDOWS, WINDOWS, st.integers(0, 10**6))
@example(Window(3_601, 1), Window(3_600, 1), 3_600 * 61 - 1)
def test_what_is_covered_counts_no_longer(one: Window, other: Window, at: int) -> None:
    if covers(one, other):
        assert one.limit <= other.limit
        assert one.counts_until(one.bucket(at)) >= other.counts_until(other.bucket(at))


def test_windows_whose_buckets_do_not_fall_together_are_not_covered() -> None:
    # At 60 * 61 - 1 a bucket of 61 seconds ends, and one of 60 goes on.
    long, short = Window(3_601, 5), Window(3_600, 5)
    assert not covers(long, short)
    at = next(at for at in range(60 * 61) if at % 61 == 60 and at % 60 == 0)
    assert long.counts_until(long.bucket(at)) < short.counts_until(short.bucket(at))


@given(CHANCES, CHANCES, st.booleans())
def test_NARROW_ONLY_what_the_narrower_one_allows_the_wider_one_allows(
    chance: Random, steps: Random, by_narrowing: bool
) -> None:
    """Any sequence of spends that one policy allows is allowed by one that is nowhere narrower."""
    b = policy_of(policy_shape(chance), BEGINS)
    a = b
    if by_narrowing:
        try:
            found = narrow(a, narrowing_of(narrowing_shape(chance), BEGINS))
        except InvalidInput:
            return
        if isinstance(found, Refused):
            return
        b = found
    else:
        a = _widened(b, chance)
    assert wider(a, b) in (Wider.A, Wider.EQUAL)
    _replayed(a, b, steps)


def _widened(policy: Policy, chance: Random) -> Policy:
    """A policy that allows more by some rules."""
    changes: dict[str, Any] = {
        "budget": None,
        "per_spend": None,
        "approval_above": None,
        "spends_max": None,
        "allowed_services": None,
        "refunds_restore": True,
        "windows": tuple(replace(one, limit=one.limit + 7) for one in policy.windows),
        "expires_at": policy.expires_at + 60,
    }
    return replace(policy, **{name: one for name, one in changes.items() if chance.random() < 0.3})


def _replayed(a: Policy, b: Policy, chance: Random) -> None:
    """What `b` allows, one after the other, `a` allows, and waits for approval only where it does in `b`."""
    wide, narrow_one = replace(SESSION, policy=a), replace(SESSION, policy=b)
    now = BEGINS
    for number in range(30):
        now += chance.choice([0, 1, 59, 60, 61, 240, 600])
        request = request_of(spend_shape(chance), number)
        command = PlaceHold(f"hld_{number}", request, now + 60, now + 60)
        theirs = apply(State(narrow_one), command, now)
        if isinstance(theirs, Refused):
            continue
        ours = apply(State(wide), command, now)
        assert not isinstance(ours, Refused)
        assert ours.hold is not None
        assert theirs.hold is not None
        assert ours.hold.state is HoldState.HELD or theirs.hold.state is HoldState.PENDING
        ends = [Void()] if chance.random() < 0.3 else [Capture(theirs.hold.amount)]
        if isinstance(ends[0], Capture) and chance.random() < 0.5:
            ends.append(Refund(theirs.hold.amount))
        for end in ends if chance.random() < 0.7 else []:
            ours, theirs = apply(ours, end, now), apply(theirs, end, now)
            assert isinstance(ours, State)
            assert isinstance(theirs, State)
        wide, narrow_one = ours.session, theirs.session


@given(CHANCES, CHANCES)
def test_NARROW_ONLY_a_child_is_never_wider(first: Random, second: Random) -> None:
    parent = replace(SESSION, policy=policy_of(policy_shape(first), BEGINS))
    try:
        child = attenuate(parent, (), narrowing_of(narrowing_shape(second), BEGINS), "ses_2", 1, BEGINS)
    except InvalidInput:
        return
    if not isinstance(child, Refused):
        assert wider(parent.policy, child.policy) in (Wider.A, Wider.EQUAL)

"""Other rules tried out through the SDK against a real platform."""

import pytest

from tests.integration.sdk.world import World
from valetkey import InvalidAmount, Limit, NotFound, Rules


def test_rules_are_replayed_over_what_a_session_spent(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(100)
    agent = world.delegate(session)
    small, large = agent.spend(5), agent.spend(30)
    agent.spend(40).void()
    found = owner.replay(session, Rules(budget=50, per_spend=35, approval_above=10))
    assert (found.spends, found.passed, found.waiting) == (3, 2, [large.id])
    assert [(one.amount, one.reasons[0]["rule"]) for one in found.refused] == [("40", "per_spend")]
    assert [(one.currency, one.passed, one.refused) for one in found.amounts] == [("USDC", "35", "40")]
    assert owner.replay(session.session_id, Rules(budget=None)).refused == []
    assert (small.refresh().state, large.refresh().state) == ("held", "held")
    with pytest.raises(NotFound):
        owner.replay("ses_of_nobody", Rules(budget=1))
    with pytest.raises(InvalidAmount):
        owner.replay(session, Rules(budget=-1))


def test_two_sets_of_rules_are_compared(world: World) -> None:
    owner = world.owner()
    less, more = Rules(budget=10, windows={3_600: 5}), Rules(budget=10, limits={"ETH": Limit("0.05")})
    found = owner.diff_policies(less, more)
    assert found.wider == "b"
    assert [(one.rule, one.wider, one.a, one.b) for one in found.differences] == [
        ("window:3600", "b", "5", None),
        ("currency", "b", None, "ETH"),
    ]
    assert owner.diff_policies(less, less).wider == "equal"

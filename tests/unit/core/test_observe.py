"""What moved without having been asked for: debited in any case, once; then nothing beyond the limits is granted."""

from dataclasses import replace

import pytest

from tests.unit.core.build import (
    BEGINS,
    COARSE_USDC,
    ENDS,
    ETH,
    FINE_USDC,
    NOW,
    SESSION,
    applied,
    session,
    spend,
)
from valetkey.core.commands import Capture, Command, Expire, MarkUnknown, Observe, PlaceHold, Refund, Void
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.ledger import State, apply
from valetkey.core.limits import Limits
from valetkey.core.money import Asset
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Session, Status, Usage, remaining, spent_of, status
from valetkey.core.spend import HoldState
from valetkey.core.tree import rotate
from valetkey.core.windows import Window, counted


def observed(
    one: Session, units: int, now: int = NOW, hold_id: str = "hld_seen", asset: Asset | None = None
) -> State:
    return applied(State(one), Observe(hold_id, spend(units) if asset is None else spend(units, asset)), now)


@pytest.mark.parametrize(
    ("one", "now"),
    [
        (session(), NOW),
        (session(budget=5), NOW),
        (session(budget=0), NOW),
        (session(budget=None), NOW),
        (session(per_spend=1, services=frozenset({"svc_other"}), spends_max=0), NOW),
        (session(paused_at=NOW - 1), NOW),
        (session(revoked_at=NOW - 1), NOW),
        (session(), BEGINS - 1),
        (session(), ENDS + 10**6),
    ],
)
def test_no_rule_and_no_end_stands_in_the_way_of_what_moved(one: Session, now: int) -> None:
    after = observed(one, 10, now)
    hold = after.hold
    assert hold is not None
    assert (hold.state, hold.amount, hold.captured, hold.settled_at) == (HoldState.CAPTURED, 10, 10, now)
    assert not hold.was_asked
    assert after.session.usage == Usage(captured=10)
    assert after.session.pace.spends == 1


def test_it_counts_in_windows_and_budgets_and_nothing_more_is_granted() -> None:
    one = session(budget=50, windows=(Window(60, 20),))
    after = observed(one, 70).session
    assert remaining(after) == -20
    assert status(after, NOW) is Status.EXHAUSTED
    assert counted(Window(60, 20), after.pace.rings[0], NOW) == 70
    refused = apply(State(after), PlaceHold("hld_next", spend(1), ENDS), NOW)
    assert isinstance(refused, Refused)
    assert {Code.BUDGET_EXCEEDED, Code.WINDOW_EXCEEDED} <= {reason.code for reason in refused.reasons}


def test_every_session_above_it_is_debited() -> None:
    parent, above = (
        replace(session(budget=20), id="ses_parent"),
        replace(session(budget=None), id="ses_above"),
    )
    child = replace(session(budget=5), id="ses_child", parent_id="ses_parent")
    after = applied(State(child, None, (parent, above)), Observe("hld_seen", spend(7)), NOW)
    assert [one.usage.captured for one in after.lineage] == [7, 7, 7]
    assert after.hold is not None
    assert after.hold.debits == ("ses_child", "ses_parent", "ses_above")


@pytest.mark.parametrize(
    ("asset", "units", "debited"),
    [
        (FINE_USDC, 1, 1),
        (FINE_USDC, 10**12, 1),
        (FINE_USDC, 10**12 + 1, 2),
        (COARSE_USDC, 1, 10_000),
        (FINE_USDC, 0, 0),
    ],
)
def test_it_is_rounded_against_the_spender(asset: Asset, units: int, debited: int) -> None:
    assert observed(session(), units, asset=asset).session.usage.captured == debited


def test_a_currency_without_limits_is_counted_as_a_spend_alone() -> None:
    after = observed(session(), 3, asset=ETH).session
    assert (after.usage, after.pace.spends) == (Usage(), 1)


def test_what_did_not_move_is_no_proof() -> None:
    with pytest.raises(InvalidAmount):
        apply(State(SESSION), Observe("hld_seen", spend(-1)), NOW)


@pytest.mark.parametrize("command", [MarkUnknown(), Capture(10), Observe("hld_seen", spend(10)), Refund(0)])
def test_what_repeats_it_changes_nothing(command: Command) -> None:
    after = observed(session(), 10)
    assert applied(after, command, NOW + 99) is after


@pytest.mark.parametrize(
    "command", [Void(), Void(proven=True), Expire(ENDS), Capture(9), Observe("hld_2", spend(1))]
)
def test_nothing_takes_it_back(command: Command) -> None:
    with pytest.raises(Contradiction):
        apply(observed(session(), 10), command, NOW)


def test_what_the_payee_gives_back_is_a_refund() -> None:
    after = applied(observed(session(), 10), Refund(4), NOW)
    assert after.hold is not None
    assert (after.hold.captured, after.hold.refunded, after.session.usage.captured) == (10, 4, 10)


def test_a_successor_with_limits_for_it_takes_over_the_spend_and_not_what_nobody_counted() -> None:
    """What moved in a currency without limits is in no figures; so its refund takes nothing off any."""
    before = observed(session(), 3, asset=ETH)
    policy = replace(before.session.policy, others=(Limits("ETH", 5),), refunds_restore=True)
    made = rotate(before.session, "ses_new", policy, 60, NOW, carry=True, tree_sessions=1, rotated=0)
    assert not isinstance(made, Refused)
    new, old = made
    assert (spent_of(new, "ETH").usage, new.pace.spends) == (Usage(), 1)
    after = applied(State(old, before.hold, (new,)), Refund(2), NOW)
    assert after.hold is not None
    assert after.hold.refunded == 2
    assert spent_of(after.ancestors[0], "ETH").usage == Usage()
    allowed = apply(State(new), PlaceHold("hld_next", spend(5, ETH), ENDS), NOW)
    assert isinstance(allowed, State)

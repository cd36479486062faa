"""Grants: what cannot be one, which policy a chain keeps of it, and how its amounts and windows count."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.core.build import ETH, SESSION, USDC
from valetkey.core.commands import PlaceHold
from valetkey.core.diff import Wider, wider
from valetkey.core.errors import InvalidInput
from valetkey.core.grant import (
    BUCKETS,
    CAP_UNITS_MAX,
    NOTHING,
    WINDOW_UNITS_MAX,
    Grant,
    enforced,
    unit_for,
)
from valetkey.core.ledger import State, apply
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused
from valetkey.core.spend import SpendRequest
from valetkey.core.tree import Narrowing, narrow
from valetkey.core.windows import EMPTY, Window, added, carried, counted

PAYEE = "0x" + "ab" * 20
GRANT = Grant(
    owner="0x" + "11" * 20,
    key="0x" + "22" * 20,
    token=USDC.address,
    cap=100_000_000,
    per_spend=10_000_000,
    window_cap=20_000_000,
    window_seconds=3_600,
    valid_after=1_000,
    valid_until=90_000,
    payees=bytes(12) + bytes.fromhex(PAYEE[2:]),
    unit=100,
    salt=b"\1" * 32,
)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"owner": "0x" + "00" * 20}, "owner"),
        ({"key": "0x" + "00" * 20}, "key"),
        ({"token": "0x" + "00" * 20}, "token"),
        ({"key": GRANT.owner.upper().replace("X", "x")}, "key"),
        ({"cap": -1}, "cap"),
        ({"cap": True}, "cap"),
        ({"cap": 2**128}, "cap"),
        ({"cap": 1.0}, "cap"),
        ({"per_spend": 2**128}, "per_spend"),
        ({"window_seconds": 366 * 86_400 + 1}, "window_seconds"),
        ({"window_seconds": 0}, "window_cap"),
        ({"window_cap": 0}, "window_cap"),
        ({"epoch": 2**64}, "epoch"),
        ({"unit": 0}, "unit"),
        ({"unit": 1, "window_cap": WINDOW_UNITS_MAX + 1}, "unit"),
        ({"unit": 1, "cap": CAP_UNITS_MAX + 1, "window_cap": 1}, "unit"),
        ({"valid_until": 1_000}, "valid_until"),
        ({"valid_until": 2**40 + 1}, "valid_until"),
        ({"salt": b""}, "salt"),
        ({"payees": bytes(31)}, "payees"),
        ({"parent": bytes(33)}, "parent"),
        ({"predecessor": b"x"}, "predecessor"),
    ],
)
def test_what_the_contract_would_not_register_is_no_grant(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        replace(GRANT, **changes)
    assert refused.value.field == field


def test_the_policy_that_a_chain_keeps() -> None:
    policy = enforced(GRANT, USDC)
    assert (policy.budget, policy.per_spend, policy.unit) == (100_000_000, 10_000_000, 100)
    assert policy.windows == (Window(3_600, 20_000_000, BUCKETS),)
    assert (policy.not_before, policy.expires_at) == (1_000, 90_000)
    assert policy.allowed_payees == {PAYEE}
    assert policy.allowed_assets == {USDC.id}
    assert policy.allowed_chains == {USDC.chain_id}
    for payees in (NOTHING, b"\1" * 32):
        open_one = replace(GRANT, payees=payees)
        assert open_one.payee is None
        assert enforced(open_one, USDC).allowed_payees is None
    with pytest.raises(InvalidInput):
        enforced(GRANT, ETH)


@pytest.mark.parametrize(
    ("cap", "window", "unit"),
    [
        (0, 0, 1),
        (CAP_UNITS_MAX, WINDOW_UNITS_MAX, 1),
        (CAP_UNITS_MAX + 1, 0, 10),
        (100_000_000, 20_000_000, 100),
        (10**24, 10**21, 10**15),
    ],
)
def test_units_are_as_small_as_fits(cap: int, window: int, unit: int) -> None:
    assert unit_for(cap, window) == unit


def test_amounts_count_in_units_rounded_up() -> None:
    policy = replace(enforced(replace(GRANT, payees=NOTHING), USDC), budget=10_050)
    session = replace(SESSION, policy=policy)
    for number, (asked, counts) in enumerate(((1, 100), (100, 100), (101, 200), (9_600, 9_600))):
        command = PlaceHold(f"hld_{number}", SpendRequest(Money(asked, USDC)), 2_300)
        after = apply(State(session), command, 2_000)
        assert isinstance(after, State)
        assert after.hold is not None
        assert after.hold.amount == counts
        session = after.session
    refused = apply(State(session), PlaceHold("hld_x", SpendRequest(Money(1, USDC)), 2_300), 2_000)
    assert isinstance(refused, Refused), "50 are left, which is less than a unit"
    assert refused.first.code is Code.BUDGET_EXCEEDED


def test_a_window_of_eight_buckets_counts_for_up_to_an_eighth_longer() -> None:
    window = Window(3_600, 100, BUCKETS)
    assert window.bucket_seconds == 450
    ring = ((4, 7),)
    assert counted(window, ring, 5 * 450 + 3_599) == 7
    assert counted(window, ring, 5 * 450 + 3_600) == 0
    for buckets in (0, 61, True, 1.0):
        with pytest.raises(InvalidInput):
            Window(3_600, 100, buckets)  # type: ignore[arg-type]


@pytest.mark.parametrize(("before", "after"), [(BUCKETS, 60), (60, BUCKETS)])
def test_what_was_spent_counts_no_shorter_in_a_window_that_is_cut_otherwise(before: int, after: int) -> None:
    old, new = Window(3_600, 100, before), Window(3_600, 100, after)
    for at in range(10_000, 12_000, 37):
        ring = added(old, EMPTY, 7, at, at)
        moved = carried(new, 7, ((old, ring),), at)
        assert counted(new, moved, at + 3_599) == 7


def test_a_child_keeps_unit_and_buckets_of_its_parent() -> None:
    parent = enforced(GRANT, USDC)
    child = narrow(parent, Narrowing(budget=1_000, windows=(Window(3_600, 500), Window(60, 100))))
    assert not isinstance(child, Refused)
    assert child.unit == 100
    assert child.windows == (Window(60, 100), Window(3_600, 500, BUCKETS))


def test_a_larger_unit_allows_less() -> None:
    policy = enforced(GRANT, USDC)
    assert wider(policy, replace(policy, unit=200)) is Wider.A
    assert wider(replace(policy, unit=300), policy) is Wider.B
    assert wider(policy, replace(policy, unit=150)) is Wider.NEITHER
    with pytest.raises(InvalidInput):
        replace(policy, unit=0)

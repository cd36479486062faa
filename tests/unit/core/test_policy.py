"""Policies: limits that can be meant, and lifetimes within their bounds."""

from typing import Any

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import (
    ALLOWED_SERVICES_MAX,
    LIFETIME_SECONDS_MAX,
    LIFETIME_SECONDS_MIN,
    SERVICE_ID_CHARS_MAX,
    Policy,
    check_lifetime,
)


def many(count: int) -> frozenset[str]:
    return frozenset(f"svc_{number}" for number in range(count))


@pytest.mark.parametrize(
    "fields",
    [
        {"budget": None},
        {"budget": 0},
        {"budget": 10**30 - 1},
        {"per_spend": None},
        {"per_spend": 0},
        {"per_spend": 10**30 - 1},
        {"currency": "ETH"},
        {"not_before": 99},
        {"not_before": 0},
        {"allowed_services": None},
        {"allowed_services": frozenset()},
        {"allowed_services": many(ALLOWED_SERVICES_MAX)},
        {"allowed_services": frozenset({"x", "x" * SERVICE_ID_CHARS_MAX})},
    ],
    # Sets are printed in another order by each worker.
    ids=lambda fields: " ".join(fields),
)
def test_sound_policies(fields: dict[str, Any]) -> None:
    policy = Policy(**{"budget": 1, "expires_at": 100, **fields})
    for name, value in fields.items():
        assert getattr(policy, name) == value


AMOUNT = "is None or a non-negative integer below 10^30"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"budget": -1}, f"budget {AMOUNT}"),
        ({"budget": 10**30}, f"budget {AMOUNT}"),
        ({"budget": 1.5}, f"budget {AMOUNT}"),
        ({"budget": True}, f"budget {AMOUNT}"),
        ({"per_spend": -1}, f"per_spend {AMOUNT}"),
        ({"per_spend": 10**30}, f"per_spend {AMOUNT}"),
        ({"per_spend": float("nan")}, f"per_spend {AMOUNT}"),
        ({"currency": "DOGE"}, "unknown currency 'DOGE'; known: USDC, ETH, SOL"),
        ({"currency": "usdc"}, "unknown currency 'usdc'; known: USDC, ETH, SOL"),
        ({"currency": ""}, "unknown currency ''; known: USDC, ETH, SOL"),
        ({"not_before": 100}, "a session ends after it begins"),
        ({"not_before": 101}, "a session ends after it begins"),
        ({"expires_at": 0}, "a session ends after it begins"),
        ({"allowed_services": many(ALLOWED_SERVICES_MAX + 1)}, "a policy names at most 1000 services"),
        ({"allowed_services": frozenset({""})}, "a service id has 1 to 200 characters"),
        ({"allowed_services": frozenset({"x" * 201})}, "a service id has 1 to 200 characters"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one),
)
def test_policies_that_cannot_be_meant(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Policy(**{"budget": 1, "expires_at": 100, **fields})
    assert str(caught.value) == message


def test_limits_have_the_decimals_of_their_currency() -> None:
    assert Policy(budget=1, expires_at=1).decimals == 6
    assert Policy(budget=1, expires_at=1, currency="ETH").decimals == 18


@pytest.mark.parametrize("seconds", [LIFETIME_SECONDS_MIN, 3_600, LIFETIME_SECONDS_MAX])
def test_lifetimes_within_the_bounds(seconds: int) -> None:
    check_lifetime(seconds, seconds_min=LIFETIME_SECONDS_MIN, seconds_max=LIFETIME_SECONDS_MAX)


@pytest.mark.parametrize("seconds", [-1, 0, LIFETIME_SECONDS_MIN - 1, LIFETIME_SECONDS_MAX + 1])
def test_lifetimes_outside(seconds: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_lifetime(seconds, seconds_min=LIFETIME_SECONDS_MIN, seconds_max=LIFETIME_SECONDS_MAX)
    assert caught.value.code == "lifetime_out_of_bounds"
    assert str(caught.value) == f"a session lives 60 to 2592000 seconds, not {seconds}"

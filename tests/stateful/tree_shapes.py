"""Random policies, narrowings and requests for trees of sessions: small figures, often at a boundary."""

from typing import Any

from hypothesis import strategies as st

from valetkey.core.limits import Limits
from valetkey.core.money import Asset, Money
from valetkey.core.policy import PURCHASE, Policy
from valetkey.core.spend import SpendRequest
from valetkey.core.tree import Narrowing
from valetkey.core.windows import Window

USDC = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
FINE_USDC = Asset("USDC", 56, "0x" + "11" * 20, 18)
"""The same currency with more decimals than its limits have: what is asked for is rounded up."""
ETH = Asset("ETH", 84532, "0x" + "00" * 20, 18)
FINE = 10**12

HUGE = [2**63 - 1, 2**63, 2**64 + 7, 10**29]
LENGTHS = st.sampled_from([1, 3, 60, 61, 90, 240, 241, 600, 601, 605])
"""Lengths of windows; some differ by less than a bucket, so that their buckets do not fall together."""
PAUSES = st.sampled_from([0, 0, 1, 2, 7, 30, 59, 60, 61, 90, 240, 599, 600, 601, 603, 611])

BUDGETS = st.none() | st.integers(0, 120) | st.sampled_from([0, 40, 10**6, *HUGE])
WINDOWS = st.dictionaries(LENGTHS, st.integers(0, 90), max_size=3)

LIMITS = st.fixed_dictionaries(
    {
        "budget": BUDGETS,
        "per_spend": st.none() | st.none() | st.integers(0, 40),
        "windows": WINDOWS,
        "approval_above": st.none() | st.none() | st.integers(0, 30),
    }
)
SERVICES = st.none() | st.none() | st.sets(st.sampled_from(["svc_1", "svc_2"]))
POLICIES = st.fixed_dictionaries(
    {
        "main": LIMITS,
        "other": st.none() | LIMITS,
        "eth_first": st.booleans(),
        "spends_max": st.none() | st.none() | st.integers(0, 12),
        "begins": st.sampled_from([0, 0, 0, 30]),
        "lasts": st.sampled_from([90, 700, 3_000, 9_000, 9_000]),
        "refunds_restore": st.booleans(),
        "services": SERVICES,
    }
)
NARROWINGS = st.fixed_dictionaries(
    {},
    optional={
        "lasts": st.sampled_from([60, 600, 2_000]),
        "not_before": st.sampled_from([-60, 0, 10]),
        "budget": st.integers(0, 120),
        "per_spend": st.integers(0, 40),
        "windows": WINDOWS,
        "spends_max": st.integers(0, 12),
        "approval_above": st.integers(0, 30),
        "allowed_services": st.sets(st.sampled_from(["svc_1", "svc_2"])),
        "without": st.sampled_from(["USDC", "ETH", "EUR"]),
    },
)
SPENDS = st.fixed_dictionaries(
    {
        "units": st.integers(0, 40) | st.sampled_from([0, 1, *HUGE]),
        "asset": st.sampled_from([USDC, USDC, FINE_USDC, ETH]),
        "service": st.sampled_from(["svc_1", "svc_1", "svc_2", None]),
        "operation": st.sampled_from([PURCHASE, "transfer"]),
        "waits": st.booleans(),
        "lasts": st.sampled_from([30, 600]),
    }
)


def windows_of(lengths: dict[int, int]) -> tuple[Window, ...]:
    return tuple(Window(seconds, lengths[seconds]) for seconds in sorted(lengths))


def policy_of(shape: dict[str, Any], now: int) -> Policy:
    first, second = ("ETH", "USDC") if shape["eth_first"] else ("USDC", "ETH")
    main, other = shape["main"], shape["other"]
    return Policy(
        currency=first,
        **{**main, "windows": windows_of(main["windows"])},
        others=()
        if other is None
        else (Limits(second, **{**other, "windows": windows_of(other["windows"])}),),
        spends_max=shape["spends_max"],
        not_before=now + shape["begins"],
        expires_at=now + shape["lasts"],
        refunds_restore=shape["refunds_restore"],
        allowed_services=None if shape["services"] is None else frozenset(shape["services"]),
    )


def narrowing_of(shape: dict[str, Any], now: int) -> Narrowing:
    facts = dict(shape)
    if "lasts" in facts:
        facts["expires_at"] = now + facts.pop("lasts")
    if "not_before" in facts:
        facts["not_before"] += now
    if "windows" in facts:
        facts["windows"] = windows_of(facts["windows"])
    if "allowed_services" in facts:
        facts["allowed_services"] = frozenset(facts["allowed_services"])
    if "without" in facts:
        facts["without"] = frozenset({facts["without"]})
    return Narrowing(**facts)


def request_of(shape: dict[str, Any], number: int) -> SpendRequest:
    """A request that is like no other: `number` is in the payee's address."""
    # Fine units that are no whole number of the limits' units are rounded up.
    units = max(shape["units"] * FINE - 1, 0) if shape["asset"] is FINE_USDC else shape["units"]
    return SpendRequest(
        Money(units, shape["asset"]), shape["service"], f"0x{number:040x}", shape["operation"]
    )


def counted_units(request: SpendRequest) -> int:
    """What a request counts in the currency's own units, never less than it moves."""
    units = request.amount.units
    return -(-units // FINE) if request.amount.asset is FINE_USDC else units

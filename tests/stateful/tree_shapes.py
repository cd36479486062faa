"""Random policies, narrowings and requests for trees of sessions: small figures, often at a boundary."""

from random import Random
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
LENGTHS = [1, 3, 60, 61, 90, 240, 241, 600, 601, 605]
"""Lengths of windows; some differ by less than a bucket, so that their buckets do not fall together."""
PAUSES = st.sampled_from([0, 1, 2, 7, 30, 59, 60, 61, 90, 240, 599, 600, 601, 603, 611])

CHANCES = st.integers(0, 2**32 - 1).map(Random)
"""Figures of a policy or a spend are drawn from these: hypothesis repeats its draws too often to fill a budget."""

Shape = dict[str, Any]


def limits_shape(chance: Random) -> Shape:
    if chance.random() < 0.3:
        # A window that is all there is.
        one = {chance.choice(LENGTHS): chance.randint(30, 60)}
        return {"budget": None, "per_spend": None, "windows": one, "approval_above": None}
    lengths = chance.sample(LENGTHS, chance.choice([0, 0, 1, 2, 3]))
    return {
        "budget": chance.choice([None, chance.randint(40, 150), 10**6, *_seldom(chance, [0, *HUGE])]),
        "per_spend": chance.choice([None, None, None, 40, *_seldom(chance, [0, 20])]),
        "windows": {
            one: chance.choice([chance.randint(30, 90), *_seldom(chance, [0, *HUGE])]) for one in lengths
        },
        "approval_above": chance.choice([None, None, None, 30, *_seldom(chance, [0, 10])]),
    }


def policy_shape(chance: Random) -> Shape:
    return {
        "main": limits_shape(chance),
        "other": chance.choice([None, limits_shape(chance)]),
        "eth_first": chance.random() < 0.2,
        "spends_max": chance.choice([None, None, None, 12, *_seldom(chance, [0, 3])]),
        "begins": chance.choice([0, *_seldom(chance, [30])]),
        "lasts": chance.choice([9_000, 3_000, *_seldom(chance, [90, 700])]),
        "refunds_restore": chance.random() < 0.5,
        "services": chance.choice([None, *_seldom(chance, [{"svc_1"}, {"svc_1", "svc_2"}, set()])]),
    }


def narrowing_shape(chance: Random) -> Shape:
    limits = limits_shape(chance)
    whole = {
        "lasts": chance.choice([2_000, 600, 60]),
        "not_before": chance.choice([0, 10, -60]),
        "budget": limits["budget"],
        "per_spend": chance.choice([40, 20, 0]),
        "windows": limits["windows"],
        "spends_max": chance.choice([12, 3, 0]),
        "approval_above": chance.choice([30, 10, 0]),
        "allowed_services": chance.choice([{"svc_1"}, {"svc_1", "svc_2"}, set()]),
        "without": chance.choice(["USDC", "ETH", "EUR"]),
    }
    return {name: whole[name] for name in whole if chance.random() < 0.15}


def spend_shape(chance: Random) -> Shape:
    return {
        "units": chance.choice([chance.randint(1, 40), chance.randint(1, 20), *_seldom(chance, [0, *HUGE])]),
        "asset": chance.choice([USDC, USDC, FINE_USDC, ETH]),
        "service": chance.choice(["svc_1", *_seldom(chance, ["svc_2", None])]),
        "operation": chance.choice([PURCHASE, "transfer"]),
        "waits": chance.random() < 0.7,
        "lasts": chance.choice([30, 600]),
    }


def _seldom(chance: Random, values: list[Any]) -> list[Any]:
    """These values one time in eight."""
    return values if chance.random() < 0.125 else []


def windows_of(lengths: dict[int, int]) -> tuple[Window, ...]:
    return tuple(Window(seconds, lengths[seconds]) for seconds in sorted(lengths))


def policy_of(shape: Shape, now: int) -> Policy:
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


def narrowing_of(shape: Shape, now: int) -> Narrowing:
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


def request_of(shape: Shape, number: int) -> SpendRequest:
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

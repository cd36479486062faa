"""Policies, figures and requests as JSON text, the same in every store. Integers of any size stay integers."""

import json
from functools import lru_cache
from typing import Any

from valetkey.core.limits import Limits
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.session import Pace, Session, Spent, Usage
from valetkey.core.spend import SpendRequest
from valetkey.core.windows import BUCKETS, Ring, Window

POLICIES_CACHED = 1_024
"""Policies that are kept ready: the text of one does not change while its version stands."""

REQUESTS_CACHED = 4_096
"""Texts of what is asked for beside the amount: agents ask for the same again and again."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

_SETS = ("allowed_services", "allowed_assets", "allowed_chains", "allowed_payees", "allowed_operations")
_PLAIN = (
    "budget",
    "expires_at",
    "not_before",
    "currency",
    "per_spend",
    "spends_max",
    "approval_above",
    "refunds_restore",
)


def policy_text(policy: Policy) -> str:
    """A policy as it is stored; rules that are not set are left out."""
    facts: dict[str, Any] = {name: getattr(policy, name) for name in _PLAIN}
    for name in _SETS:
        names = getattr(policy, name)
        facts[name] = None if names is None else sorted(names)
    facts["windows"] = _windows(policy.main) or None
    facts["unit"] = None if policy.unit == 1 else policy.unit
    facts["others"] = [
        [one.currency, one.budget, one.per_spend, _windows(one), one.approval_above] for one in policy.others
    ] or None
    return _text({name: value for name, value in facts.items() if value is not None and value is not False})


@lru_cache(POLICIES_CACHED)
def policy_of(text: str) -> Policy:
    """A policy from its text."""
    facts: dict[str, Any] = json.loads(text)
    for name in _SETS:
        if name in facts:
            facts[name] = frozenset(facts[name])
    facts["windows"] = tuple(Window(*one) for one in facts.get("windows", ()))
    facts["others"] = tuple(
        Limits(currency, budget, per_spend, tuple(Window(*one) for one in windows), above)
        for currency, budget, per_spend, windows, above in facts.get("others", ())
    )
    return Policy(**{"budget": None, **facts})


def spent_text(session: Session) -> str:
    """The figures of a session: spends, then held, captured, rings and what came back of each currency.

    Its own currency comes first; what came back is left out while it is nothing.
    """
    figures = [Spent(session.usage, session.pace.rings), *session.others]
    return _text([session.pace.spends, *(_figures(one) for one in figures)])


def spent_of(text: str) -> tuple[Usage, Pace, tuple[Spent, ...]]:
    """The figures from their text."""
    spends, main, *others = json.loads(text)
    usage, rings = _spent(main)
    return usage, Pace(spends, rings), tuple(Spent(*_spent(one)) for one in others)


def request_text(request: SpendRequest) -> str:
    """What a spend asks for. Two requests are the same when their texts are."""
    asset = request.amount.asset
    about = _about(asset, request.service_id, request.payee, request.operation)
    return f"[{int(request.amount.units)},{about}]"


@lru_cache(REQUESTS_CACHED)
def _about(asset: Asset, service_id: str | None, payee: str | None, operation: str) -> str:
    facts = [asset.currency, asset.chain_id, asset.address, asset.decimals, service_id, payee, operation]
    return _text(facts)[1:-1]


def request_of(text: str) -> SpendRequest:
    """A request from its text."""
    units, currency, chain_id, address, decimals, service_id, payee, operation = json.loads(text)
    return SpendRequest(
        Money(units, Asset(currency, chain_id, address, decimals)), service_id, payee, operation
    )


def _windows(limits: Limits) -> list[list[int]]:
    return [
        [one.seconds, one.limit, *([] if one.buckets == BUCKETS else [one.buckets])] for one in limits.windows
    ]


def _figures(one: Spent) -> list[Any]:
    usage = one.usage
    return [usage.held, usage.captured, one.rings, *([usage.restored] if usage.restored else [])]


def _spent(figures: list[Any]) -> tuple[Usage, tuple[Ring, ...]]:
    held, captured, rings, *restored = figures
    return Usage(held, captured, *restored), tuple(tuple((at, units) for at, units in ring) for ring in rings)


def _text(facts: object) -> str:
    return _encode(facts)

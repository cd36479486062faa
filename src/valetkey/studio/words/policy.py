"""A policy as one sentence, which says no more and no less than the rules do."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo

from valetkey.core.money import Asset
from valetkey.core.tokens import COINS, TOKENS
from valetkey.studio.words.amounts import money, short_address
from valetkey.studio.words.chains import chain_name
from valetkey.studio.words.times import moment, span
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

NAMED_MAX = 3
"""So many are named; of more, how many there are."""

ENDED = ("revoked", "expired")


def policy_in_words(view: SessionView, networks: Mapping[int, NetworkView], now: int, zone: tzinfo) -> str:
    """What a session may do, for its owner: "May spend up to 5,000 USDC on Base until Friday 18:00, at most 100 a day".

    `now` is unix seconds; days and hours are of `zone`.
    """
    verb = "Could" if view.status in ENDED else "May"
    sells = (
        f"{verb} sell and deliver for its owner, and spend " if view.role == "seller" else f"{verb} spend "
    )
    clauses = [
        sells + " and ".join(_budgets(view)) + _where(view, networks) + _when(view, now, zone),
        *_limits(view),
        *_only(view, networks),
    ]
    asks = list(_asks(view))
    if asks:
        clauses.append(f"and asks its owner first above {_listed(asks)}")
    if view.refunds_restore:
        clauses.append("and may spend again what comes back")
    return ", ".join(clauses) + "."


def _budgets(view: SessionView) -> Iterator[str]:
    yield _up_to(view.budget_usdc, "USDC")
    for one in view.limits:
        yield _up_to(one.budget, one.currency)


def _up_to(budget: str | None, currency: str) -> str:
    if budget is None:
        return f"any amount of {currency}"
    return f"nothing of {currency}" if not budget.strip("0.") else f"up to {money(budget, currency)}"


def _where(view: SessionView, networks: Mapping[int, NetworkView]) -> str:
    if view.allowed_chains is None:
        return " on every chain that is served"
    if not view.allowed_chains:
        return " on no chain"
    return f" on {_listed([chain_name(one, networks) for one in view.allowed_chains])}"


def _when(view: SessionView, now: int, zone: tzinfo) -> str:
    begins = f" from {moment(view.not_before, now, zone)}" if view.not_before > now else ""
    return f"{begins} until {moment(view.expiry, now, zone)}"


def _limits(view: SessionView) -> Iterator[str]:
    for window in view.windows:
        yield f"at most {money(window.limit_usdc)} in any {span(window.seconds)}"
    if view.per_spend_usdc is not None:
        yield f"at most {money(view.per_spend_usdc)} at a time"
    for other in view.limits:
        for one in other.windows:
            yield f"at most {money(one.limit, other.currency)} in any {span(one.seconds)}"
        if other.per_spend is not None:
            yield f"at most {money(other.per_spend, other.currency)} at a time"
    if view.spends_max is not None:
        yield f"in {view.spends_max:,} spend{'' if view.spends_max == 1 else 's'} at most"


def _asks(view: SessionView) -> Iterator[str]:
    if view.approval_above_usdc is not None:
        yield money(view.approval_above_usdc)
    for other in view.limits:
        if other.approval_above is not None:
            yield money(other.approval_above, other.currency)


def _only(view: SessionView, networks: Mapping[int, NetworkView]) -> Iterator[str]:
    if view.allowed_service_ids:
        yield f"only at {_named('service', view.allowed_service_ids)}"
    if view.allowed_payees is not None:
        yield f"only to {_named('payee', [short_address(one) for one in view.allowed_payees])}"
    if view.allowed_assets is not None:
        yield f"only with {_named('token', [_asset(one, networks) for one in view.allowed_assets])}"
    if view.allowed_operations is not None:
        yield f"only for {_named('operation', view.allowed_operations)}"


def _named(kind: str, names: list[str]) -> str:
    if not names:
        return f"no {kind} at all"
    if len(names) > NAMED_MAX:
        return f"{len(names):,} {kind}s"
    return f"the {kind}{'s' if len(names) > 1 else ''} {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _asset(asset: str, networks: Mapping[int, NetworkView]) -> str:
    """A CAIP-19 id as its currency, where everybody or the platform knows it; otherwise its end, in short."""
    for known in (*TOKENS, *COINS):
        if known.id == asset:
            return known.currency
    for chain_id, one in networks.items():
        if Asset("USDC", chain_id, one.contracts.usdc, 6).id == asset:
            return "USDC"
    return short_address(asset.rpartition(":")[2]) if ":" in asset else asset

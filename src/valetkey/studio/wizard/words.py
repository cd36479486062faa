"""A session that is meant, in words: what it may, until when, and the most that it can cost."""

from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal

from valetkey.sdk.limits import Rules
from valetkey.sdk.session_rules import lifetime_of
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.meaning import config_of
from valetkey.studio.words.amounts import money, short_address
from valetkey.studio.words.chains import title_of
from valetkey.studio.words.times import moment, span
from valetkey.wire.network import NetworkView

DOES = {
    "purchase": "buy services",
    "payment": "pay elsewhere",
    "x402": "pay over HTTP (x402)",
    "transfer": "transfer",
    "voucher": "promise by vouchers",
}
"""What may be ticked, and what people call it."""

NAMED_MAX = 3


def sentences(
    draft: Draft, rules: Rules, network: NetworkView, services: Mapping[str, str], now: int, zone: tzinfo
) -> list[str]:
    """The policy in words, a sentence for each matter. `services`: titles by their ids. Raises InvalidInput."""
    config = config_of(draft, now)
    begins, ends = lifetime_of(config, now)
    until = f"until {moment(ends, now, zone)}"
    since = "" if begins is None else f"from {moment(begins, now, zone)} "
    place = title_of(network.network)
    members = rules.members()
    named = [services.get(one, one) for one in members["allowed_service_ids"]]
    if config.sells:
        what = f" for {_list(named)}" if named else ""
        return [f"May deliver in your name{what} on {place} {since}{until}.", "It can spend nothing."]
    found = [f"May spend up to {_told(members['budget_usdc'])} on {place} {since}{until}."]
    bounds = [f"at most {_told(one.limit_usdc)} in any {span(one.seconds)}" for one in members["windows"]]
    if members["per_spend_usdc"] is not None:
        bounds.append(f"at most {_told(members['per_spend_usdc'])} at once")
    if members["spends_max"] is not None:
        bounds.append(f"at most {members['spends_max']} spends")
    if bounds:
        found.append(f"{_list(bounds)[0].upper()}{_list(bounds)[1:]}.")
    if members["approval_above_usdc"] is not None:
        found.append(f"What costs more than {_told(members['approval_above_usdc'])} waits for your approval.")
    found += [f"Of {one.currency}: up to {one.budget.normalize():f}." for one in members["limits"]]
    does = [DOES[one] for one in config.allowed_operations if one in DOES]
    if does:
        only = f": {_list(named, last=' or ')} alone" if named else ""
        found.append(f"It may {_list(does)}{only}.")
    if config.allowed_tokens:
        found.append(f"Only in {_list(list(config.allowed_tokens))}.")
    if config.allowed_payees:
        found.append(f"Only to {_list([short_address(one) for one in config.allowed_payees])}.")
    if config.allowed_contracts:
        found.append(f"It may call {_list([short_address(one) for one in config.allowed_contracts])}.")
    if tuple(config.allowed_routers):
        found.append(f"It may swap through {_list([short_address(one) for one in config.allowed_routers])}.")
    return found


def worst_case(draft: Draft, rules: Rules) -> str:
    """The most that it can cost if its key leaks the moment it is handed over."""
    members = rules.members()
    if draft.template.sells:
        return "Nothing but the gas in its wallet: it spends nothing."
    budget = members["budget_usdc"]
    if draft["funding"] == "wallet":
        return "What its wallet holds: a thief of its key need not ask the gate."
    bounds = [one for one in (budget,) if one is not None]
    return f"{_told(min(bounds))} in all, which the contract enforces on chain." if bounds else "Everything."


def _told(amount: Decimal | None) -> str:
    return money(None if amount is None else format(amount, "f"))


def _list(found: list[str], last: str = " and ") -> str:
    """One, two and three; of many the first few."""
    if len(found) > NAMED_MAX + 1:
        found = [*found[:NAMED_MAX], f"{len(found) - NAMED_MAX} more"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])}{last}{found[-1]}"

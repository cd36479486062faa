"""What the audit log tells, in a few words, and what refusals mean."""

from collections.abc import Mapping
from typing import Any

from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.studio.words.amounts import money, short_address
from valetkey.wire.sessions import RefusalEntry

KINDS = {
    "hold_placed": "Held",
    "hold_refused": "Refused",
    "captured": "Paid",
    "voided": "Given back",
    "expired": "Lapsed",
    "refunded": "Refunded",
    "marked_unknown": "Signed, outcome unknown",
    "approval_asked": "Asked its owner",
    "observed": "Moved on chain unasked",
}
STATES = {
    "pending_approval": "waits for approval",
    "approved": "approved",
    "held": "held",
    "unknown": "unknown",
    "captured": "paid",
    "voided": "given back",
    "expired": "lapsed",
}


def kind_in_words(kind: str) -> str:
    """`session_created` as Session created, unless there is a better word."""
    return KINDS.get(kind) or kind.replace("_", " ").capitalize()


QUIET = {"hold", "from", "state", "units", "currency", "asset", "policyVersion", "ends", "policy", "by"}
"""Facts that say nothing to a person beside the others."""

AMOUNTS = {"amount", "captured", "refunded"}


def facts_in_words(facts: Mapping[str, Any], currency: str | None = None) -> str:
    """The facts of an entry that a person asks for. `currency`: of its amounts, where the entry does not say it."""
    currency = facts.get("currency", currency)
    told = []
    for name, value in facts.items():
        if name in QUIET or value in ("", None, "0") or not isinstance(value, (str, int)):
            continue
        if name in AMOUNTS:
            told.append(f"{name} {_amount(str(value), currency)}")
        else:
            told.append(f"{name} {short_address(str(value)) if name == 'payee' else value}")
    return ", ".join(told)


def _amount(units: str, currency: object) -> str:
    if currency not in CURRENCY_DECIMALS or not units.isdecimal():
        return f"{units} units"
    return money(format_units(int(units), CURRENCY_DECIMALS[str(currency)]), str(currency))


def refusal_in_words(one: RefusalEntry) -> str:
    """What was asked for: 12 USDC to 0x5290…9EE7 for payment."""
    told = [money(one.amount, one.currency or "USDC")] if one.amount is not None else []
    told += [f"to {short_address(one.payee)}"] if one.payee else []
    told += [f"at {one.service_id}"] if one.service_id else []
    told += [f"for {one.operation}"] if one.operation and one.operation != "payment" else []
    return " ".join(told) or kind_in_words(one.kind)

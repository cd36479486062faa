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


def facts_in_words(facts: Mapping[str, Any]) -> str:
    """The facts of an entry that are texts or numbers, as they are."""
    return ", ".join(
        f"{name} {value}" for name, value in facts.items() if isinstance(value, (str, int)) and value != ""
    )


def refusal_in_words(one: RefusalEntry) -> str:
    """What was asked for: 12 USDC to 0x5290…9EE7 for payment."""
    told = [money(one.amount, one.currency or "USDC")] if one.amount is not None else []
    told += [f"to {short_address(one.payee)}"] if one.payee else []
    told += [f"at {one.service_id}"] if one.service_id else []
    told += [f"for {one.operation}"] if one.operation and one.operation != "payment" else []
    return " ".join(told) or kind_in_words(one.kind)


def units_in_words(units: str, currency: str = "USDC") -> str:
    """Base units as the audit log has them, as an amount."""
    return money(format_units(int(units), CURRENCY_DECIMALS[currency]), currency)

"""A draft with the rules of a session that is: everything but its name, its money and how it is handed over."""

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import checksum_address
from valetkey.sdk.planning import asset_of
from valetkey.studio.wizard.currencies import fields_of
from valetkey.studio.wizard.templates import DAY, HOUR
from valetkey.studio.wizard.words import DOES
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

SWAP = "swap."
_COINS = {"60": ("ETH",), "966": ("POL",)}
"""By their SLIP-44 numbers, as asset ids name them."""


def fields_like(view: SessionView) -> dict[str, str]:
    """The fields of a draft. Functions of contracts are known by their hashes alone, and are left out."""
    found = {
        "template": "seller" if view.role == "seller" else "chain",
        "agent": view.delegate or "",
        "chain": str(view.network.chain_id),
        "sole": "on" if view.sole_label else "",
        **_life(view),
        "services_more": "\n".join(view.allowed_service_ids),
    }
    if view.role == "seller":
        return {**found, "funding": "wallet"}
    operations = view.allowed_operations or []
    return {
        **found,
        "budget": view.budget_usdc or "",
        "unlimited": "on" if view.budget_usdc is None else "",
        "per_spend": view.per_spend_usdc or "",
        "approval_above": view.approval_above_usdc or "",
        "spends_max": "" if view.spends_max is None else str(view.spends_max),
        "refunds": "on" if view.refunds_restore else "",
        "more_windows": "\n".join(f"{one.limit_usdc} in {_length(one.seconds)}" for one in view.windows),
        **_others(view),
        "does": "\n".join(one for one in DOES if view.allowed_operations is None or one in operations),
        "does_more": "\n".join(one for one in operations if one not in DOES and "." not in one),
        "routers": "\n".join(
            checksum_address(f"0x{one.removeprefix(SWAP)}") for one in operations if one.startswith(SWAP)
        ),
        "payees": "\n".join(view.allowed_payees or ()),
        "tokens": "\n".join(_token(one, view.network) for one in view.allowed_assets or ()),
        "funding": view.funding_mode if view.funding_mode in ("grant", "wallet") else "grant",
    }


def _life(view: SessionView) -> dict[str, str]:
    """Its length of life where it had a beginning; when it was made is not known of another one."""
    if not view.not_before:
        return {"life_count": str(DAY // HOUR), "life_unit": "hours"}
    seconds = view.expiry - view.not_before
    for unit, size in (("days", DAY), ("hours", HOUR)):
        if seconds % size == 0:
            return {"life_count": str(seconds // size), "life_unit": unit}
    return {"life_count": str(-(-seconds // 60)), "life_unit": "minutes"}


def _length(seconds: int) -> str:
    """As the form reads it: 1 hour, 6 hours."""
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    raise AssertionError("every length is so many seconds")


def _others(view: SessionView) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in view.limits:
        budget, any_, each, above, windows = fields_of(one.currency)
        found |= {
            budget: one.budget or "",
            any_: "on" if one.budget is None else "",
            each: one.per_spend or "",
            above: one.approval_above or "",
            windows: "\n".join(f"{by.limit} in {_length(by.seconds)}" for by in one.windows),
        }
    return found


def _token(asset: str, network: NetworkView) -> str:
    """The name of a CAIP-19 id where it has one there, otherwise its address."""
    thing = asset.rpartition(":")[2]
    for name in (thing, *_COINS.get(thing, ())):
        try:
            return asset_of(network, name).currency
        except InvalidInput:
            continue
    return thing

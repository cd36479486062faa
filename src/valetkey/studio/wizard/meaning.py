"""What a draft means: a SessionConfig of the SDK, which says what is right. No rule of a session is written here."""

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.sdk.amounts import usdc_units
from valetkey.sdk.config_checks import check_amounts
from valetkey.sdk.days import day_at
from valetkey.sdk.limits import Rules, amount_of
from valetkey.sdk.session_config import SessionConfig
from valetkey.sdk.session_rules import lifetime_of, rules_of
from valetkey.studio.wizard.draft import PLACES, STEP_OF, STEPS, Draft, FieldError
from valetkey.wire.abi import function_of
from valetkey.wire.network import NetworkView
from valetkey.wire.sealed_bundle import seal_bundle

T = TypeVar("T")
UNITS = {"minutes": 60, "hours": 3_600, "days": 86_400}
DAY_SECONDS = 86_400
COUNT_MAX = 1_000_000
PURCHASES_MAX = 1_000

FIELD_OF = {
    "delegate": "agent",
    "role": "agent",
    "per_transaction_limit": "per_spend",
    "daily_limit": "daily",
    "windows": "window1_amount",
    "valid_until": "life_count",
    "not_before": "begins",
    "limits": "eth",
    "currency": "eth",
    "sole_label": "sole",
    "chain_id": "chain",
    "allowed_services": "services_more",
    "allowed_tokens": "tokens",
    "allowed_payees": "payees",
    "allowed_contracts": "contracts",
    "allowed_routers": "routers",
    "allowed_operations": "does",
    # As the platform names them.
    "expiry": "life_count",
    "expiresAt": "life_count",
    "perSpendUsdc": "per_spend",
    "spendsMax": "spends_max",
    "approvalAboveUsdc": "approval_above",
    "notBefore": "begins",
    "allowedPayees": "payees",
    "allowedServiceIds": "services_more",
    "allowedAssets": "tokens",
    "allowedOperations": "does",
    "soleLabel": "label",
}
"""The form's names for what the SDK and the platform complain of, where they are others."""


def config_of(draft: Draft, now: int, upto: str = "review") -> SessionConfig:
    """The session that is meant, by what the pages up to one of them say. Raises InvalidInput, InvalidAmount."""
    since = draft.fixed_at if draft.fixed_at is not None else now
    pages = PLACES[upto]
    # What was not asked for yet is taken to be right.
    told: dict[str, Any] = {
        "label": draft.fields.get("label", ""),
        "delegate": draft["agent"] or None,
        "sole_label": bool(draft["sole"]),
        "spending_limit": 0 if draft.template.sells else None,
        "sells": draft.template.sells,
        "valid_until": since + DAY_SECONDS,
        "idempotency_key": draft.key,
    }
    if pages >= PLACES["limits"]:
        told |= _limits(draft, since)
    if pages >= PLACES["where"]:
        told |= _where(draft)
    if pages >= PLACES["money"] and draft["funding"]:
        told["funding"] = "wallet" if draft.template.sells else draft["funding"]
    return SessionConfig(**told)


def check(draft: Draft, step: str, now: int, network: NetworkView | None) -> SessionConfig:
    """What the pages up to a step mean together. Raises FieldError with the form's name of what cannot be meant."""
    problem: InvalidInput | None = None
    try:
        config = config_of(draft, now, step)
        lifetime_of(config, now)
        check_amounts(config, CURRENCY_DECIMALS["USDC"])
        if PLACES[step] >= PLACES["where"]:
            if network is None:
                raise InvalidInput("choose the chain that it is for", field="chain")
            if is_solana(network.chain_id):
                raise InvalidInput(
                    "a session on Solana is made by a Client, whose keystore keeps its keys", field="chain"
                )
            rules_of(config, network).members()
        if step == "money":
            _check_money(draft)
        return config
    except InvalidInput as error:
        problem = error
    raise of_the_form(problem, draft)


def of_the_form(problem: InvalidInput, draft: Draft) -> FieldError:
    """The same complaint, about a field of the form."""
    name = problem.field or ""
    if name in ("spending_limit", "budgetUsdc"):
        name = draft.template.amount or "template"
    field = FIELD_OF.get(name, name)
    return FieldError(str(problem), field=field if field in STEP_OF else None)


def step_of(error: FieldError) -> str:
    """The page that a complaint is about."""
    return STEP_OF.get(error.field or "", STEPS[-1].name)


def rules_meant(draft: Draft, now: int, network: NetworkView) -> Rules:
    """The rules that the gate would keep. Raises InvalidInput, InvalidAmount."""
    return rules_of(config_of(draft, now), network)


def budget_of(draft: Draft) -> Decimal | str | int | None:
    """All that it may spend, as its template has it. Raises InvalidInput."""
    template = draft.template
    if template.sells:
        return 0
    if template.amount == "purchases":
        return sum_of(draft["purchases"])
    if template.amount == "daily" and not draft["budget"]:
        days = -(-_life(draft) // DAY_SECONDS)
        return _decimal(draft["daily"], "daily") * days
    if not draft["budget"]:
        raise InvalidInput("how much may it spend?", field=template.amount)
    return draft["budget"]


def sum_of(text: str) -> Decimal:
    """What purchases cost together: `2.50, 3 x 0.75`. Raises InvalidInput."""
    total, count = Decimal(0), 0
    for one in text.replace("\n", ",").replace(";", ",").split(","):
        many, times, price = one.lower().replace("×", "x").rpartition("x")
        if not one.strip():
            continue
        number = _count(many, "purchases") if times else 1
        count += number
        if count > PURCHASES_MAX:
            raise InvalidInput(f"these are more than {PURCHASES_MAX} purchases", field="purchases")
        total += _decimal(price, "purchases") * number
    if not count:
        raise InvalidInput("name the purchases that you expect", field="purchases")
    return total


def begin_and_end(draft: Draft, now: int) -> tuple[int | None, int]:
    """Unix seconds; no beginning is now. Raises InvalidInput."""
    zone = ZoneInfo(draft.zone)
    begins = None
    if draft["begins"]:
        begins = _moment(draft["begins"], zone)
    if draft.template.of_the_day:
        return begins, day_at(now if begins is None else begins, draft.zone).ends
    return begins, (now if begins is None else begins) + _life(draft)


def _limits(draft: Draft, since: int) -> dict[str, Any]:
    begins, ends = begin_and_end(draft, since)
    told: dict[str, Any] = {"valid_until": ends, "not_before": begins}
    if draft.template.sells:
        return told
    told |= {
        "spending_limit": budget_of(draft),
        "per_transaction_limit": draft["per_spend"] or None,
        "approval_above": draft["approval_above"] or None,
        "windows": _windows(draft),
        "limits": {"ETH": _at("eth", amount_of, draft["eth"], "ETH")} if draft["eth"] else {},
    }
    if draft.template.name == "once" and not draft["per_spend"]:
        told["per_transaction_limit"] = draft["budget"]
    if draft["spends_max"]:
        told["spends_max"] = _count(draft["spends_max"], "spends_max", least=0)
    return told


def _windows(draft: Draft) -> dict[int, str]:
    found: dict[int, str] = {}
    if draft.template.amount == "daily":
        if not draft["daily"]:
            raise InvalidInput("how much may it spend in any 24 hours?", field="daily")
        _decimal(draft["daily"], "daily")
        found[DAY_SECONDS] = draft["daily"]
    for name in ("window1", "window2"):
        amount = draft[f"{name}_amount"]
        if not amount:
            continue
        unit = UNITS.get(draft[f"{name}_unit"], UNITS["hours"])
        seconds = _count(draft[f"{name}_count"] or "1", f"{name}_amount") * unit
        if seconds in found:
            raise InvalidInput("two limits for one length of time: give one", field=f"{name}_amount")
        _decimal(amount, f"{name}_amount")
        found[seconds] = amount
    return found


def _where(draft: Draft) -> dict[str, Any]:
    chain = draft["chain"]
    told: dict[str, Any] = {"chain": int(chain) if chain.isdecimal() and len(chain) < 19 else chain or None}
    services = list(dict.fromkeys((*draft.lines("services"), *draft.lines("services_more"))))
    told["allowed_services"] = services or None
    if draft.template.sells:
        return told
    does = draft.lines("does")
    if not does and not draft.lines("contracts") and not draft.lines("routers"):
        raise InvalidInput("it may do nothing at all: tick what it is for", field="does")
    told["allowed_operations"] = does
    told["allowed_tokens"] = draft.lines("tokens") or None
    told["allowed_payees"] = draft.lines("payees") or None
    told["allowed_contracts"] = dict(_contract(one) for one in draft.lines("contracts"))
    told["allowed_routers"] = draft.lines("routers")
    return told


def _contract(line: str) -> tuple[str, list[str]]:
    """`0x...: deposit(uint256); withdraw(uint256)`."""
    address, _, told = line.partition(":")
    functions = [one.strip() for one in told.split(";") if one.strip()]
    for one in functions:
        _at("contracts", function_of, one)
    return address.strip(), functions


def _check_money(draft: Draft) -> None:
    handing = draft["handing"]
    if handing == "sealed" and not draft.lines("recipients"):
        raise InvalidInput("whom is it sealed to? Name the delegate's age public key", field="recipients")
    if handing == "sealed":
        _at("recipients", seal_bundle, "", draft.lines("recipients"), None)
    if handing == "enrolled" and not draft["code"]:
        raise InvalidInput("type the code that the delegate told you", field="code")
    if handing == "enrolled" and draft["funding"] == "wallet" and not draft.template.sells:
        raise InvalidInput(
            "nobody but its delegate could bring back what an enrolled session's wallet holds: let it pay by grant",
            field="funding",
        )
    if draft["amount"] and draft["funding"] == "wallet" and not draft.template.sells:
        if not _at("amount", usdc_units, draft["amount"]):
            raise InvalidInput("leave it empty, to fund it later", field="amount")
        if draft["signing"] == "later":
            raise InvalidInput("nobody sends it now: leave it empty, or choose who signs", field="amount")
    if draft.template.sells and draft["signing"] == "later" and handing != "enrolled":
        raise InvalidInput(
            "what buyers encrypt to a key that may be lost nobody could read: choose who signs its recovery copy",
            field="signing",
        )
    if draft["funding"] == "grant" and draft["signing"] == "later" and not draft.template.sells:
        raise InvalidInput("a grant is signed now: choose who signs it", field="signing")


def _life(draft: Draft) -> int:
    unit = UNITS.get(draft["life_unit"], UNITS["hours"])
    return _count(draft["life_count"], "life_count") * unit


def _count(text: str, field: str, *, least: int = 1) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:12]) <= COUNT_MAX:
        raise InvalidInput(f"write a whole number of {least} or more", field=field)
    return int(text[:12])


def _decimal(text: str, field: str) -> Decimal:
    """An amount that is counted with; whether it is one that a session can have, the SDK says."""
    found: Decimal | None = None
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or found < 0 or len(text) > 40 or abs(found.adjusted()) > 30:
        raise InvalidInput("write an amount such as 12.50", field=field)
    return found


def _at(field: str, read: Callable[..., T], *told: object) -> T:
    """What is read, and a complaint about it at the form's field."""
    problem = ""
    try:
        return read(*told)
    except InvalidInput as error:
        problem = str(error)
    raise InvalidInput(problem, field=field)


def _moment(text: str, zone: tzinfo) -> int:
    """A time as a browser's field has it, in the zone of whoever typed it."""
    found: datetime | None = None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise InvalidInput("write a date and a time", field="begins")
    return int(found.replace(tzinfo=zone).timestamp())


def ids(found: Iterable[str]) -> str:
    """Several values of one field, as a draft keeps them."""
    return "\n".join(one.strip() for one in found if one.strip())

"""The limits of a draft: amounts, limits by time, other currencies, beginning, end. Complaints name their field."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from valetkey.core.errors import InvalidInput
from valetkey.core.windows import WINDOW_SECONDS_MAX, WINDOWS_MAX
from valetkey.sdk.days import day_at
from valetkey.sdk.limits import Limit, amount_of
from valetkey.studio.wizard.currencies import MAIN, OTHERS, fields_of
from valetkey.studio.wizard.draft import Draft

T = TypeVar("T")
UNITS = {"minutes": 60, "hours": 3_600, "days": 86_400}
DAY_SECONDS = 86_400
COUNT_MAX = 1_000_000
PURCHASES_MAX = 1_000
YEARS = range(2000, 2200)
SAID_CHARS_MAX = 60

_WINDOW = re.compile(r"(\S+)\s+(?:\S*[A-Z]\s+)?(?:in|per|a)\s+(?:any\s+)?(?:(\d{1,7})\s+)?([a-z]+)", re.ASCII)
"""`20 in 6 hours`, `5 per day`, `0.1 ETH in any week`."""

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


def limits_of(draft: Draft, since: int) -> dict[str, Any]:
    """The members of a SessionConfig that are about amounts and time. Raises InvalidInput, of a field of the form."""
    begins, ends = begin_and_end(draft, since)
    told: dict[str, Any] = {"valid_until": ends, "not_before": begins}
    if draft.template.sells:
        return told
    others = _others(draft)
    budget = budget_of(draft)
    if not budget and budget is not None and not others:
        raise InvalidInput("with 0 it could spend nothing: write an amount", field=draft.template.amount)
    told |= {
        "spending_limit": budget,
        "per_transaction_limit": _maybe(draft, "per_spend"),
        "approval_above": _maybe(draft, "approval_above"),
        "windows": _windows(draft),
        "limits": others,
        "refunds_restore": bool(draft["refunds"]),
    }
    if draft.template.name == "once" and not draft["per_spend"]:
        told["per_transaction_limit"] = budget
    if draft["spends_max"]:
        told["spends_max"] = count(draft["spends_max"], "spends_max", least=0)
    return told


def budget_of(draft: Draft) -> Decimal | None:
    """All that it may spend of USDC, as its template has it; None is unlimited. Raises InvalidInput."""
    template = draft.template
    if draft["unlimited"] and template.unlimits:
        if draft["budget"]:
            raise InvalidInput("a budget and none are two things: take one away", field="unlimited")
        return None
    if template.amount == "purchases":
        return sum_of(draft["purchases"])
    if template.amount == "daily" and not draft["budget"]:
        days = -(-life_of(draft) // DAY_SECONDS)
        return amount(draft["daily"], "daily") * days
    if not draft["budget"]:
        raise InvalidInput("how much may it spend?", field=template.amount)
    return amount(draft["budget"], "budget")


def sum_of(text: str) -> Decimal:
    """What purchases cost together: `2.50, 3 x 0.75`. Raises InvalidInput."""
    if re.search(r"\d,\d", text):
        # A decimal comma would make two purchases out of one.
        raise InvalidInput(
            "write amounts with a point, and a blank after each comma: 2.50, 3 x 0.75", field="purchases"
        )
    total, counted = Decimal(0), 0
    for one in text.replace("\n", ",").replace(";", ",").split(","):
        many, times, price = one.lower().replace("×", "x").rpartition("x")
        if not one.strip():
            continue
        number = count(many, "purchases") if times else 1
        counted += number
        if counted > PURCHASES_MAX:
            raise InvalidInput(f"these are more than {PURCHASES_MAX} purchases", field="purchases")
        total += amount(price.strip(), "purchases") * number
    if not counted:
        raise InvalidInput("name the purchases that you expect", field="purchases")
    return total


def begin_and_end(draft: Draft, now: int) -> tuple[int | None, int]:
    """Unix seconds; no beginning is now. Raises InvalidInput."""
    zone = ZoneInfo(draft.zone)
    begins = None
    if draft["begins"]:
        begins = _moment(draft["begins"], zone)
    since = now if begins is None else begins
    ends = day_at(since, draft.zone).ends if draft.template.of_the_day else since + life_of(draft)
    if ends <= now:
        raise InvalidInput(
            "it would be over already: let it begin later, or live longer",
            field="life_count" if begins is None else "begins",
        )
    return begins, ends


def life_of(draft: Draft) -> int:
    """Seconds. Raises InvalidInput."""
    unit = UNITS.get(draft["life_unit"], UNITS["hours"])
    return count(draft["life_count"], "life_count") * unit


def count(text: str, field: str, *, least: int = 1) -> int:
    """A whole number. Raises InvalidInput."""
    text = text.strip()
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:12]) <= COUNT_MAX:
        raise InvalidInput(f"write a whole number, {least} to {COUNT_MAX:,}", field=field)
    return int(text[:12])


def amount(text: str, field: str, currency: str = MAIN) -> Decimal:
    """An exact amount of a currency. Raises InvalidInput."""
    return at(field, amount_of, text.strip(), currency)


def at(field: str, read: Callable[..., T], *told: object) -> T:
    """What is read, and a complaint about it at the form's field."""
    problem = ""
    try:
        return read(*told)
    except InvalidInput as error:
        problem = str(error)
    raise InvalidInput(problem, field=field)


def of_line(field: str, line: str, read: Callable[..., T], *told: object) -> T:
    """As `at`, of one line of several: the complaint says which."""
    problem = ""
    try:
        return read(*told)
    except InvalidInput as error:
        problem = str(error)
    raise InvalidInput(f"“{_short(line)}”: {problem}", field=field)


def _maybe(draft: Draft, field: str, currency: str = MAIN) -> Decimal | None:
    return amount(draft[field], field, currency) if draft[field] else None


def _windows(draft: Draft) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    if draft.template.amount == "daily":
        if not draft["daily"]:
            raise InvalidInput("how much may it spend in any 24 hours?", field="daily")
        found[DAY_SECONDS] = amount(draft["daily"], "daily")
    for name in ("window1", "window2"):
        field = f"{name}_amount"
        if not draft[field]:
            continue
        unit = UNITS.get(draft[f"{name}_unit"], UNITS["hours"])
        seconds = count(draft[f"{name}_count"] or "1", f"{name}_count") * unit
        _add(found, seconds, amount(draft[field], field), field)
    for line in draft.lines("more_windows"):
        _add_line(found, line, "more_windows", MAIN)
    return found


def _add_line(found: dict[int, Decimal], line: str, field: str, currency: str) -> None:
    read = _WINDOW.fullmatch(line)
    unit = None if read is None else _UNITS.get(read[3].removesuffix("s"))
    if read is None or unit is None:
        raise InvalidInput(
            f"“{_short(line)}”: write an amount and a length of time, such as 20 in 6 hours", field=field
        )
    _add(found, int(read[2] or 1) * unit, of_line(field, line, amount_of, read[1], currency), field)


def _add(found: dict[int, Decimal], seconds: int, most: Decimal, field: str) -> None:
    if not 1 <= seconds <= WINDOW_SECONDS_MAX:
        raise InvalidInput(
            f"a limit by time is for {WINDOW_SECONDS_MAX // DAY_SECONDS} days at most", field=field
        )
    if seconds in found:
        raise InvalidInput("two limits for one length of time: give one", field=field)
    if len(found) == WINDOWS_MAX:
        raise InvalidInput(f"there are {WINDOWS_MAX} limits by time at most", field=field)
    found[seconds] = most


def _others(draft: Draft) -> dict[str, Limit]:
    found: dict[str, Limit] = {}
    for currency in OTHERS:
        budget, any_, each, above, windows = fields_of(currency)
        if not any(draft[one] for one in (budget, any_, each, above, windows)):
            continue
        if draft[any_] and draft[budget]:
            raise InvalidInput("a budget and none are two things: take one away", field=budget)
        if not draft[any_] and not draft[budget]:
            raise InvalidInput(f"how much {currency} may it spend in all?", field=budget)
        by_time: dict[int, Decimal] = {}
        for line in draft.lines(windows):
            _add_line(by_time, line, windows, currency)
        found[currency] = Limit(
            _maybe(draft, budget, currency),
            per_spend=_maybe(draft, each, currency),
            windows=by_time,
            approval_above=_maybe(draft, above, currency),
        )
    return found


def _moment(text: str, zone: tzinfo) -> int:
    """A time as a browser's field has it, in the zone of whoever typed it."""
    found: datetime | None = None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise InvalidInput("write a date and a time", field="begins")
    if found.year not in YEARS:
        raise InvalidInput(f"write a time of the years {YEARS[0]} to {YEARS[-1]}", field="begins")
    return int(found.replace(tzinfo=zone).timestamp())


def _short(line: str) -> str:
    return line if len(line) <= SAID_CHARS_MAX else f"{line[:SAID_CHARS_MAX]}…"

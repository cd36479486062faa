"""The decision: may this session make this spend now? Every reason for a "no" is given at once.

A session that was made out of another one needs the consent of every ancestor's policy.
"""

from dataclasses import dataclass, replace

from valetkey.core.errors import InvalidAmount
from valetkey.core.money import format_units, rescale
from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.core.rules import amounts, life, names
from valetkey.core.session import Lineage, Session, usage_of
from valetkey.core.spend import SpendRequest
from valetkey.core.value import value


@value
@dataclass(frozen=True, slots=True)
class Allowed:
    """A "yes": `amount` counts against the limits; `remaining` is the least budget after it, None = unlimited.

    `approval`: the "yes" holds once the owner approves; this is the rule that asks for it.
    """

    amount: int
    remaining: int | None
    approval: Refusal | None = None


def decide(session: Session, request: SpendRequest, now: int, ancestors: Lineage = ()) -> Allowed | Refused:
    """Apply the policies of a session and its ancestors to one spend at `now` (unix seconds of the store's clock).

    Raises InvalidAmount for a negative spend, which would give money to the budget.
    """
    if request.amount.units < 0:
        raise InvalidAmount("a spend is not negative")
    lineage = (session, *ancestors)
    currency = request.amount.asset.currency
    reasons: list[Refusal] = []
    # What stops a session comes first, whoever of the lineage is stopped.
    for one in lineage:
        if stops := life(one, now):
            reasons += _of(one, session, stops)
    asked, least, asks = -1, None, False
    for one in lineage:
        if closed := names(one, request):
            reasons += _of(one, session, closed)
        limits = one.policy.limits(currency)
        if limits is None:
            continue
        if asked < 0:
            # It is rounded up to the currency's precision and the policy's unit, for all of them alike (a child has
            # its parent's unit): rounding never favours the spender.
            units = rescale(request.amount.units, request.amount.asset.decimals, limits.decimals, up=True)
            asked = limits.counted(units)
        if over := amounts(one, limits, asked, now):
            reasons += _of(one, session, over)
        if limits.budget is not None:
            left = limits.budget - usage_of(one, currency).committed - asked
            if least is None or left < least:
                least = left
        asks = asks or limits.approval_above is not None
    if reasons:
        return Refused(tuple(reasons))
    return Allowed(max(asked, 0), least, _approval(lineage, currency, asked) if asks else None)


def _approval(lineage: Lineage, currency: str, asked: int) -> Refusal | None:
    """The strictest threshold that the spend passes, None when no approval is needed."""
    above = [
        (limits.approval_above, one)
        for one in lineage
        if (limits := one.policy.limits(currency)) is not None
        and limits.approval_above is not None
        and asked > limits.approval_above
    ]
    if not above:
        return None
    threshold, whose = min(above, key=lambda pair: pair[0])
    limits = whose.policy.limits(currency)
    assert limits is not None
    text = f"{format_units(threshold, limits.decimals)} {currency}"
    reason = Refusal(
        Code.APPROVAL_REQUIRED,
        "approval_above",
        f"a spend of more than {text} waits for the owner's approval",
        asked=asked,
        limit=threshold,
        remaining=threshold,
        hint=f"ask for at most {text}, or repeat the request when the owner has approved it",
        currency=currency,
        approvable=True,
    )
    return _of(whose, lineage[0], [reason])[0]


def _of(whose: Session, session: Session, reasons: list[Refusal]) -> list[Refusal]:
    return reasons if whose is session else [replace(one, session_id=whose.id) for one in reasons]

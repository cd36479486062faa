"""The decision: may this session make this spend now? Every reason for a "no" is given at once."""

from dataclasses import dataclass

from valetkey.core.errors import InvalidAmount
from valetkey.core.money import Money, format_units, rescale
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.core.session import Role, Session, ring_of
from valetkey.core.windows import counted, free_at


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """What a spend would move: `amount` is everything the payer is charged, fee included."""

    amount: Money
    service_id: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """A "yes": `amount` counts against the limits; `remaining` is the budget after it, None = unlimited."""

    amount: int
    remaining: int | None


def decide(session: Session, request: SpendRequest, now: int) -> Allowed | Refused:
    """Apply the session's policy to one spend at `now` (unix seconds of the store's clock).

    Raises InvalidAmount for a negative spend, which would give money to the budget.
    """
    if request.amount.units < 0:
        raise InvalidAmount("a spend is not negative")
    policy = session.policy
    # A spend is rounded up to the currency's precision: rounding never favours the spender.
    asked = rescale(request.amount.units, request.amount.asset.decimals, policy.decimals, up=True)
    other_currency = _asset(policy, request)
    # Limits are written in the policy's currency: figures in it would say nothing about another one.
    limits = (
        ()
        if other_currency
        else (
            _per_spend(policy, asked),
            *(_window(session, index, asked, now) for index in range(len(policy.windows))),
            _budget(session, asked),
        )
    )
    reasons = [
        reason
        for reason in (
            _alive(session, now),
            _may_buy(session),
            _service(policy, request),
            other_currency,
            *limits,
            _count(session),
        )
        if reason is not None
    ]
    if reasons:
        return Refused(tuple(reasons))
    return Allowed(asked, None if policy.budget is None else policy.budget - session.usage.committed - asked)


def _alive(session: Session, now: int) -> Refusal | None:
    policy = session.policy
    if session.revoked_at is not None:
        return Refusal(
            Code.SESSION_REVOKED, "revoked", "the session was revoked", hint="ask the owner for a new one"
        )
    if now >= policy.expires_at:
        return Refusal(
            Code.SESSION_EXPIRED,
            "expires_at",
            "the session has expired",
            limit=policy.expires_at,
            hint="ask the owner for a new one",
        )
    if session.frozen_at is not None:
        return Refusal(
            Code.SESSION_PAUSED,
            "frozen",
            "the owner froze all of its sessions",
            hint="ask the owner to thaw them",
        )
    if session.paused_at is not None:
        return Refusal(
            Code.SESSION_PAUSED, "paused", "the owner paused the session", hint="ask the owner to resume it"
        )
    if now < policy.not_before:
        return Refusal(
            Code.SESSION_PENDING,
            "not_before",
            "the session has not begun",
            resets_at=policy.not_before,
            hint="try again when it begins",
        )
    return None


def _may_buy(session: Session) -> Refusal | None:
    if session.role is Role.BUYER:
        return None
    return Refusal(Code.WRONG_PARTY, "role", "a seller session cannot spend", hint="use a buyer session")


def _service(policy: Policy, request: SpendRequest) -> Refusal | None:
    if policy.allowed_services is None or request.service_id in policy.allowed_services:
        return None
    return Refusal(
        Code.SERVICE_NOT_ALLOWED,
        "allowed_services",
        f"the session may not buy service {request.service_id}",
        hint="ask the owner for a session that allows this service",
    )


def _asset(policy: Policy, request: SpendRequest) -> Refusal | None:
    if request.amount.asset.currency == policy.currency:
        return None
    return Refusal(
        Code.NO_LIMIT_FOR_ASSET,
        "currency",
        f"the session has no limit for {request.amount.asset.currency}",
        hint=f"pay in {policy.currency}",
    )


def _per_spend(policy: Policy, asked: int) -> Refusal | None:
    if policy.per_spend is None or asked <= policy.per_spend:
        return None
    return Refusal(
        Code.PER_SPEND_EXCEEDED,
        "per_spend",
        f"one spend may cost {_written(policy.per_spend, policy)}, this one costs {_written(asked, policy)}",
        asked=asked,
        limit=policy.per_spend,
        remaining=policy.per_spend,
        hint=f"ask for at most {_written(policy.per_spend, policy)}",
    )


def _window(session: Session, index: int, asked: int, now: int) -> Refusal | None:
    policy, window, ring = session.policy, session.policy.windows[index], ring_of(session, index)
    used = counted(window, ring, now)
    if used + asked <= window.limit:
        return None
    left = max(window.limit - used, 0)
    fits_at = free_at(window, ring, asked, now)
    if fits_at is not None and fits_at >= policy.expires_at:
        # By then there is no session to spend with.
        fits_at = None
    length = span(window.seconds)
    wait = "" if fits_at is None else f", or wait {span(fits_at - now)}"
    return Refusal(
        Code.WINDOW_EXCEEDED,
        f"window:{window.seconds}",
        f"asked {_written(asked, policy)}, left {_written(left, policy)} of {_written(window.limit, policy)}"
        f" in any {length}",
        asked=asked,
        limit=window.limit,
        remaining=left,
        resets_at=fits_at,
        hint=f"ask for at most {_written(left, policy)}{wait}",
    )


def _count(session: Session) -> Refusal | None:
    most = session.policy.spends_max
    if most is None or session.pace.spends < most:
        return None
    return Refusal(
        Code.SPEND_COUNT_EXCEEDED,
        "spends_max",
        f"all {most} spends of the session were made",
        limit=most,
        remaining=0,
        hint="ask the owner for a session that allows more spends",
    )


def _budget(session: Session, asked: int) -> Refusal | None:
    policy, usage = session.policy, session.usage
    if policy.budget is None or usage.committed + asked <= policy.budget:
        return None
    left = max(policy.budget - usage.committed, 0)
    # When more moved than was granted, the owner has to make up for that first.
    short = usage.committed + asked - policy.budget
    held = f", {_written(usage.held, policy)} of it held" if usage.held else ""
    return Refusal(
        Code.BUDGET_EXCEEDED,
        "budget",
        f"asked {_written(asked, policy)}, left {_written(left, policy)} of {_written(policy.budget, policy)}"
        f" ({_written(usage.committed, policy)} used{held})",
        asked=asked,
        limit=policy.budget,
        remaining=left,
        hint=f"ask for at most {_written(left, policy)}, or ask the owner for {_written(short, policy)} more",
    )


def span(seconds: int) -> str:
    """So many seconds as people say them, in the largest units: `1 d 2 h`, `90 s` is `1 min 30 s`."""
    parts = []
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts) or "0 s"


def _written(units: int, policy: Policy) -> str:
    return f"{format_units(units, policy.decimals)} {policy.currency}"

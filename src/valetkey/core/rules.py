"""The rules of one session's policy, each a reason for a "no" with the smallest change that would pass."""

from valetkey.core.addresses import canonical_address
from valetkey.core.limits import Limits
from valetkey.core.money import format_units
from valetkey.core.refusal import Code, Refusal
from valetkey.core.session import Role, Session, Usage, rings_of, usage_of
from valetkey.core.spend import SpendRequest
from valetkey.core.windows import EMPTY, Ring, Window, counted, free_at


def life(session: Session, now: int) -> list[Refusal]:
    """Whether the session may spend at all at `now`, unix seconds."""
    policy = session.policy
    found: list[Refusal] = []
    if (
        session.revoked_at is None
        and policy.not_before <= now < policy.expires_at
        and session.frozen_at is None
        and session.paused_at is None
        and session.role is Role.BUYER
    ):
        # Nearly always so, and asked of every ancestor at every spend.
        return found
    if session.revoked_at is not None:
        found.append(
            Refusal(
                Code.SESSION_REVOKED, "revoked", "the session was revoked", hint="ask the owner for a new one"
            )
        )
    elif now >= policy.expires_at:
        found.append(
            Refusal(
                Code.SESSION_EXPIRED,
                "expires_at",
                "the session has expired",
                limit=policy.expires_at,
                hint="ask the owner for a new one",
            )
        )
    elif session.frozen_at is not None:
        found.append(
            Refusal(
                Code.SESSION_PAUSED,
                "frozen",
                "the owner froze all of its sessions",
                hint="ask the owner to thaw them",
            )
        )
    elif session.paused_at is not None:
        found.append(
            Refusal(
                Code.SESSION_PAUSED,
                "paused",
                "the owner paused the session",
                hint="ask the owner to resume it",
            )
        )
    elif now < policy.not_before:
        found.append(
            Refusal(
                Code.SESSION_PENDING,
                "not_before",
                "the session has not begun",
                resets_at=policy.not_before,
                hint="try again when it begins",
            )
        )
    if session.role is not Role.BUYER:
        found.append(
            Refusal(Code.WRONG_PARTY, "role", "a seller session cannot spend", hint="use a buyer session")
        )
    return found


def names(session: Session, request: SpendRequest) -> list[Refusal]:
    """What may be bought, from whom, with what, where, and how often."""
    policy, asset = session.policy, request.amount.asset
    found: list[Refusal] = []
    if policy.names_nothing and policy.limits(asset.currency) is not None:
        return found
    if policy.allowed_services is not None and request.service_id not in policy.allowed_services:
        what = "what is no service" if request.service_id is None else f"service {request.service_id}"
        found.append(
            _closed(Code.SERVICE_NOT_ALLOWED, "allowed_services", f"buy {what}", "allows this service")
        )
    if policy.allowed_operations is not None and request.operation not in policy.allowed_operations:
        found.append(
            _closed(
                Code.OPERATION_NOT_ALLOWED, "allowed_operations", f"do a {request.operation}", "allows this"
            )
        )
    if (
        policy.allowed_payees is not None
        and canonical_address(request.payee or "") not in policy.allowed_payees
    ):
        whom = "somebody who is not named" if request.payee is None else request.payee
        found.append(_closed(Code.PAYEE_NOT_ALLOWED, "allowed_payees", f"pay {whom}", "allows this payee"))
    if policy.allowed_chains is not None and asset.chain_id not in policy.allowed_chains:
        found.append(
            _closed(
                Code.CHAIN_NOT_ALLOWED,
                "allowed_chains",
                f"spend on chain {asset.chain_id}",
                "allows this chain",
            )
        )
    if policy.allowed_assets is not None and asset.id not in policy.allowed_assets:
        found.append(
            _closed(Code.ASSET_NOT_ALLOWED, "allowed_assets", f"spend {asset.id}", "allows this asset")
        )
    if policy.limits(asset.currency) is None:
        found.append(
            Refusal(
                Code.NO_LIMIT_FOR_ASSET,
                "currency",
                f"the session has no limit for {asset.currency}",
                hint=f"pay in {' or '.join(policy.currencies)}",
            )
        )
    if policy.spends_max is not None:
        found += spent_out(session)
    return found


def spent_out(session: Session) -> list[Refusal]:
    """Whether every spend that the session may make was made."""
    most = session.policy.spends_max
    if most is None or session.pace.spends < most:
        return []
    return [
        Refusal(
            Code.SPEND_COUNT_EXCEEDED,
            "spends_max",
            f"all {most} spends of the session were made",
            limit=most,
            remaining=0,
            hint="ask the owner for a session that allows more spends",
        )
    ]


def amounts(session: Session, limits: Limits, asked: int, now: int) -> list[Refusal]:
    """How much, in base units of the limits' currency."""
    found: list[Refusal] = []
    if limits.per_spend is not None and asked > limits.per_spend:
        found.append(_per_spend(limits, limits.per_spend, asked))
    rings = rings_of(session, limits.currency)
    if not rings:
        rings = (EMPTY,) * len(limits.windows)
    for window, ring in zip(limits.windows, rings, strict=True):
        used = counted(window, ring, now)
        if used + asked > window.limit:
            found.append(_window(session, limits, window, ring, used, asked, now))
    if limits.budget is not None:
        usage = usage_of(session, limits.currency)
        if usage.committed + asked > limits.budget:
            found.append(_budget(limits, limits.budget, usage, asked))
    return found


def _per_spend(limits: Limits, most: int, asked: int) -> Refusal:
    return Refusal(
        Code.PER_SPEND_EXCEEDED,
        "per_spend",
        f"one spend may cost {_written(most, limits)}, this one costs {_written(asked, limits)}",
        asked=asked,
        limit=most,
        remaining=most,
        hint=f"ask for at most {_written(most, limits)}",
        currency=limits.currency,
    )


def _window(
    session: Session, limits: Limits, window: Window, ring: Ring, used: int, asked: int, now: int
) -> Refusal:
    left = max(window.limit - used, 0)
    fits_at = free_at(window, ring, asked, now)
    if fits_at is not None and fits_at >= session.policy.expires_at:
        # By then there is no session to spend with.
        fits_at = None
    length = span(window.seconds)
    wait = "" if fits_at is None else f", or wait {span(fits_at - now)}"
    return Refusal(
        Code.WINDOW_EXCEEDED,
        f"window:{window.seconds}",
        f"asked {_written(asked, limits)}, left {_written(left, limits)} of {_written(window.limit, limits)}"
        f" in any {length}",
        asked=asked,
        limit=window.limit,
        remaining=left,
        resets_at=fits_at,
        hint=f"ask for at most {_written(left, limits)}{wait}",
        currency=limits.currency,
    )


def _budget(limits: Limits, budget: int, usage: Usage, asked: int) -> Refusal:
    left = max(budget - usage.committed, 0)
    # When more moved than was granted, the owner has to make up for that first.
    short = usage.committed + asked - budget
    held = f", {_written(usage.held, limits)} of it held" if usage.held else ""
    return Refusal(
        Code.BUDGET_EXCEEDED,
        "budget",
        f"asked {_written(asked, limits)}, left {_written(left, limits)} of {_written(budget, limits)}"
        f" ({_written(usage.committed, limits)} used{held})",
        asked=asked,
        limit=budget,
        remaining=left,
        hint=f"ask for at most {_written(left, limits)}, or ask the owner for {_written(short, limits)} more",
        currency=limits.currency,
    )


def span(seconds: int) -> str:
    """So many seconds as people say them, in the largest units: `1 d 2 h`, `90 s` is `1 min 30 s`."""
    parts = []
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts) or "0 s"


def _closed(code: Code, rule: str, what: str, wanted: str) -> Refusal:
    return Refusal(
        code, rule, f"the session may not {what}", hint=f"ask the owner for a session that {wanted}"
    )


def _written(units: int, limits: Limits) -> str:
    return f"{format_units(units, limits.decimals)} {limits.currency}"

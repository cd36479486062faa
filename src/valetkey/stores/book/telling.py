"""What the audit log says of spends and sessions. No key, token or payload is ever in it."""

from collections.abc import Mapping
from functools import lru_cache

from valetkey.core.api_key import ApiKey
from valetkey.core.audit import Body, Kind, filled, form
from valetkey.core.commands import (
    Approve,
    Capture,
    Command,
    Execute,
    Expire,
    Lapse,
    MarkUnknown,
    Observe,
    PlaceHold,
    Refund,
    Reject,
    Void,
)
from valetkey.core.money import Asset, Money
from valetkey.core.refusal import Refused
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.ports.accounts import Child, SessionRecord
from valetkey.stores.book.facts import Value
from valetkey.stores.records import policy_text

ASKED_CACHED = 4_096
"""Forms of what is asked for beside the amount: agents ask for the same again and again."""

KINDS: Mapping[type[Command], Kind] = {
    PlaceHold: Kind.HOLD_PLACED,
    Observe: Kind.OBSERVED,
    Approve: Kind.APPROVED,
    Reject: Kind.REJECTED,
    Execute: Kind.EXECUTED,
    MarkUnknown: Kind.MARKED_UNKNOWN,
    Capture: Kind.CAPTURED,
    Refund: Kind.REFUNDED,
    Void: Kind.VOIDED,
    Lapse: Kind.EXPIRED,
    Expire: Kind.EXPIRED,
}


def asked(request: SpendRequest) -> dict[str, Value]:
    """A request."""
    return {
        "units": str(request.amount.units),
        "asset": request.amount.asset.id,
        "currency": request.amount.asset.currency,
        "payee": request.payee,
        "service": request.service_id,
        "operation": request.operation,
    }


def placed(hold: Hold) -> Body:
    """A hold that was placed, or that waits for approval."""
    request = hold.request
    blank = _placed(request.amount.asset, request.service_id, request.payee, request.operation)
    return filled(
        blank, str(hold.amount), hold.expires_at, hold.id, str(hold.state), str(request.amount.units)
    )


@lru_cache(ASKED_CACHED)
def _placed(asset: Asset, service_id: str | None, payee: str | None, operation: str) -> str:
    """What is told of every hold for the same thing, whatever its amount."""
    known = asked(SpendRequest(Money(0, asset), service_id, payee, operation))
    del known["units"]
    return form(known, ("amount", "ends", "hold", "state", "units"))


def moved(before: Hold, after: Hold, by: str) -> dict[str, Value]:
    """A hold that went from one state to another."""
    facts: dict[str, Value] = {
        "hold": after.id,
        "from": str(before.state),
        "state": str(after.state),
        "amount": str(after.amount),
        "by": by,
    }
    if after.state is HoldState.CAPTURED:
        facts |= {"captured": str(after.captured), "refunded": str(after.refunded)}
    return facts


def refused(request: SpendRequest, refusal: Refused) -> dict[str, Value]:
    """A request that was refused, with every reason."""
    return {**asked(request), **why(refusal)}


def why(refusal: Refused) -> dict[str, Value]:
    """Every reason of a refusal. Their messages are for whoever asked."""
    return {
        "codes": [str(reason.code) for reason in refusal.reasons],
        "rules": [
            reason.rule if reason.session_id is None else f"{reason.rule} of {reason.session_id}"
            for reason in refusal.reasons
        ],
    }


def unsettled(hold: Hold, command: Command, by: str, refusal: Refused) -> dict[str, Value]:
    """A hold that stays as it is. `wanted`: the kind of the entry that there would have been."""
    return {
        "hold": hold.id,
        "wanted": str(KINDS[type(command)]),
        "state": str(hold.state),
        "amount": str(hold.amount),
        "by": by,
        **why(refusal),
    }


def unmade(child: Child, refusal: Refused) -> dict[str, Value]:
    """A child session that was not made. Its parent's key signed for it."""
    return {"child": child.id, "wallet": child.wallet_address, "by": child.parent_id, **why(refusal)}


def unmade_session(record: SessionRecord, by: str, refusal: Refused) -> dict[str, Value]:
    """A session that was not made."""
    return {"label": record.label, "wallet": record.wallet_address, "by": by, **why(refusal)}


def unextended(expires_at: int, budget: int | None, by: str, refusal: Refused) -> dict[str, Value]:
    """A session that lives no longer, and what was asked for; no budget where it was to stay."""
    return {"ends": expires_at, "budget": None if budget is None else str(budget), "by": by, **why(refusal)}


def key_made(key: ApiKey, by: str) -> dict[str, Value]:
    """An API key as it began. Its secret, or a hash of it, is not told."""
    return {
        "key": key.id,
        "name": key.name,
        "scopes": sorted(map(str, key.scopes)),
        "ends": key.expires_at,
        "by": by,
    }


def made(record: SessionRecord, by: str | None = None) -> dict[str, Value]:
    """A session as it began, and who made it; a child was made by its parent's key."""
    session = record.session
    return {
        "role": str(session.role),
        "policy": policy_text(session.policy),
        "policyVersion": session.policy_version,
        "parent": session.parent_id,
        "wallet": record.wallet_address,
        "label": record.label,
        "delegate": record.delegate,
        **({} if record.proof_key is None else {"proof": "required"}),
        **({} if by is None else {"by": by}),
    }

"""What a tool answers, also when it fails: structured always."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.mcp.schemas import COUNT, MAYBE, STRING, YES, Schema, answer, listed
from valetkey.sdk.errors import PlatformAnswer, Refused
from valetkey.wire.errors import row_of
from valetkey.wire.timestamps import iso_timestamp

MESSAGE_CHARS_MAX = 1_000
Json = dict[str, Any]

REASON: Schema = answer(
    (),
    code=STRING,
    rule=STRING,
    message=STRING,
    asked=MAYBE,
    limit=MAYBE,
    remaining=MAYBE,
    currency=MAYBE,
    resets_at=MAYBE,
    hint=MAYBE,
    approvable=YES,
    approval_id=MAYBE,
    of_session=MAYBE,
)
FAILURE: Schema = answer(
    ("code", "kind", "rule", "message", "hint", "remaining", "resets_at", "retryable"),
    code=STRING,
    kind={
        **STRING,
        "description": "refused, invalid_input, unauthenticated, forbidden, not_found, conflict, unproven, try_later,"
        " internal",
    },
    rule=MAYBE,
    message=STRING,
    hint=MAYBE,
    remaining=MAYBE,
    resets_at=MAYBE,
    retryable={**YES, "description": "whether the very same call may succeed later by itself"},
    retry_after=COUNT,
    field=STRING,
    approval_id=STRING,
    transaction_id=STRING,
    request_id=STRING,
    reasons=listed(REASON),
)
"""The structured answer of a tool that failed (`isError`)."""


def failure(error: ValetkeyError) -> Json:
    """An expected error, as a model should read it: what, by which rule, what is left, and what to do."""
    row = row_of(error)
    told: Json = {
        "code": str(error.code),
        "kind": row.mcp_error,
        "rule": None,
        "message": str(error)[:MESSAGE_CHARS_MAX],
        "hint": None,
        "remaining": None,
        "resets_at": None,
        "retryable": _retryable(error, retryable=row.retryable),
    }
    if isinstance(error, Refused):
        told |= {
            "rule": error.rule or None,
            "hint": error.hint,
            "remaining": error.remaining,
            "resets_at": moment(error.resets_at),
            "reasons": [_reason(one) for one in error.reasons],
        }
        told |= _named(
            "approval_id", next((one.approval_id for one in error.reasons if one.approval_id), None)
        )
    if isinstance(error, PlatformAnswer):
        told |= _named("retry_after", error.retry_after) | _named("request_id", error.request_id)
    return told | _named("field", getattr(error, "field", None)) | extra_of(error)


def internal() -> Json:
    """A bug of ours. Its text stays here: nobody knows what is in it."""
    return {
        "code": "internal",
        "kind": "internal",
        "rule": None,
        "message": "the server failed in a way that it does not expect; its log names the place",
        "hint": "look at transaction_status or check_session_inventory before anything is tried again",
        "remaining": None,
        "resets_at": None,
        "retryable": False,
    }


def with_facts(error: ValetkeyError, **facts: str | bool) -> ValetkeyError:
    """An error that tells more of what it is about: `transaction_id`, `hint`, `retryable`."""
    error.__dict__["mcp_facts"] = {**extra_of(error), **facts}
    return error


def extra_of(error: ValetkeyError) -> Json:
    """What `with_facts` added."""
    found: Json = error.__dict__.get("mcp_facts", {})
    return found


def moment(seconds: int | None) -> str | None:
    """Unix seconds as a model reads them."""
    return None if seconds is None else iso_timestamp(seconds)


def decimal(amount: Decimal) -> str:
    """An amount as text, without an exponent and without zeros that say nothing."""
    plain = f"{amount:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def now_text() -> str:
    """This moment."""
    return iso_timestamp(int(datetime.now(UTC).timestamp()))


def _retryable(error: ValetkeyError, *, retryable: bool) -> bool:
    if isinstance(error, EnvironmentFailure | PlatformAnswer):
        return bool(error.retryable)
    return retryable


def _reason(one: Any) -> Json:
    told: Json = {"code": one.code, "rule": one.rule, "message": one.message, "approvable": one.approvable}
    told |= {
        name: getattr(one, name)
        for name in ("asked", "limit", "remaining", "currency", "hint", "approval_id")
    }
    return told | {"resets_at": moment(one.resets_at), "of_session": one.session_id}


def _named(name: str, value: object) -> Json:
    return {} if value is None else {name: value}

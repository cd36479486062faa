"""The ways in which the platform says no: exceptions that serving.py answers as JSON. Codes: see wire/errors.py."""

from collections.abc import Mapping

from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.core.refusal import Code, Refusal, Refused, refuse


class RefusedRequest(ValetkeyError):
    """A refusal on its way to the caller; `extra` are members that some clients look for beside `error`."""

    def __init__(self, refused: Refused, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(refused.first.message, code=refused.first.code)
        self.refused = refused
        self.extra = extra


class Unauthenticated(ValetkeyError):
    """No credential, or none that is known."""

    code = "unauthenticated"


class NotFound(ValetkeyError):
    """Nothing of that id that the caller may see."""

    code = "not_found"


class Conflict(ValetkeyError):
    """What is asked for contradicts what already is."""

    code = "conflict"


class PayloadTooLarge(ValetkeyError):
    """The request body is longer than the platform reads."""

    code = "payload_too_large"


class OverCapacity(EnvironmentFailure):
    """There is no room for another one now, whoever asks; nothing was done. `retry_after` is whole seconds."""

    code = "over_capacity"

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(EnvironmentFailure):
    """Too many requests of one key; `retry_after` is whole seconds."""

    code = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests; try again in {retry_after} s")
        self.retry_after = retry_after


def refused(code: Code, rule: str, message: str, *, hint: str | None = None) -> RefusedRequest:
    """An exception for a refusal with one reason."""
    return RefusedRequest(refuse(code, rule, message, hint=hint))


def session_revoked() -> RefusedRequest:
    """The answer to a revoked session's token."""
    return refused(
        Code.SESSION_REVOKED, "revoked", "the session was revoked", hint="ask the owner for a new one"
    )


def session_expired(expired_at: int) -> RefusedRequest:
    """The answer to an expired session's token; `expired_at` is unix seconds."""
    reason = Refusal(
        Code.SESSION_EXPIRED,
        "expires_at",
        "the session has expired",
        limit=expired_at,
        hint="ask the owner for a new one",
    )
    return RefusedRequest(Refused((reason,)))

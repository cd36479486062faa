"""What every answer that is no success has: the families of the SDK's errors. The classes of codes are in errors.py."""

from typing import Any

import msgspec

from valetkey.core import errors as core


class ReasonView(msgspec.Struct, rename="camel", kw_only=True):
    """One reason of a refusal. Amounts are decimal strings of the session's currency, times unix seconds."""

    code: str = ""
    rule: str = ""
    message: str = ""
    asked: str | None = None
    limit: str | None = None
    remaining: str | None = None
    resets_at: int | None = None
    hint: str | None = None
    currency: str | None = None
    approvable: bool = False
    approval_id: str | None = None
    session_id: str | None = None


class PlatformAnswer(core.ValetkeyError):
    """The platform answered something else than a success. `status` is the HTTP status, `code` is stable."""

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str = "internal",
        status: int = 0,
        request_id: str | None = None,
        details: Any = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.request_id = request_id
        self.details = details
        self.retry_after = retry_after


class Refused(PlatformAnswer):
    """An expected "no": `rule` says which rule, `remaining` what is left, `hint` the smallest change that passes.

    `asked`, `limit` and `remaining` are decimal strings of the reason's currency (USDC unless it says another);
    `resets_at` is unix seconds, None when waiting does not help. `reasons` are all of them, the most fundamental
    first: `approvable` when the owner's approval would help, `session_id` says whose rule it is.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.reasons = _reasons(self.details)
        first = self.reasons[0] if self.reasons else ReasonView()
        self.rule = first.rule
        self.asked = first.asked
        self.limit = first.limit
        self.remaining = first.remaining
        self.resets_at = first.resets_at
        self.hint = first.hint


class TryLater(PlatformAnswer, core.EnvironmentFailure):
    """The world did not answer as it should; nothing was lost by trying."""

    retryable = True


class Unauthenticated(PlatformAnswer):
    """No credential, or one that the platform does not know."""


class Forbidden(PlatformAnswer):
    """The caller may not do this."""


def _reasons(details: Any) -> tuple[ReasonView, ...]:
    told = details.get("reasons") if isinstance(details, dict) else None
    try:
        return tuple(msgspec.convert(told or [], list[ReasonView]))
    except msgspec.ValidationError:
        return ()

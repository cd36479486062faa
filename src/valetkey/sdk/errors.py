"""What the SDK raises: one class for each code of wire/errors.py, so that a program can tell them apart by type.

A refusal is an expected "no" (`Refused` and below). What is `retryable` (`TryLater` and below) may pass by itself.
"""

from typing import Any

import msgspec

from valetkey.core import errors as core
from valetkey.wire.errors import CODES
from valetkey.wire.http import Answer


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

    `asked`, `limit` and `remaining` are decimal strings of USDC; `resets_at` is unix seconds, None when waiting
    does not help; `reasons` are all of them, the most fundamental first.
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


# Who calls


class Unauthenticated(PlatformAnswer):
    """No credential, or one that the platform does not know."""


class Forbidden(PlatformAnswer):
    """The caller may not do this."""


class SessionRevoked(Refused, Unauthenticated):
    """The owner took the session back."""


class SessionExpired(Refused, Unauthenticated):
    """The session's time is over."""


# What a session may


class SessionPaused(Refused):
    """The owner paused the session."""

    retryable = True


class SessionPending(Refused):
    """The session has not begun."""

    retryable = True


class BudgetExceeded(Refused):
    """The spend is more than is left of the session's budget."""


class PerSpendExceeded(Refused):
    """The spend is more than one spend may be."""


class WindowExceeded(Refused):
    """The spend is more than is left in one of the session's windows; `resets_at` says when it fits."""

    retryable = True


class SpendCountExceeded(Refused):
    """Every spend that the session may make was made."""


class ServiceNotAllowed(Refused):
    """The session may not buy this service."""


class NoLimitForAsset(Refused):
    """The session has no limit for this asset."""


class SessionCannotDelegate(Refused):
    """The session may not make sessions of its own."""


class OwnerOnly(Refused):
    """Only the owner's API key can do this."""


# The purchase


class ServiceUnavailable(Refused):
    """The service is paused or archived."""


class NetworkMismatch(Refused):
    """The service is on another network."""


class PriceExceedsMax(Refused):
    """The purchase costs more than the buyer said it may: the seller changed its price."""


class SelfPurchase(Refused):
    """An agent does not buy from itself."""


class GraduationRequired(Refused):
    """The main network asks for a score that was earned on the test network."""


class InsufficientBalance(Refused):
    """The wallet has too little for the balance gate of registration."""


# What the chain shows


class FundingNotFound(Refused):
    """The chain does not show the payment yet."""

    retryable = True


class FundingUnconfirmed(Refused):
    """The payment needs more blocks on top of it."""

    retryable = True


class FundingReverted(Refused):
    """The payment reverted on chain: nothing was paid by it."""


class FundingMismatch(Refused):
    """What was paid is not what was agreed."""


class FundingReplayed(Refused):
    """The payment was for another purchase."""


class EscrowNotReleased(Refused):
    """The chain does not show that the escrow was released."""

    retryable = True


class EscrowNotDisputed(Refused):
    """The chain does not show that the escrow is disputed."""

    retryable = True


class WrongStatus(Refused):
    """The step does not fit the transaction's status."""


class WrongParty(Refused):
    """The other party of the transaction takes this step."""


class IdempotencyMismatch(Refused):
    """The idempotency key was used for another request."""


# What was sent


class InvalidInput(PlatformAnswer, core.InvalidInput):
    """The platform found the request malformed; `details` says what and where."""


class InvalidAmount(InvalidInput, core.InvalidAmount):
    """An amount that is none."""


class PayloadTooLarge(InvalidInput):
    """The request body is longer than the platform reads."""


class NotFound(PlatformAnswer):
    """Nothing of that id that the caller may see."""


class MethodNotAllowed(PlatformAnswer):
    """The platform has no such method here: client and platform are of different versions."""


class Conflict(PlatformAnswer):
    """What is asked for contradicts what already is."""


class AgentNameTaken(Conflict):
    """An active agent has this name."""


# The world


class RateLimited(TryLater):
    """Too many requests; `retry_after` is seconds."""


class PlatformUnavailable(TryLater):
    """The platform cannot serve now."""


class ChainUnavailable(TryLater, core.ChainUnavailable):
    """The platform found no node of the network that answers."""


class NetworkError(TryLater):
    """The platform did not answer, or something else answered in its place."""


class PlatformError(PlatformAnswer):
    """A bug of the platform; `request_id` helps its operator."""


# What the SDK itself finds


class NotConfigured(core.InvalidInput):
    """Something that this call needs was not given: a base URL, a wallet, a session."""

    code = "not_configured"


class InstructionsDiffer(core.ValetkeyError):
    """The payment instructions are not what was agreed, or not of this network: nothing was signed."""

    code = "instructions_differ"


class CheckoutEnded(core.ValetkeyError):
    """The time to pay this purchase is over: nothing was sent. Make a new purchase."""

    code = "checkout_ended"


class InsufficientFunds(core.ValetkeyError):
    """A wallet has too little for what it is to send: nothing was sent."""

    code = "insufficient_funds"


class TransactionReverted(core.ValetkeyError):
    """A transaction reverted on chain. Its gas is spent, and nothing else moved; `tx_hash` says which."""

    code = "transaction_reverted"

    def __init__(self, message: str, tx_hash: str = "") -> None:
        super().__init__(message)
        self.tx_hash = tx_hash


class Unfinished(core.ValetkeyError):
    """An earlier transfer of the same kind was signed and is not finished; it differs from this one."""

    code = "unfinished_transfer"


class RecoveryFailed(core.ValetkeyError):
    """A session's recovery copy is missing, or this wallet did not make it."""

    code = "recovery_failed"


def error_of(status: int, answer: Answer | None, retry_after: int | None) -> PlatformAnswer:
    """The exception for an answer that is no success; None stands for one that is not the platform's JSON."""
    # A body such as {} with a 200 is no envelope: it neither succeeds nor says why not.
    silent = answer is not None and answer.error is None and answer.code is None and status < 300
    if answer is None or silent:
        return NetworkError(
            f"something else than the platform answered (HTTP {status})", code="network", status=status
        )
    code = answer.code or _code_of(status)
    # A code that a newer platform made up still has a status.
    kind = globals().get(CODES.get(code, CODES[_code_of(status)]).sdk_class)
    assert isinstance(kind, type)
    assert issubclass(kind, PlatformAnswer)
    return kind(
        answer.error or f"the platform answered {status}",
        code=code,
        status=status,
        request_id=answer.request_id,
        details=_details(answer),
        retry_after=retry_after,
    )


def _details(answer: Answer) -> Any:
    """The facts of an error; None when there are none, or none that can be read."""
    if isinstance(answer.details, msgspec.UnsetType):
        return None
    try:
        return msgspec.json.decode(answer.details)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _code_of(status: int) -> str:
    """A code for an answer without one, as other platforms of this contract give."""
    known = {400: "invalid_input", 401: "unauthenticated", 403: "forbidden", 404: "not_found"}
    known |= {405: "method_not_allowed", 409: "conflict", 413: "payload_too_large", 429: "rate_limited"}
    return known.get(status, "environment" if status in (502, 503, 504) else "internal")


def _reasons(details: Any) -> tuple[ReasonView, ...]:
    told = details.get("reasons") if isinstance(details, dict) else None
    try:
        return tuple(msgspec.convert(told or [], list[ReasonView]))
    except msgspec.ValidationError:
        return ()

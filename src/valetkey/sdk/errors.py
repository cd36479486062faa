"""What the SDK raises: one class for each code of wire/errors.py, so that a program can tell them apart by type.

A refusal is an expected "no" (`Refused` and below). What is `retryable` (`TryLater` and below) may pass by itself.
"""

from typing import Any

import msgspec

from valetkey.core import errors as core
from valetkey.core import refusal as core_refusal
from valetkey.sdk.answers import Forbidden as Forbidden
from valetkey.sdk.answers import PlatformAnswer as PlatformAnswer
from valetkey.sdk.answers import ReasonView as ReasonView
from valetkey.sdk.answers import Refused as Refused
from valetkey.sdk.answers import TryLater as TryLater
from valetkey.sdk.answers import Unauthenticated as Unauthenticated
from valetkey.sdk.refusals import *  # noqa: F403 - the classes of all refusals are errors of this module too
from valetkey.wire.errors import CODES, refusal_body, refusal_status
from valetkey.wire.http import Answer, encode

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


class EnrollmentMismatch(InstructionsDiffer):
    """What a platform says of an enrolment is not what its code, or its delegate, stands for: it may be lying."""

    code = "enrollment_mismatch"


class WaitedTooLong(core.ValetkeyError):
    """The time to wait is over, and what was waited for has not come yet."""

    code = "waited_too_long"


class WrongNetwork(InstructionsDiffer):
    """A grant, a spend or a chain is of another network than the one that was meant: nothing was signed."""

    code = "wrong_network"


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


class SlippageExceeded(core.ValetkeyError):
    """A swap would give less than its `min_out`: nothing was swapped."""

    code = "slippage_exceeded"


class ContractMisbehaved(core.ValetkeyError):
    """A contract did not keep to what was agreed. What it took is captured: `spent`, base units, and `tx_hash`."""

    code = "contract_misbehaved"

    def __init__(self, message: str, tx_hash: str = "", spent: int = 0) -> None:
        super().__init__(message)
        self.tx_hash = tx_hash
        self.spent = spent


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


def refused_error(refused: core_refusal.Refused, *, decimals: int = 6) -> PlatformAnswer:
    """The exception for a refusal that was decided in this process: the same that its HTTP answer would become."""
    body = encode(refusal_body(refused, "", decimals=decimals))
    answer = msgspec.json.decode(body, type=Answer)
    answer.request_id = None
    return error_of(refusal_status(refused), answer, None)


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

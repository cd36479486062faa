"""One table of every code that an answer may carry: HTTP status, SDK class, MCP error, exit code; and error bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from valetkey.core.errors import EnvironmentFailure, InvalidInput, ValetkeyError
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.core.refusal import Code, Refusal, Refused


class Exit(IntEnum):
    """Exit codes of the command line, by what a script should do next."""

    OK = 0
    BUG = 1
    INPUT = 2
    REFUSED = 3
    CREDENTIAL = 4
    NOT_FOUND = 5
    CONFLICT = 6
    ENVIRONMENT = 7
    PROOF = 8


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one code is told: over HTTP, as a class of `valetkey.sdk.errors`, as an MCP error, to a shell.

    `retryable`: the same request may succeed later without anybody changing anything.
    """

    http_status: int
    sdk_class: str
    mcp_error: str
    exit_code: int
    retryable: bool = False


def _row(status: int, sdk_class: str, mcp: str, exit_code: Exit, *, retryable: bool = False) -> ErrorRow:
    return ErrorRow(status, sdk_class, mcp, int(exit_code), retryable)


CODES: dict[str, ErrorRow] = {
    # the session as a whole: a dead token is 401, a living one that may not spend now is 403
    Code.SESSION_REVOKED: _row(401, "SessionRevoked", "unauthenticated", Exit.CREDENTIAL),
    Code.SESSION_EXPIRED: _row(401, "SessionExpired", "unauthenticated", Exit.CREDENTIAL),
    Code.SESSION_PAUSED: _row(403, "SessionPaused", "refused", Exit.REFUSED, retryable=True),
    Code.SESSION_PENDING: _row(403, "SessionPending", "refused", Exit.REFUSED, retryable=True),
    # its policy
    Code.BUDGET_EXCEEDED: _row(403, "BudgetExceeded", "refused", Exit.REFUSED),
    Code.WINDOW_EXCEEDED: _row(403, "WindowExceeded", "refused", Exit.REFUSED, retryable=True),
    Code.SPEND_COUNT_EXCEEDED: _row(403, "SpendCountExceeded", "refused", Exit.REFUSED),
    Code.PER_SPEND_EXCEEDED: _row(403, "PerSpendExceeded", "refused", Exit.REFUSED),
    Code.SERVICE_NOT_ALLOWED: _row(403, "ServiceNotAllowed", "refused", Exit.REFUSED),
    Code.NO_LIMIT_FOR_ASSET: _row(403, "NoLimitForAsset", "refused", Exit.REFUSED),
    Code.ASSET_NOT_ALLOWED: _row(403, "AssetNotAllowed", "refused", Exit.REFUSED),
    Code.CHAIN_NOT_ALLOWED: _row(403, "ChainNotAllowed", "refused", Exit.REFUSED),
    Code.PAYEE_NOT_ALLOWED: _row(403, "PayeeNotAllowed", "refused", Exit.REFUSED),
    Code.OPERATION_NOT_ALLOWED: _row(403, "OperationNotAllowed", "refused", Exit.REFUSED),
    Code.APPROVAL_REQUIRED: _row(403, "ApprovalRequired", "refused", Exit.REFUSED, retryable=True),
    Code.APPROVAL_STALE: _row(409, "ApprovalStale", "conflict", Exit.CONFLICT),
    Code.HOLD_ENDED: _row(409, "HoldEnded", "conflict", Exit.CONFLICT),
    Code.NOT_NARROWER: _row(403, "NotNarrower", "forbidden", Exit.REFUSED),
    Code.TREE_TOO_DEEP: _row(403, "TreeTooDeep", "forbidden", Exit.REFUSED),
    Code.TREE_FULL: _row(403, "TreeFull", "forbidden", Exit.REFUSED),
    Code.SESSION_CANNOT_DELEGATE: _row(403, "SessionCannotDelegate", "forbidden", Exit.REFUSED),
    Code.SCOPE_MISSING: _row(403, "ScopeMissing", "forbidden", Exit.REFUSED),
    Code.KEYS_FULL: _row(403, "KeysFull", "forbidden", Exit.REFUSED),
    Code.OWNER_ONLY: _row(403, "OwnerOnly", "forbidden", Exit.REFUSED),
    # what a session is known by
    Code.LABEL_TAKEN: _row(409, "LabelTaken", "conflict", Exit.CONFLICT),
    Code.SESSION_KEY_TAKEN: _row(409, "SessionKeyTaken", "conflict", Exit.CONFLICT),
    # its claim
    Code.ALREADY_CLAIMED: _row(409, "AlreadyClaimed", "conflict", Exit.CONFLICT),
    Code.CLAIM_EXPIRED: _row(410, "ClaimExpired", "conflict", Exit.CONFLICT),
    Code.CLAIM_CANCELLED: _row(410, "ClaimCancelled", "conflict", Exit.CONFLICT),
    # its grant
    Code.GRANT_EXISTS: _row(409, "GrantExists", "conflict", Exit.CONFLICT),
    Code.GRANT_MISMATCH: _row(400, "GrantMismatch", "invalid_input", Exit.INPUT),
    Code.GRANT_NEEDED: _row(409, "GrantNeeded", "conflict", Exit.CONFLICT),
    Code.RELAY_UNAVAILABLE: _row(409, "RelayUnavailable", "conflict", Exit.CONFLICT),
    Code.RELAY_LIMIT: _row(429, "RelayLimit", "try_later", Exit.REFUSED, retryable=True),
    Code.RELAY_REFUSED: _row(409, "RelayRefused", "unproven", Exit.PROOF),
    # its enrolment, and the proof of possession that its requests carry
    Code.ENROLLMENT_USED: _row(409, "EnrollmentUsed", "conflict", Exit.CONFLICT),
    Code.ENROLLMENT_EXPIRED: _row(409, "EnrollmentExpired", "conflict", Exit.CONFLICT),
    Code.ENROLLMENT_NEEDED: _row(409, "EnrollmentNeeded", "conflict", Exit.CONFLICT),
    Code.ENROLLMENT_FOR_ANOTHER: _row(403, "EnrollmentForAnother", "forbidden", Exit.REFUSED),
    Code.PROOF_REQUIRED: _row(401, "ProofRequired", "unauthenticated", Exit.CREDENTIAL),
    Code.PROOF_INVALID: _row(401, "ProofInvalid", "unauthenticated", Exit.CREDENTIAL),
    Code.PROOF_STALE: _row(401, "ProofStale", "unauthenticated", Exit.CREDENTIAL),
    Code.PROOF_REPLAYED: _row(401, "ProofReplayed", "unauthenticated", Exit.CREDENTIAL),
    # the purchase
    Code.SERVICE_UNAVAILABLE: _row(409, "ServiceUnavailable", "conflict", Exit.CONFLICT),
    Code.NETWORK_MISMATCH: _row(400, "NetworkMismatch", "invalid_input", Exit.INPUT),
    Code.PRICE_EXCEEDS_MAX: _row(409, "PriceExceedsMax", "conflict", Exit.CONFLICT),
    Code.SELF_PURCHASE: _row(403, "SelfPurchase", "forbidden", Exit.REFUSED),
    Code.GRADUATION_REQUIRED: _row(403, "GraduationRequired", "forbidden", Exit.REFUSED),
    Code.INSUFFICIENT_BALANCE: _row(403, "InsufficientBalance", "forbidden", Exit.REFUSED),
    # a payment over HTTP: decided by whoever pays, before anything is signed
    Code.OFFER_UNREADABLE: _row(403, "OfferUnreadable", "refused", Exit.REFUSED),
    Code.OFFER_SCHEME_UNKNOWN: _row(403, "OfferSchemeUnknown", "refused", Exit.REFUSED),
    Code.OFFER_NETWORK_UNKNOWN: _row(403, "OfferNetworkUnknown", "refused", Exit.REFUSED),
    Code.OFFER_ASSET_UNKNOWN: _row(403, "OfferAssetUnknown", "refused", Exit.REFUSED),
    Code.OFFER_DOMAIN_MISMATCH: _row(403, "OfferDomainMismatch", "refused", Exit.REFUSED),
    Code.OFFER_TIMES_REFUSED: _row(403, "OfferTimesRefused", "refused", Exit.REFUSED),
    Code.OFFER_PAYEE_REFUSED: _row(403, "OfferPayeeRefused", "refused", Exit.REFUSED),
    Code.OFFER_ABOVE_MAX: _row(403, "OfferAboveMax", "refused", Exit.REFUSED),
    Code.OFFER_RESOURCE_ELSEWHERE: _row(403, "OfferResourceElsewhere", "refused", Exit.REFUSED),
    Code.OFFER_CHANGED: _row(409, "OfferChanged", "conflict", Exit.CONFLICT),
    Code.OFFER_CHANNEL_REFUSED: _row(403, "OfferChannelRefused", "refused", Exit.REFUSED),
    Code.CHANNEL_CHANGED: _row(403, "ChannelChanged", "refused", Exit.REFUSED),
    Code.CHANNEL_TOTAL_REFUSED: _row(409, "ChannelTotalRefused", "conflict", Exit.CONFLICT),
    Code.PAYEE_CHANGED: _row(403, "PayeeChanged", "refused", Exit.REFUSED),
    Code.HOST_NOT_ALLOWED: _row(403, "HostNotAllowed", "refused", Exit.REFUSED),
    Code.HOST_INSECURE: _row(403, "HostInsecure", "refused", Exit.REFUSED),
    Code.REDIRECTED_OFFER: _row(403, "RedirectedOffer", "refused", Exit.REFUSED),
    Code.BODY_NOT_REPLAYABLE: _row(403, "BodyNotReplayable", "refused", Exit.REFUSED),
    Code.PAYMENT_NOT_ACCEPTED: _row(409, "PaymentNotAccepted", "conflict", Exit.CONFLICT),
    Code.PAYMENT_SIGNED_ELSEWHERE: _row(409, "PaymentSignedElsewhere", "conflict", Exit.CONFLICT),
    Code.SIGNING_REFUSED: _row(403, "SigningRefused", "refused", Exit.REFUSED),
    # the chain disagrees with what was claimed
    Code.FUNDING_NOT_FOUND: _row(409, "FundingNotFound", "unproven", Exit.PROOF, retryable=True),
    Code.FUNDING_UNCONFIRMED: _row(409, "FundingUnconfirmed", "unproven", Exit.PROOF, retryable=True),
    Code.FUNDING_REVERTED: _row(400, "FundingReverted", "unproven", Exit.PROOF),
    Code.FUNDING_MISMATCH: _row(400, "FundingMismatch", "unproven", Exit.PROOF),
    Code.FUNDING_REPLAYED: _row(409, "FundingReplayed", "unproven", Exit.PROOF),
    Code.ESCROW_NOT_RELEASED: _row(409, "EscrowNotReleased", "unproven", Exit.PROOF, retryable=True),
    Code.ESCROW_NOT_DISPUTED: _row(409, "EscrowNotDisputed", "unproven", Exit.PROOF, retryable=True),
    # the step does not fit the transaction
    Code.WRONG_STATUS: _row(409, "WrongStatus", "conflict", Exit.CONFLICT),
    Code.WRONG_PARTY: _row(403, "WrongParty", "forbidden", Exit.REFUSED),
    Code.IDEMPOTENCY_MISMATCH: _row(422, "IdempotencyMismatch", "conflict", Exit.CONFLICT),
    # who calls
    "unauthenticated": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "forbidden": _row(403, "Forbidden", "forbidden", Exit.REFUSED),
    # what was sent
    "validation_failed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "invalid_input": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "invalid_json": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "invalid_amount": _row(400, "InvalidAmount", "invalid_input", Exit.INPUT),
    "invalid_key": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "invalid_address": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "unknown_chain": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "unknown_token": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "token_mismatch": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "invalid_signature": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "lifetime_out_of_bounds": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "attenuation_malformed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "enrollment_malformed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "enrollment_code_malformed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "callback_url_refused": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "registration_malformed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "registration_wrong_signer": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "registration_stale": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "registration_replayed": _row(409, "Conflict", "conflict", Exit.CONFLICT),
    "sign_in_malformed": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "sign_in_too_long": _row(400, "InvalidInput", "invalid_input", Exit.INPUT),
    "sign_in_wrong_domain": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_wrong_platform": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_wrong_chain": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_wrong_signer": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_unknown_nonce": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_stale": _row(401, "Unauthenticated", "unauthenticated", Exit.CREDENTIAL),
    "sign_in_replayed": _row(409, "Conflict", "conflict", Exit.CONFLICT),
    "sign_in_no_account": _row(404, "NotFound", "not_found", Exit.NOT_FOUND),
    "not_a_sign_in": _row(409, "Conflict", "conflict", Exit.CONFLICT),
    "payload_too_large": _row(413, "PayloadTooLarge", "invalid_input", Exit.INPUT),
    "not_found": _row(404, "NotFound", "not_found", Exit.NOT_FOUND),
    "method_not_allowed": _row(405, "MethodNotAllowed", "invalid_input", Exit.INPUT),
    # what already is
    "conflict": _row(409, "Conflict", "conflict", Exit.CONFLICT),
    "contradiction": _row(409, "Conflict", "conflict", Exit.CONFLICT),
    "agent_name_taken": _row(409, "AgentNameTaken", "conflict", Exit.CONFLICT),
    # the world
    "rate_limited": _row(429, "RateLimited", "try_later", Exit.ENVIRONMENT, retryable=True),
    "over_capacity": _row(503, "PlatformUnavailable", "try_later", Exit.ENVIRONMENT, retryable=True),
    "chain_unavailable": _row(503, "ChainUnavailable", "try_later", Exit.ENVIRONMENT, retryable=True),
    "environment": _row(503, "PlatformUnavailable", "try_later", Exit.ENVIRONMENT, retryable=True),
    "network": _row(502, "NetworkError", "try_later", Exit.ENVIRONMENT, retryable=True),
    # a bug of ours
    "internal": _row(500, "PlatformError", "internal", Exit.BUG),
}
"""Every code of `core.refusal.Code` and of the environment; none is ever renamed."""

LOCAL_EXITS: dict[str, Exit] = {
    "wrong_secret": Exit.CREDENTIAL,
    "decryption_failed": Exit.CREDENTIAL,
    "damaged_record": Exit.ENVIRONMENT,
    "recovery_failed": Exit.NOT_FOUND,
    "waited_too_long": Exit.ENVIRONMENT,
    "insufficient_funds": Exit.REFUSED,
    "slippage_exceeded": Exit.REFUSED,
    "checkout_ended": Exit.CONFLICT,
    "unfinished_transfer": Exit.CONFLICT,
    "portal_closed": Exit.ENVIRONMENT,
    "instructions_differ": Exit.PROOF,
    "wrong_network": Exit.PROOF,
    "enrollment_mismatch": Exit.PROOF,
    "transaction_reverted": Exit.PROOF,
    "transaction_refused": Exit.PROOF,
    "call_reverts": Exit.PROOF,
    "contract_misbehaved": Exit.PROOF,
}
"""Codes that arise where a command runs and that no answer carries: their exit codes."""

AMOUNT_CODES = frozenset(
    {
        Code.BUDGET_EXCEEDED,
        Code.PER_SPEND_EXCEEDED,
        Code.WINDOW_EXCEEDED,
        Code.APPROVAL_REQUIRED,
        Code.NO_LIMIT_FOR_ASSET,
        Code.INSUFFICIENT_BALANCE,
        Code.PRICE_EXCEEDS_MAX,
        Code.OFFER_ABOVE_MAX,
    }
)
"""Refusals whose figures are amounts of money. The limit of any other is a plain integer (unix seconds)."""


def http_status(code: str) -> int:
    """The HTTP status that tells this code; 500 for a code that the table does not know."""
    return CODES.get(code, CODES["internal"]).http_status


def row_of(error: ValetkeyError) -> ErrorRow:
    """The row of an exception: that of its code, otherwise that of its family."""
    row = CODES.get(error.code)
    if row is not None:
        return row
    if isinstance(error, InvalidInput):
        return CODES["invalid_input"]
    return CODES["environment" if isinstance(error, EnvironmentFailure) else "internal"]


def exit_code_of(error: ValetkeyError) -> int:
    """The exit code that tells an exception to a shell."""
    local = LOCAL_EXITS.get(error.code)
    return int(local) if local is not None else row_of(error).exit_code


def refusal_status(refused: Refused) -> int:
    """The HTTP status of a refusal: that of its first, most fundamental reason."""
    return http_status(refused.first.code)


def refusal_body(
    refused: Refused,
    request_id: str,
    *,
    decimals: int = 6,
    extra: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The JSON of a refusal. `decimals` are those of the session's currency; amounts become decimal strings.

    `error` is the message for people, `code` and `details` are for programs; `extra` adds members at
    the top, such as the `score` and `required` that one client looks for.
    """
    reasons = reasons_body(refused, decimals=decimals)
    return error_body(
        refused.first.code,
        refused.first.message,
        {**reasons[0], "reasons": reasons},
        request_id,
        extra=extra,
    )


def reasons_body(refused: Refused, *, decimals: int = 6) -> list[dict[str, object]]:
    """Every reason of a refusal as JSON. An amount is in the reason's own currency, or has so many decimals."""
    return [_reason(reason, decimals) for reason in refused.reasons]


def error_body(
    code: str,
    message: str,
    details: object,
    request_id: str,
    *,
    extra: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The JSON of an error. `details` of a validation error is a list of `{path, message}`, None is left out."""
    body: dict[str, object] = {"success": False, "error": message, "code": str(code)}
    if details is not None:
        body["details"] = details
    body["requestId"] = request_id
    for name, value in (extra or {}).items():
        body.setdefault(name, value)
    return body


def _reason(reason: Refusal, decimals: int) -> dict[str, object]:
    def figure(value: int | None) -> str | None:
        if value is None:
            return None
        return format_units(value, decimals) if reason.code in AMOUNT_CODES else str(value)

    if reason.currency is not None:
        decimals = CURRENCY_DECIMALS[reason.currency]
    more: dict[str, object] = {
        "currency": reason.currency,
        "approvable": reason.approvable or None,
        "approvalId": reason.approval,
        "sessionId": reason.session_id,
    }
    return {
        "code": str(reason.code),
        "rule": reason.rule,
        "message": reason.message,
        "asked": figure(reason.asked),
        "limit": figure(reason.limit),
        "remaining": figure(reason.remaining),
        "resetsAt": reason.resets_at,
        "hint": reason.hint,
        **{name: value for name, value in more.items() if value is not None},
    }

"""Refusals: an expected "no", as a value with a stable code and enough facts to act on it."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Why a spend or a step was refused. wire/errors.py gives each its HTTP status, classes and exit code."""

    # the session as a whole
    SESSION_REVOKED = "session_revoked"
    SESSION_EXPIRED = "session_expired"
    SESSION_PAUSED = "session_paused"
    SESSION_PENDING = "session_pending"
    # its policy
    BUDGET_EXCEEDED = "budget_exceeded"
    WINDOW_EXCEEDED = "window_exceeded"
    SPEND_COUNT_EXCEEDED = "spend_count_exceeded"
    PER_SPEND_EXCEEDED = "per_spend_exceeded"
    SERVICE_NOT_ALLOWED = "service_not_allowed"
    NO_LIMIT_FOR_ASSET = "no_limit_for_asset"
    ASSET_NOT_ALLOWED = "asset_not_allowed"
    CHAIN_NOT_ALLOWED = "chain_not_allowed"
    PAYEE_NOT_ALLOWED = "payee_not_allowed"
    OPERATION_NOT_ALLOWED = "operation_not_allowed"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_STALE = "approval_stale"
    HOLD_ENDED = "hold_ended"
    SESSION_CANNOT_DELEGATE = "session_cannot_delegate"
    NOT_NARROWER = "not_narrower"
    TREE_TOO_DEEP = "tree_too_deep"
    TREE_FULL = "tree_full"
    OWNER_ONLY = "owner_only"
    # what a session is known by
    LABEL_TAKEN = "label_taken"
    SESSION_KEY_TAKEN = "session_key_taken"
    # its claim
    ALREADY_CLAIMED = "already_claimed"
    CLAIM_EXPIRED = "claim_expired"
    CLAIM_CANCELLED = "claim_cancelled"
    # its grant, and whoever submits what its key signed
    GRANT_EXISTS = "grant_exists"
    GRANT_MISMATCH = "grant_mismatch"
    GRANT_NEEDED = "grant_needed"
    RELAY_UNAVAILABLE = "relay_unavailable"
    RELAY_LIMIT = "relay_limit"
    RELAY_REFUSED = "relay_refused"
    # the keys that its delegate made for itself, and the proof that whoever calls has them
    ENROLLMENT_USED = "enrollment_used"
    ENROLLMENT_EXPIRED = "enrollment_expired"
    ENROLLMENT_NEEDED = "enrollment_needed"
    ENROLLMENT_FOR_ANOTHER = "enrollment_for_another_owner"
    PROOF_REQUIRED = "proof_required"
    PROOF_INVALID = "proof_invalid"
    PROOF_STALE = "proof_stale"
    PROOF_REPLAYED = "proof_replayed"
    # the API key that calls
    SCOPE_MISSING = "scope_missing"
    KEYS_FULL = "keys_full"
    # the purchase
    SERVICE_UNAVAILABLE = "service_unavailable"
    NETWORK_MISMATCH = "network_mismatch"
    PRICE_EXCEEDS_MAX = "price_exceeds_max"
    SELF_PURCHASE = "self_purchase"
    GRADUATION_REQUIRED = "testnet_graduation_required"
    INSUFFICIENT_BALANCE = "insufficient_wallet_balance"
    # a payment over HTTP (x402)
    OFFER_UNREADABLE = "offer_unreadable"
    OFFER_SCHEME_UNKNOWN = "offer_scheme_unknown"
    OFFER_NETWORK_UNKNOWN = "offer_network_unknown"
    OFFER_ASSET_UNKNOWN = "offer_asset_unknown"
    OFFER_DOMAIN_MISMATCH = "offer_domain_mismatch"
    OFFER_TIMES_REFUSED = "offer_times_refused"
    OFFER_PAYEE_REFUSED = "offer_payee_refused"
    OFFER_ABOVE_MAX = "offer_above_max"
    OFFER_RESOURCE_ELSEWHERE = "offer_resource_elsewhere"
    OFFER_CHANGED = "offer_changed"
    OFFER_CHANNEL_REFUSED = "offer_channel_refused"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_TOTAL_REFUSED = "channel_total_refused"
    PAYEE_CHANGED = "payee_changed"
    HOST_NOT_ALLOWED = "host_not_allowed"
    HOST_INSECURE = "host_insecure"
    REDIRECTED_OFFER = "redirected_offer"
    BODY_NOT_REPLAYABLE = "body_not_replayable"
    PAYMENT_NOT_ACCEPTED = "payment_not_accepted"
    PAYMENT_SIGNED_ELSEWHERE = "payment_signed_elsewhere"
    SIGNING_REFUSED = "signing_refused"
    # the chain disagrees with what was claimed
    FUNDING_NOT_FOUND = "funding_not_found"
    FUNDING_UNCONFIRMED = "funding_unconfirmed"
    FUNDING_REVERTED = "funding_reverted"
    FUNDING_MISMATCH = "funding_mismatch"
    FUNDING_REPLAYED = "funding_replayed"
    ESCROW_NOT_RELEASED = "escrow_not_released"
    ESCROW_NOT_DISPUTED = "escrow_not_disputed"
    # the step does not fit the transaction's status or the caller's part in it
    WRONG_STATUS = "wrong_status"
    WRONG_PARTY = "wrong_party"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for a "no".

    `asked`, `limit` and `remaining` are base units of `currency`, when the rule is about an amount; `resets_at` is
    unix seconds or None when waiting does not help; `hint` is the smallest change that would pass.
    `approvable`: whether the owner's approval would help; `approval` is the hold that waits for it.
    `session_id` is the ancestor whose rule it is, None for the session's own.
    """

    code: Code
    rule: str
    message: str
    asked: int | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_at: int | None = None
    hint: str | None = None
    currency: str | None = None
    approvable: bool = False
    approval: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Every reason at once, the most fundamental first; never empty."""

    reasons: tuple[Refusal, ...]

    def __post_init__(self) -> None:
        assert self.reasons, "a refusal has a reason"

    @property
    def first(self) -> Refusal:
        return self.reasons[0]


def refuse(
    code: Code, rule: str, message: str, *, hint: str | None = None, approval: str | None = None
) -> Refused:
    """A refusal with one reason that is not about an amount."""
    return Refused(
        (Refusal(code, rule, message, hint=hint, approvable=approval is not None, approval=approval),)
    )

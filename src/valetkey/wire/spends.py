"""JSON shapes of spends: what a session asks for beside purchases, the dry run, and approvals."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from valetkey.wire.shape import END, AnyAddress, Currency, Id, Request, View, check_amount, check_currency

NOTE_CHARS_MAX = 500
HOLD_SECONDS_MAX = 86_400
PAYLOAD_CHARS_MAX = 262_144
REFERENCE_CHARS_MAX = 200

Payload = Annotated[
    str,
    Meta(
        max_length=PAYLOAD_CHARS_MAX,
        min_length=4,
        pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)" + END,
    ),
]
"""What was signed, standard base64."""


class SpendBody(Request):
    """POST /spends and /spends/check. `amount` is a decimal of `currency`, everything that the payer is charged.

    `chain_id` and `token` say which asset of the currency it is, the platform's own when they are absent; a chain's
    own coin has no `token`. `seconds` is how long the money is held for the payment to begin.
    """

    amount: Decimal
    currency: Currency = "USDC"
    chain_id: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    token: AnyAddress | None = None
    payee: AnyAddress | None = None
    operation: Annotated[str, Meta(pattern="^[a-z][a-z0-9_.-]{0,63}" + END)] = "payment"
    service_id: Id | None = None
    note: Annotated[str, Meta(max_length=NOTE_CHARS_MAX)] | None = None
    seconds: Annotated[int, Meta(ge=1, le=HOLD_SECONDS_MAX)] = 300

    def __post_init__(self) -> None:
        check_currency(self.currency)
        check_amount(self.amount, "amount", self.currency)


class ChannelView(View, kw_only=True):
    """The channel that a spend opened (x402, `batch-settlement`): what its contract knows it by."""

    channel_id: str
    payer: str
    payer_authorizer: str
    receiver: str
    receiver_authorizer: str
    token: str
    withdraw_delay: int
    salt: str


class SpendView(View, kw_only=True):
    """A spend as its owner and its session see it. Amounts are decimal strings of `currency`.

    `state` is pending_approval, approved, held, unknown, captured, voided or expired. Times are ISO-8601.
    `movable_until` of a payment that is signed and not proven: from then on no block takes it any more. Absent where
    nothing that is kept says so: a transaction that was signed has no end of its own.
    """

    spend_id: str
    session_id: str
    state: str
    amount: str
    currency: str
    asset: str
    payee: str | None = None
    operation: str
    service_id: str | None = None
    note: str | None = None
    captured: str | None = None
    refunded: str | None = None
    reference: str | None = None
    transaction_id: str | None = None
    placed_at: str
    expires_at: str
    settled_at: str | None = None
    movable_until: str | None = None
    channel: ChannelView | None = None


class SpendPage(View):
    """GET /spends and /approvals: one page, newest first."""

    spends: list[SpendView]
    total: int
    limit: int
    offset: int


class SpendListQuery(Request):
    """Query of GET /spends."""

    session: Id | None = None
    state: (
        Literal["pending_approval", "approved", "held", "unknown", "captured", "voided", "expired"] | None
    ) = None
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Verdict(View, kw_only=True, omit_defaults=False):
    """What the gate would say now. Nothing is held by asking.

    `remaining` is the least budget that would be left, None when unlimited; `reasons` are those of a refusal.
    """

    allowed: bool
    needs_approval: bool = field(default=False, name="needsApproval")
    currency: str
    asked: str
    remaining: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)


class SignedBody(Request):
    """POST /spends/{id}/signed: the payment, stored before it is sent. `reference` finds it, such as a hash."""

    payload: Payload
    reference: Annotated[str, Meta(min_length=1, max_length=REFERENCE_CHARS_MAX)] | None = None


class CaptureBody(Request):
    """POST /spends/{id}/capture: what moved; absent for all that was held."""

    amount: Decimal | None = None


class VoidBody(Request):
    """POST /spends/{id}/void. `proven`: the owner says that what was signed did not move and cannot any more."""

    proven: bool = False


class RefundBody(Request):
    """POST /spends/{id}/refund: how much the payee gave back, all refunds of this spend together."""

    amount: Decimal


class ApproveBody(Request):
    """POST /approvals/{id}/approve: for how many seconds the approved spend may be executed."""

    seconds: Annotated[int, Meta(ge=1, le=7 * 86_400)] = 3_600


class WebhookUrlBody(Request):
    """PUT /agents/webhook: where the owner is told of approvals that wait; None for nowhere."""

    url: Annotated[str, Meta(max_length=2_000)] | None


class ApprovalRequested(View):
    """To the owner's webhook URL: a spend waits for approval until `expires_at` (ISO-8601)."""

    event: str
    approval_id: str
    session_id: str
    label: str | None
    amount: str
    currency: str
    asset: str
    payee: str | None
    operation: str
    service_id: str | None
    expires_at: str

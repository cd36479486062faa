"""JSON shapes of sessions: making one, looking at one, and its recovery copy."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from valetkey.core.policy import ALLOWED_SERVICES_MAX, SPENDS_MAX
from valetkey.core.windows import WINDOW_SECONDS_MAX, WINDOWS_MAX
from valetkey.wire.network import NetworkView
from valetkey.wire.shape import END, Address, Id, PublicKeyHex, Request, View, check_amount

RECOVERY_CHARS_MAX = 16_384

Recovery = Annotated[
    str,
    Meta(
        max_length=RECOVERY_CHARS_MAX,
        pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)" + END,
    ),
]
"""A recovery copy: ciphertext for the owner, standard base64."""


class WindowRule(Request):
    """A limit on any interval of so many seconds, wherever it begins."""

    seconds: Annotated[int, Meta(ge=1, le=WINDOW_SECONDS_MAX)]
    limit_usdc: Decimal

    def __post_init__(self) -> None:
        check_amount(self.limit_usdc, "limitUsdc")


class WindowView(View):
    """A window as it is now: `left_usdc` may be spent in it."""

    seconds: int
    limit_usdc: str
    left_usdc: str


class CreateSessionRequest(Request):
    """POST /agents/session. `expiry` is seconds of life from now, `not_before` unix seconds.

    `budget_usdc` must be present: None is unlimited, 0 is nothing, and an absent budget is neither. An empty
    `allowed_service_ids` is every service. `windows` limit any interval of a length, several at once.
    """

    budget_usdc: Decimal | None
    expiry: int
    allowed_service_ids: Annotated[list[Id], Meta(max_length=ALLOWED_SERVICES_MAX)] = field(
        default_factory=list
    )
    session_wallet: Address | None = None
    e2e_public_key: PublicKeyHex | None = None
    role: Literal["buyer", "seller"] = "buyer"
    label: Annotated[str, Meta(max_length=200)] | None = None
    not_before: Annotated[int, Meta(ge=0)] | None = None
    per_spend_usdc: Decimal | None = None
    windows: Annotated[list[WindowRule], Meta(max_length=WINDOWS_MAX)] = field(default_factory=list)
    spends_max: Annotated[int, Meta(ge=0, le=SPENDS_MAX)] | None = None
    recovery: Recovery | None = None

    def __post_init__(self) -> None:
        check_amount(self.budget_usdc, "budgetUsdc")
        check_amount(self.per_spend_usdc, "perSpendUsdc")


class CreatedSession(View):
    """The answer to a new session. `token` is shown once and kept nowhere; `expires_at` is ISO-8601."""

    session_id: str
    token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"<CreatedSession session_id={self.session_id} expires_at={self.expires_at}>"


class SessionView(View):
    """A session as its owner and its holder see it. USDC amounts are exact decimal strings.

    `budget_usdc`, `remaining_usdc`, `per_spend_usdc` and `spends_max` are None when unlimited; `spends` is how
    many were made; `allowed_service_ids` is
    empty for every service. `expires_at` is ISO-8601, `expiry` and `not_before` are unix seconds.
    """

    session_id: str
    agent_id: str
    owner_wallet: str
    role: str
    status: str
    label: str | None
    budget_usdc: str | None
    remaining_usdc: str | None
    held_usdc: str
    spent_usdc: str
    per_spend_usdc: str | None
    windows: list[WindowView]
    spends_max: int | None
    spends: int
    allowed_service_ids: list[str]
    not_before: int
    expires_at: str
    expiry: int
    session_wallet: str | None
    e2e_public_key: str | None
    funding_mode: str
    network: NetworkView


class SessionPage(View):
    """GET /agents/sessions: one page, newest first."""

    sessions: list[SessionView]
    total: int
    limit: int
    offset: int


class SessionListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /agents/sessions. `limit` above 100 is read as 100 by the platform."""

    label: Annotated[str, Meta(max_length=200)] | None = None
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class FleetView(View):
    """All sessions of an owner together: whether they are frozen, and since when (ISO-8601)."""

    frozen: bool
    frozen_at: str | None = None


class RevokedAll(View):
    """How many sessions were revoked by this call; those that were before are not among them."""

    revoked: int


class RecoveryBody(Request):
    """PUT and GET of a recovery copy; only the owner's wallet can open it."""

    recovery: Recovery

"""JSON shapes of sessions: making one, looking at one, and its recovery copy."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from valetkey.core.tree import GRACE_SECONDS_MAX
from valetkey.wire.limits import LimitView, WindowView
from valetkey.wire.network import NetworkView
from valetkey.wire.policies import PolicyRules
from valetkey.wire.shape import (
    END,
    AnyAddress,
    AnyPublicKeyHex,
    Id,
    PublicKeyHex,
    Request,
    View,
    check_amount,
)

RECOVERY_CHARS_MAX = 16_384
UNIX_SECONDS_MAX = 2**53

Recovery = Annotated[
    str,
    Meta(
        max_length=RECOVERY_CHARS_MAX,
        pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)" + END,
    ),
]
"""A recovery copy: ciphertext for the owner, standard base64."""


Label = Annotated[str, Meta(min_length=1, max_length=200)]
"""What an owner calls a session."""

KeyHash = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{64}" + END)]
"""The hash of a session key: keccak256 of its 65-byte public key (32 of Ed25519), 0x and 64 hex digits."""


class CreateSessionRequest(PolicyRules, kw_only=True):
    """POST /agents/session: the rules of its policy, and what else a session has.

    Its end is `expiry`, seconds of life from when this arrives, or `expires_at`, unix seconds: one of the two.
    `not_before` is unix seconds. `delegate` is who holds the session, in the owner's words. `funding`: what it pays
    with, its own wallet, its owner's balance through a grant, or, where the only allowed chain is a cluster of Solana,
    an allotment: the key is one of Ed25519 there, the wallet its address. `session_public_key` is that of
    `session_wallet`. `sole_label`: no other living session of the owner may have the label, neither now nor while this
    one lives.
    """

    expiry: int | None = None
    expires_at: Annotated[int, Meta(ge=1, le=UNIX_SECONDS_MAX)] | None = None
    session_wallet: AnyAddress | None = None
    session_public_key: AnyPublicKeyHex | None = None
    e2e_public_key: PublicKeyHex | None = None
    role: Literal["buyer", "seller"] = "buyer"
    label: Label | None = None
    sole_label: bool = False
    not_before: Annotated[int, Meta(ge=0)] | None = None
    recovery: Recovery | None = None
    delegate: Annotated[str, Meta(max_length=200)] | None = None
    funding: Literal["wallet", "grant", "allotment"] = "wallet"


class ExtendSessionRequest(Request):
    """POST /agents/session/{id}/extend. `expiry` is seconds of life from now, never less than are left.

    `budget_usdc` is the new budget in all, never less than it was. What is absent stays as it is.
    """

    expiry: Annotated[int, Meta(ge=1)] | None = None
    budget_usdc: Decimal | None = None

    def __post_init__(self) -> None:
        check_amount(self.budget_usdc, "budgetUsdc")


class RotateSessionRequest(Request):
    """POST /agents/session/{id}/rotate: new keys, the same rules unless they are given here.

    `carry_over`: what was spent counts in the new session too, in all and in its windows. The old one goes on for
    `grace_seconds`, and what it spends meanwhile counts in the new one in any case. `expiry` is seconds of life
    from now, absent for the end that the old one had. `label` is absent for that of the old one.
    """

    session_wallet: AnyAddress | None = None
    session_public_key: AnyPublicKeyHex | None = None
    e2e_public_key: PublicKeyHex | None = None
    expiry: Annotated[int, Meta(ge=1)] | None = None
    budget_usdc: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    grace_seconds: Annotated[int, Meta(ge=0, le=GRACE_SECONDS_MAX)] = 60
    carry_over: bool = True
    label: Label | None = None
    recovery: Recovery | None = None

    def __post_init__(self) -> None:
        if self.budget_usdc is not msgspec.UNSET:
            check_amount(self.budget_usdc, "budgetUsdc")


class CreatedSession(View):
    """The answer to a new session. `token` is shown once and kept nowhere; `expires_at` is ISO-8601."""

    session_id: str
    token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"<CreatedSession session_id={self.session_id} expires_at={self.expires_at}>"


class NextRefusal(View, kw_only=True):
    """What one spend may be at most now, and why a larger one would be refused: decimal strings of USDC.

    `most_usdc` is absent when no rule about amounts binds, and so are `code`, `rule`, `message` then. `free_usdc` is
    what passes without the owner's approval, absent for any amount. `resets_at` (unix seconds) is when more passes by
    waiting; `session_id` is the ancestor whose rule it is. Rules about payees, services and operations are not in it.
    """

    most_usdc: str | None = None
    free_usdc: str | None = None
    code: str | None = None
    rule: str | None = None
    message: str | None = None
    hint: str | None = None
    resets_at: int | None = None
    session_id: str | None = None


class RefusalEntry(View, kw_only=True):
    """A refusal that the audit log tells of: what a session asked for and did not get. `at` is ISO-8601.

    `kind` is that of the log, `codes` and `rules` every reason. What was asked for is there as far as the entry tells
    it: `amount` a decimal string of `currency`.
    """

    at: str
    kind: str
    session_id: str
    codes: list[str]
    rules: list[str]
    amount: str | None = None
    currency: str | None = None
    asset: str | None = None
    payee: str | None = None
    service_id: str | None = None
    operation: str | None = None


class RefusalList(View, kw_only=True):
    """GET /agents/session/{id}/refusals: newest first. `searched` entries of the log were looked at, the newest."""

    refusals: list[RefusalEntry]
    searched: int


class RefusalQuery(msgspec.Struct, kw_only=True):
    """Query of the refusals. `limit` above 100 is read as 100 by the platform."""

    limit: Annotated[int, Meta(ge=1)] = 20


class HealthView(View, kw_only=True):
    """What needs a look at a session: spends refused within the last hour (by whole minutes), and payments whose
    outcome is not proven, with when the oldest of them was placed (ISO-8601). Its own, and none of its children's."""

    refused_last_hour: int
    unknown: int
    unknown_since: str | None = None


class SessionView(View, kw_only=True):
    """A session as its owner and its holder see it. USDC amounts are exact decimal strings.

    `budget_usdc`, `remaining_usdc`, `per_spend_usdc` and `spends_max` are None when unlimited; `spends` is how
    many were made; `allowed_service_ids` is
    empty for every service; the other lists are None for every one. `expires_at` is ISO-8601, `expiry` and
    `not_before` are unix seconds: the session's own end, its ancestors' may be earlier. `status` is what its
    ancestors leave of it. `worst_case_loss_usdc`: the most that it could still cost if its key leaked now.
    `session_key_hash` is None where only the key's address is known. `proof` is `required` where every request with the
    session's token is signed, and absent otherwise. `next_refusal` is what it would be refused next. `health` is told
    where sessions are asked for (the list, one by its id, the session itself), and not where one was changed.
    """

    session_id: str
    agent_id: str
    owner_wallet: str
    role: str
    status: str
    label: str | None
    delegate: str | None = None
    parent_id: str | None = None
    successor_id: str | None = None
    tree_id: str
    depth: int
    policy_version: int
    budget_usdc: str | None
    remaining_usdc: str | None
    worst_case_loss_usdc: str | None
    held_usdc: str
    spent_usdc: str
    per_spend_usdc: str | None
    windows: list[WindowView]
    spends_max: int | None
    spends: int
    approval_above_usdc: str | None = None
    limits: list[LimitView] = field(default_factory=list)
    allowed_service_ids: list[str]
    allowed_assets: list[str] | None = None
    allowed_chains: list[int] | None = None
    allowed_payees: list[str] | None = None
    allowed_operations: list[str] | None = None
    refunds_restore: bool = False
    not_before: int
    expires_at: str
    expiry: int
    session_wallet: str | None
    session_key_hash: str | None = field(
        default_factory=lambda: None
    )  # a null is told: defaults are left out
    e2e_public_key: str | None
    sole_label: bool = False
    proof: str | None = None
    funding_mode: str
    network: NetworkView
    next_refusal: NextRefusal | None = None
    health: HealthView | None = None


class SessionPage(View):
    """GET /agents/sessions: one page, newest first."""

    sessions: list[SessionView]
    total: int
    limit: int
    offset: int


class SessionListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /agents/sessions. `limit` above 100 is read as 100 by the platform.

    `labelContains` and `search` take ASCII letters in any case; `search` looks into labels and delegates, and, from 8
    characters on, at the beginnings of ids and wallet addresses. `currency` is one that a session has limits for.
    `attention=true` finds what needs a look: with a payment that is not proven, refused within the last hour, near the
    end of a budget (80 % spent or held) or of its time (the last hour, or tenth of it where that is shorter).
    `sort=remaining` is by two digits of what is left of a session's own currency, least first, unlimited last.
    """

    label: Annotated[str, Meta(max_length=200)] | None = None
    label_contains: Annotated[str, Meta(min_length=1, max_length=200)] | None = field(
        default=None, name="labelContains"
    )
    search: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    currency: Literal["USDC", "ETH", "USDT", "EURC", "DAI", "WETH", "POL", "SOL"] | None = None
    status: Literal["active", "pending", "exhausted", "paused", "expired", "revoked"] | None = None
    role: Literal["buyer", "seller"] | None = None
    delegate: Annotated[str, Meta(max_length=200)] | None = None
    parent: Id | None = None
    tree: Id | None = None
    chain: Annotated[int, Meta(ge=1)] | None = None
    key_hash: KeyHash | None = field(default=None, name="keyHash")
    attention: Literal["true"] | None = None
    sort: Literal["newest", "oldest", "expiry", "label", "remaining"] = "newest"
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class SessionCounts(View):
    """GET /agents/sessions/counts: how many sessions have each status now, and how many there are."""

    total: int
    active: int
    pending: int
    exhausted: int
    paused: int
    expired: int
    revoked: int


class SessionTree(View):
    """A session and all that were made out of it, a parent before its children, each with what it spent."""

    sessions: list[SessionView]


class FleetView(View):
    """All sessions of an owner together: whether they are frozen, and since when (ISO-8601)."""

    frozen: bool
    frozen_at: str | None = None


class LabelPolicy(Request):
    """GET and PUT /agents/label-policy: whether no two living sessions of the owner may have one label."""

    unique: bool


class RevokedAll(View):
    """How many sessions were revoked by this call; those that were before are not among them."""

    revoked: int


class RecoveryBody(Request):
    """PUT and GET of a recovery copy; only the owner's wallet can open it."""

    recovery: Recovery

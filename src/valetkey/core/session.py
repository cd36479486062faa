"""A session: delegated authority, its place in a tree, and the status that follows from its facts and the clock.

A session may have been made out of another one. Its lineage is itself, its parent, and so on up to the root.
"""

from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.policy import Policy
from valetkey.core.value import value
from valetkey.core.windows import EMPTY, Ring


class Status(StrEnum):
    """What a session is now. Derived, never stored; the first that fits, in this order."""

    REVOKED = "revoked"
    EXPIRED = "expired"
    PAUSED = "paused"
    EXHAUSTED = "exhausted"
    PENDING = "pending"
    ACTIVE = "active"


class Role(StrEnum):
    """On which side of a purchase a session acts for its owner."""

    BUYER = "buyer"
    SELLER = "seller"


@value
@dataclass(frozen=True, slots=True)
class Usage:
    """What a session has spent of one currency, in its base units.

    held: placed and not settled, including every hold that waits for approval or whose outcome is unknown.
    captured: proven to have moved, less what came back and may be spent again.
    restored: what came back so; windows count it still, because it was spent at its time.
    """

    held: int = 0
    captured: int = 0
    restored: int = 0

    @property
    def committed(self) -> int:
        return self.held + self.captured

    @property
    def gross(self) -> int:
        """Everything that was spent or may be, also what came back since."""
        return self.committed + self.restored


@value
@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how fast a session has spent.

    spends: how many spends were placed and neither voided nor expired.
    rings: what counts against each window of the policy, in its order; an empty tuple stands for empty rings.
    """

    spends: int = 0
    rings: tuple[Ring, ...] = ()


@value
@dataclass(frozen=True, slots=True)
class Spent:
    """What a session has spent of a currency that is not its own, and what counts against its windows."""

    usage: Usage = Usage()
    rings: tuple[Ring, ...] = ()


@value
@dataclass(frozen=True, slots=True)
class Session:
    """Delegated authority of one owner. Keys and tokens are elsewhere: here is only what rules need.

    others: what was spent of each of the policy's other currencies, in its order; empty stands for nothing.
    tree_id: the id of the tree's first session, the same for ever; empty for a session that is it.
    policy_version: how often the policy was set; what was approved under another one is decided anew.
    successor_id: the session that a rotation put in this one's place; `carried`: it began with this one's usage.
    frozen_at: since when every session of the owner stands still.
    """

    id: str
    owner_id: str
    role: Role
    policy: Policy
    usage: Usage
    created_at: int
    pace: Pace = Pace()
    revoked_at: int | None = None
    paused_at: int | None = None
    frozen_at: int | None = None
    others: tuple[Spent, ...] = ()
    tree_id: str = ""
    parent_id: str | None = None
    depth: int = 0
    policy_version: int = 1
    successor_id: str | None = None
    carried: bool = False

    @property
    def tree(self) -> str:
        """The id of the session's tree."""
        return self.tree_id or self.id

    def having_spent(self, usage: Usage, pace: Pace, others: tuple[Spent, ...]) -> "Session":
        """The session with other figures. Every spend makes one of each session it concerns: `replace` costs thrice."""
        return Session(
            self.id,
            self.owner_id,
            self.role,
            self.policy,
            usage,
            self.created_at,
            pace,
            self.revoked_at,
            self.paused_at,
            self.frozen_at,
            others,
            self.tree_id,
            self.parent_id,
            self.depth,
            self.policy_version,
            self.successor_id,
            self.carried,
        )


Lineage = tuple[Session, ...]
"""A session and its ancestors, nearest first; never empty."""


def spent_of(session: Session, currency: str) -> Spent:
    """What a session has spent of a currency that its policy has limits for."""
    if currency == session.policy.currency:
        return Spent(session.usage, session.pace.rings)
    if not session.others:
        return Spent()
    return session.others[session.policy.currencies.index(currency) - 1]


def usage_of(session: Session, currency: str) -> Usage:
    """As spent_of, the usage alone."""
    return session.usage if currency == session.policy.currency else spent_of(session, currency).usage


def rings_of(session: Session, currency: str) -> tuple[Ring, ...]:
    """As spent_of, what counts against the windows alone; empty stands for empty rings."""
    return session.pace.rings if currency == session.policy.currency else spent_of(session, currency).rings


def ring_of(session: Session, index: int, currency: str | None = None) -> Ring:
    """What counts against the window at this place of a currency's limits, the session's own when it is None."""
    rings = rings_of(session, currency or session.policy.currency)
    return rings[index] if rings else EMPTY


def remaining(session: Session, currency: str | None = None) -> int | None:
    """Base units left in a budget, None when unlimited; below zero when more moved than was granted."""
    currency = currency or session.policy.currency
    limits = session.policy.limits(currency)
    if limits is None:
        return 0
    if limits.budget is None:
        return None
    return limits.budget - usage_of(session, currency).committed


RANK_DECIMALS, RANK_DIGITS, RANK_STEP = max(CURRENCY_DECIMALS.values()), 2, 100


def remaining_rank(session: Session) -> int | None:
    """Where a session stands among others by what is left of its own currency's budget, None when that is unlimited.

    The more digits, the higher, and of as many the two first ones count: lists are sorted by it, and it changes no more
    than a hundred times while nine tenths of a budget are spent. Currencies are compared as numbers.
    """
    left = remaining(session)
    if left is None:
        return None
    if left <= 0:
        return 0
    digits = str(left)
    length = len(digits) + RANK_DECIMALS - CURRENCY_DECIMALS[session.policy.currency]
    return length * RANK_STEP + int(digits[:RANK_DIGITS].ljust(RANK_DIGITS, "0"))


def spends_left(session: Session) -> int | None:
    """How many spends are left, None for any number; never below zero."""
    most = session.policy.spends_max
    return None if most is None else max(most - session.pace.spends, 0)


def exhausted(session: Session) -> bool:
    """Whether nothing is left of any currency, or no spend."""
    if spends_left(session) == 0:
        return True
    lefts = (remaining(session, currency) for currency in session.policy.currencies)
    return all(left is not None and left <= 0 for left in lefts)


def standing(session: Session) -> tuple[bool, int | None]:
    """What lists of sessions know of what one has spent: whether it is exhausted, and its rank by what is left."""
    return exhausted(session), remaining_rank(session)


def status(session: Session, now: int, ancestors: Lineage = ()) -> Status:
    """The status of a session at `now` (unix seconds): what stops an ancestor stops it too."""
    lineage = (session, *ancestors)
    if any(one.revoked_at is not None for one in lineage):
        return Status.REVOKED
    if any(now >= one.policy.expires_at for one in lineage):
        return Status.EXPIRED
    if any(one.paused_at is not None or one.frozen_at is not None for one in lineage):
        return Status.PAUSED
    if any(exhausted(one) for one in lineage):
        return Status.EXHAUSTED
    if any(now < one.policy.not_before for one in lineage):
        return Status.PENDING
    return Status.ACTIVE


def ends_at(session: Session, ancestors: Lineage = ()) -> int:
    """When the session ends, unix seconds: with the first of its lineage."""
    return min(one.policy.expires_at for one in (session, *ancestors))


def worst_case_loss(
    session: Session, now: int, ancestors: Lineage = (), currency: str | None = None
) -> int | None:
    """The most the session could still cost if its key leaked now, in base units of a currency; None = unlimited.

    Counts what the gate would still grant and what is held; what lies in a session wallet beyond
    its budget is the chain's knowledge and is added where balances are known.
    """
    currency = currency or session.policy.currency
    held = spent_of(session, currency).usage.held if session.policy.limits(currency) else 0
    # The gate grants a seller nothing.
    if session.role is Role.SELLER or status(session, now, ancestors) in (Status.REVOKED, Status.EXPIRED):
        return held
    lefts = [left for one in (session, *ancestors) if (left := remaining(one, currency)) is not None]
    return max(min(lefts), 0) + held if lefts else None

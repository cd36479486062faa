"""A session: delegated authority, and the status that follows from its facts and the clock."""

from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.policy import Policy
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


@dataclass(frozen=True, slots=True)
class Usage:
    """What a session has spent, in base units of its policy's currency.

    held: placed and not settled, including every hold whose outcome is unknown.
    captured: proven to have moved.
    """

    held: int = 0
    captured: int = 0

    @property
    def committed(self) -> int:
        return self.held + self.captured


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how fast a session has spent.

    spends: how many spends were placed and neither voided nor expired.
    rings: what counts against each window of the policy, in its order; an empty tuple stands for empty rings.
    """

    spends: int = 0
    rings: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """Delegated authority of one owner. Keys and tokens are elsewhere: here is only what rules need."""

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
    """Since when every session of the owner stands still."""


def ring_of(session: Session, index: int) -> Ring:
    """What counts against the window at this place of the policy."""
    return session.pace.rings[index] if session.pace.rings else EMPTY


def remaining(session: Session) -> int | None:
    """Base units left in the budget, None when unlimited; below zero when more moved than was granted."""
    if session.policy.budget is None:
        return None
    return session.policy.budget - session.usage.committed


def spends_left(session: Session) -> int | None:
    """How many spends are left, None for any number; never below zero."""
    most = session.policy.spends_max
    return None if most is None else max(most - session.pace.spends, 0)


def status(session: Session, now: int) -> Status:
    """The status of a session at `now` (unix seconds)."""
    left = remaining(session)
    if session.revoked_at is not None:
        return Status.REVOKED
    if now >= session.policy.expires_at:
        return Status.EXPIRED
    if session.paused_at is not None or session.frozen_at is not None:
        return Status.PAUSED
    if (left is not None and left <= 0) or spends_left(session) == 0:
        return Status.EXHAUSTED
    if now < session.policy.not_before:
        return Status.PENDING
    return Status.ACTIVE


def worst_case_loss(session: Session, now: int) -> int | None:
    """The most the session could still cost if its key leaked now, in base units; None = unlimited.

    Counts what the gate would still grant and what is held; what lies in a session wallet beyond
    its budget is the chain's knowledge and is added where balances are known.
    """
    # The gate grants a seller nothing.
    if session.role is Role.SELLER or status(session, now) in (Status.REVOKED, Status.EXPIRED):
        return session.usage.held
    left = remaining(session)
    return None if left is None else max(left, 0) + session.usage.held

"""One spend: what is asked for, and its life in the ledger."""

from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.money import Money
from valetkey.core.policy import PURCHASE
from valetkey.core.value import value


@value
@dataclass(frozen=True, slots=True)
class SpendRequest:
    """What a spend would move: `amount` is everything the payer is charged, fee included.

    service_id: what is bought, None when it is no service of the market. payee: the address that is paid, hex
    in any case of its letters, None when it is not known. operation: a word of the policy's, such as `purchase`.
    """

    amount: Money
    service_id: str | None = None
    payee: str | None = None
    operation: str = PURCHASE


class HoldState(StrEnum):
    """Where one spend stands. The first four keep its money off the budget."""

    PENDING = "pending_approval"
    APPROVED = "approved"
    HELD = "held"
    UNKNOWN = "unknown"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


UNDECIDED = frozenset({HoldState.PENDING, HoldState.APPROVED})
"""Waits for the owner, or for being executed: nothing can have been paid from it by the rules."""

OPEN = frozenset({HoldState.PENDING, HoldState.APPROVED, HoldState.HELD, HoldState.UNKNOWN})
CLOSED = frozenset({HoldState.CAPTURED, HoldState.VOIDED, HoldState.EXPIRED})


@value
@dataclass(frozen=True, slots=True)
class Hold:
    """One spend. `amount` was held and `captured` is what moved, base units of the currency's limits.

    `expires_at` (unix seconds): when an undecided one lapses; a held one expires after it, upon proof.
    debits: the sessions that it was debited from, the spender first; empty stands for the spender alone.
    terms: the policy versions of those, added up: what was approved under other terms is stale.
    refunded: how much of what moved the payee gave back.
    """

    id: str
    session_id: str
    request: SpendRequest
    amount: int
    state: HoldState
    placed_at: int
    expires_at: int
    captured: int = 0
    refunded: int = 0
    settled_at: int | None = None
    debits: tuple[str, ...] = ()
    terms: int = 1

    @property
    def currency(self) -> str:
        """The currency whose limits it counts against."""
        return self.request.amount.asset.currency

    @property
    def was_asked(self) -> bool:
        """Whether the gate was asked for it. What moved otherwise was over in the moment it became known (Observe)."""
        return self.state is not HoldState.CAPTURED or self.placed_at < self.expires_at

"""Commands of the ledger: what may be asked of a hold, and what each one proves."""

from dataclasses import dataclass

from valetkey.core.spend import SpendRequest
from valetkey.core.value import value


@value
@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Ask for money: the command that the policies decide.

    `expires_at` and `approval_ends_at` are unix seconds: when the hold ends, and how long it may wait for the
    owner's approval; None when it cannot wait, so that it is refused instead.
    """

    hold_id: str
    request: SpendRequest
    expires_at: int
    approval_ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """The owner agrees: the hold may be executed until `expires_at` (unix seconds)."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class Reject:
    """The owner does not agree, or takes an approval back that was not executed yet."""


@dataclass(frozen=True, slots=True)
class Execute:
    """Make a hold out of an approved one. It is decided again, by the policies as they are now."""

    request: SpendRequest
    expires_at: int


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """A payment for this hold was signed: until proof, its money counts as gone."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Proof that `amount` moved. It is debited in any case: also late, also beyond the hold or the budget.

    Less than was held gives the rest back.
    """

    amount: int


@value
@dataclass(frozen=True, slots=True)
class Observe:
    """Proof that money moved which nobody had asked the gate for: it is debited in any case, as a hold of its own.

    `hold_id` names the proof, so that it is debited once. A key that leaked, or that went round the gate.
    """

    hold_id: str
    request: SpendRequest


@dataclass(frozen=True, slots=True)
class Refund:
    """Proof that the payee gave back `total` of what moved, all refunds of the hold together."""

    total: int


@dataclass(frozen=True, slots=True)
class Void:
    """Given up before anything was signed, or proven not to have moved."""

    proven: bool = False


@dataclass(frozen=True, slots=True)
class Lapse:
    """The end has come of a hold that nothing was signed for, and nothing can be signed for any more."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Proof, by a final block at `block_time` without the payment, that nothing moved in time."""

    block_time: int


Command = (
    PlaceHold | Observe | Approve | Reject | Execute | MarkUnknown | Capture | Refund | Void | Lapse | Expire
)

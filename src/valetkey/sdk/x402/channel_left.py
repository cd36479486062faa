"""What is left in channels, as the SDK tells of it."""

from dataclasses import dataclass
from decimal import Decimal

from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.sdk.x402.terms import CURRENCY
from valetkey.wire.spends import SpendView

OPEN, WITHDRAWING, CLOSED = "open", "withdrawing", "closed"


@dataclass(frozen=True, slots=True)
class ChannelLeft:
    """A channel of a session's wallet; amounts are USDC.

    `left` is what its payer can still get back, `returned` what came back and the ledger counts. `state` is open,
    withdrawing (until `ready_at`, unix seconds: withdraw again then), or closed, when nothing is left. `spend_id` is
    the spend of its deposit.
    """

    channel_id: str
    spend_id: str
    payee: str
    deposited: Decimal
    left: Decimal
    returned: Decimal
    state: str
    ready_at: int | None = None


def channel_left(
    view: SpendView, channel_id: str, deposited: int, left: int, ready_at: int | None = None
) -> ChannelLeft:
    """What is told of a channel: `deposited` and `left` are base units."""
    decimals = CURRENCY_DECIMALS[CURRENCY]
    state = CLOSED if left == 0 else OPEN if ready_at is None else WITHDRAWING
    return ChannelLeft(
        channel_id=channel_id,
        spend_id=view.spend_id,
        payee=view.payee or "",
        deposited=Decimal(format_units(deposited, decimals)),
        left=Decimal(format_units(left, decimals)),
        returned=Decimal(view.refunded or 0),
        state=state,
        ready_at=ready_at if left else None,
    )

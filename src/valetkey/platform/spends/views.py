"""A spend as JSON, and what a dry run of one was told."""

import msgspec

from valetkey.core.decide import Allowed
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Money, format_units
from valetkey.core.refusal import Refused
from valetkey.core.spend import HoldState
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.wire.authorizations import EIP3009, PERMIT2
from valetkey.wire.channels import deposit_of, read_signed
from valetkey.wire.errors import reasons_body
from valetkey.wire.spends import ChannelView, SpendView, Verdict
from valetkey.wire.timestamps import MILLISECONDS_MAX, iso_timestamp


def spend_view(record: SpendRecord) -> SpendView:
    """What the owner and the session that asked see."""
    hold, asset = record.hold, record.hold.request.amount.asset
    decimals = CURRENCY_DECIMALS[asset.currency]
    is_captured = hold.state is HoldState.CAPTURED
    return SpendView(
        spend_id=hold.id,
        session_id=hold.session_id,
        state=str(hold.state),
        amount=format_units(hold.amount, decimals),
        currency=asset.currency,
        asset=asset.id,
        payee=hold.request.payee,
        operation=hold.request.operation,
        service_id=hold.request.service_id,
        note=record.note,
        captured=format_units(hold.captured, decimals) if is_captured else None,
        refunded=format_units(hold.refunded, decimals) if hold.refunded else None,
        reference=record.payment.reference if record.payment else None,
        transaction_id=record.transaction_id,
        placed_at=iso_timestamp(hold.placed_at),
        expires_at=iso_timestamp(hold.expires_at),
        settled_at=None if hold.settled_at is None else iso_timestamp(hold.settled_at),
        movable_until=_movable_until(record),
        channel=_channel(record.payment),
    )


def _movable_until(record: SpendRecord) -> str | None:
    """Until when what was signed can still move, by what was signed; None where that does not say."""
    payment = record.payment
    if record.hold.state is not HoldState.UNKNOWN or payment is None:
        return None
    if not (payment.reference or "").startswith((EIP3009, PERMIT2)):
        return None
    try:
        dead_from = read_signed(payment.payload).dead_from
    except InvalidInput:
        return None
    return iso_timestamp(dead_from) if 0 <= dead_from <= MILLISECONDS_MAX // 1_000 else None


def verdict(asked: Money, said: Allowed | Refused) -> Verdict:
    """What the gate said to a dry run."""
    currency, text = asked.asset.currency, format_units(asked.units, asked.asset.decimals)
    if isinstance(said, Refused):
        return Verdict(allowed=False, currency=currency, asked=text, reasons=reasons_body(said))
    left = said.remaining
    return Verdict(
        allowed=said.approval is None,
        needs_approval=said.approval is not None,
        currency=currency,
        asked=text,
        remaining=None if left is None else format_units(left, CURRENCY_DECIMALS[currency]),
        reasons=[] if said.approval is None else reasons_body(Refused((said.approval,))),
    )


def _channel(payment: Payment | None) -> ChannelView | None:
    """What an owner needs to take money back out of a channel whose delegate is gone. Nothing in it can be spent."""
    if payment is None or not (payment.reference or "").startswith(EIP3009):
        return None
    deposit = deposit_of(payment.payload)
    if deposit is None:
        return None
    return ChannelView(channel_id=deposit.channel_id, **msgspec.structs.asdict(deposit.channel))

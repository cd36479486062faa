"""How a spend asks its owner: how long it waits, and the webhook that tells of it."""

from valetkey.core.ids import Kind
from valetkey.core.money import format_units
from valetkey.core.spend import SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Asking, Event
from valetkey.wire.http import encode
from valetkey.wire.spends import ApprovalRequested
from valetkey.wire.timestamps import iso_timestamp

APPROVAL_REQUESTED = "approval.requested"


def asking(
    platform: Platform, caller: Caller, record: SessionRecord, request: SpendRequest, hold_id: str
) -> Asking:
    """The question that goes with a spend, should it pass a threshold; the owner's URL is told of it."""
    ends_at = platform.clock.now() + platform.settings.approval_seconds
    url = caller.agent.webhook_url
    if url is None or not record.asks:
        return Asking(ends_at)
    asset = request.amount.asset
    body = ApprovalRequested(
        event=APPROVAL_REQUESTED,
        approval_id=hold_id,
        session_id=record.session.id,
        label=record.label,
        amount=format_units(request.amount.units, asset.decimals),
        currency=asset.currency,
        asset=asset.id,
        payee=request.payee,
        operation=request.operation,
        service_id=request.service_id,
        expires_at=iso_timestamp(ends_at),
    )
    event = Event(
        id=new_id(Kind.WEBHOOK),
        agent_id=caller.agent.id,
        transaction_id=hold_id,
        name=APPROVAL_REQUESTED,
        url=url,
        body=encode(body),
    )
    return Asking(ends_at, (event,))

"""Routes of approvals, and of the URL that is told when one is asked for."""

from valetkey.core.api_key import Scope
from valetkey.core.commands import Approve, Reject
from valetkey.core.refusal import Refused
from valetkey.platform.context import Platform
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.outward import check_url
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import RefusedRequest
from valetkey.platform.room import Lane
from valetkey.platform.spends.service import seen
from valetkey.platform.spends.views import spend_view
from valetkey.ports.ledger import SpendQuery
from valetkey.wire.http import API_PREFIX
from valetkey.wire.spends import ApproveBody, SpendListQuery, SpendPage, SpendView, WebhookUrlBody

APPROVALS = f"{API_PREFIX}/approvals"


async def listed(call: Call) -> SpendPage:
    query = call.query(SpendListQuery)
    limit = page_limit(query.limit)
    state = query.state or "pending_approval"
    found, total = await call.platform.store.spends(
        SpendQuery(call.caller.agent.id, query.session, state, limit, query.offset)
    )
    return SpendPage(spends=[spend_view(one) for one in found], total=total, limit=limit, offset=query.offset)


async def approve(call: Call) -> SpendView:
    seconds = call.optional_body(ApproveBody).seconds
    return await _decide(call, Approve(call.platform.clock.now() + seconds))


async def reject(call: Call) -> SpendView:
    return await _decide(call, Reject())


async def set_webhook(call: Call) -> WebhookUrlBody:
    body = call.body(WebhookUrlBody)
    platform: Platform = call.platform
    if body.url is not None:
        check_url(body.url, platform.settings.test_mode)
    await platform.store.set_webhook_url(call.caller.agent.id, body.url)
    return body


async def _decide(call: Call, command: Approve | Reject) -> SpendView:
    record = await seen(call.platform, call.caller, call.path("id"))
    done = await call.platform.store.settle(record.hold.id, command, by=call.caller.actor)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return spend_view(done)


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=APPROVALS,
        handler=listed,
        summary="Spends that wait for the owner's approval, newest first",
        query=SpendListQuery,
        gives=SpendPage,
        access=Access.OWNER,
        scope=Scope.SPENDS_READ,
    ),
    Endpoint(
        method="POST",
        path=APPROVALS + "/{id}/approve",
        handler=approve,
        summary="Approve a spend; it is decided again when it is executed",
        takes=ApproveBody,
        may_be_empty=True,
        gives=SpendView,
        access=Access.OWNER,
        scope=Scope.SPENDS_APPROVE,
    ),
    Endpoint(
        method="POST",
        path=APPROVALS + "/{id}/reject",
        handler=reject,
        lane=Lane.STOP,
        summary="Reject a spend, or take back an approval that was not executed yet",
        gives=SpendView,
        access=Access.OWNER,
        scope=Scope.SPENDS_APPROVE,
    ),
    Endpoint(
        method="PUT",
        path=f"{API_PREFIX}/agents/webhook",
        handler=set_webhook,
        summary="Where the owner is told of approvals that are asked for, of claims and of alerts",
        takes=WebhookUrlBody,
        gives=WebhookUrlBody,
        access=Access.OWNER,
    ),
]

"""Routes of sessions."""

from valetkey.core.refusal import Code
from valetkey.platform.http import Access, Call, Endpoint, Reply
from valetkey.platform.sessions import service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    RecoveryBody,
    SessionPage,
    SessionView,
)
from valetkey.wire.transactions import PageQuery

SESSION = f"{API_PREFIX}/agents/session"

REVOKED_MESSAGE = (
    "The token is dead. The key of the session wallet can still sign on chain until the wallet is swept:"
    " reclaim what is in it."
)


async def create(call: Call) -> CreatedSession:
    return await service.create(call.platform, call.caller, call.body(CreateSessionRequest))


async def itself(call: Call) -> SessionView:
    return await service.itself(call.platform, call.caller)


async def show(call: Call) -> SessionView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def listed(call: Call) -> SessionPage:
    return await service.listed(call.platform, call.caller, call.query(PageQuery))


async def revoke(call: Call) -> Reply:
    return Reply(await service.revoke(call.platform, call.caller, call.path("id")), message=REVOKED_MESSAGE)


async def keep_recovery(call: Call) -> RecoveryBody:
    body = call.body(RecoveryBody)
    await service.keep_recovery(call.platform, call.caller, call.path("id"), body.recovery)
    return body


async def recovery(call: Call) -> RecoveryBody:
    return RecoveryBody(recovery=await service.recovery(call.platform, call.caller, call.path("id")))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=SESSION,
        handler=create,
        summary="Make a session; its token is shown once",
        takes=CreateSessionRequest,
        gives=CreatedSession,
        access=Access.OWNER,
        owner_code=Code.SESSION_CANNOT_DELEGATE,
        status=201,
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/self",
        handler=itself,
        summary="The session whose token calls",
        gives=SessionView,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/agents/sessions",
        handler=listed,
        summary="The owner's sessions, newest first",
        query=PageQuery,
        gives=SessionPage,
        access=Access.OWNER,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}",
        handler=show,
        summary="One session of the owner",
        gives=SessionView,
        access=Access.OWNER,
    ),
    Endpoint(
        method="DELETE",
        path=SESSION + "/{id}",
        handler=revoke,
        summary="Revoke a session, by its owner or by its own token",
        gives=SessionView,
    ),
    Endpoint(
        method="PUT",
        path=SESSION + "/{id}/recovery",
        handler=keep_recovery,
        summary="Keep the owner's recovery copy of the session's keys: ciphertext",
        takes=RecoveryBody,
        gives=RecoveryBody,
        access=Access.OWNER,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}/recovery",
        handler=recovery,
        summary="The recovery copy",
        gives=RecoveryBody,
        access=Access.OWNER,
    ),
]

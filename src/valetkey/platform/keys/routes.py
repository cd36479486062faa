"""Routes of API keys."""

from valetkey.core.api_key import Scope
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.keys import service
from valetkey.platform.room import Lane
from valetkey.wire.http import API_PREFIX
from valetkey.wire.keys import CreatedKey, CreateKeyRequest, KeyListQuery, KeyPage, KeyView

KEYS = f"{API_PREFIX}/agents/keys"


async def create(call: Call) -> CreatedKey:
    return await service.create(call.platform, call.caller, call.body(CreateKeyRequest), call.remembering)


async def listed(call: Call) -> KeyPage:
    return await service.listed(call.platform, call.caller, call.query(KeyListQuery))


async def show(call: Call) -> KeyView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def revoke(call: Call) -> KeyView:
    return await service.revoke(call.platform, call.caller, call.path("id"))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=KEYS,
        handler=create,
        summary="Make an API key that may do no more than the one that calls; its secret is shown once",
        takes=CreateKeyRequest,
        gives=CreatedKey,
        access=Access.OWNER,
        scope=Scope.KEYS,
        status=201,
        secret=True,
    ),
    Endpoint(
        method="GET",
        path=KEYS,
        handler=listed,
        summary="The owner's API keys, newest first, without their secrets",
        query=KeyListQuery,
        gives=KeyPage,
        access=Access.OWNER,
        scope=Scope.KEYS_READ,
    ),
    Endpoint(
        method="GET",
        path=KEYS + "/{id}",
        handler=show,
        summary="One API key of the owner",
        gives=KeyView,
        access=Access.OWNER,
        scope=Scope.KEYS_READ,
    ),
    Endpoint(
        method="DELETE",
        path=KEYS + "/{id}",
        handler=revoke,
        lane=Lane.STOP,
        summary="Revoke an API key for ever",
        gives=KeyView,
        access=Access.OWNER,
        scope=Scope.KEYS,
    ),
]

"""Routes of services."""

from valetkey.core.api_key import Scope
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.services import service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.services import (
    CreateServiceRequest,
    PatchServiceRequest,
    SearchQuery,
    ServicePage,
    ServiceView,
)
from valetkey.wire.shape import View

SERVICES = f"{API_PREFIX}/services"


class Done(View):
    """The answer of an action that has nothing to show."""

    message: str


async def create(call: Call) -> ServiceView:
    return await service.create(call.platform, call.caller, call.body(CreateServiceRequest))


async def search(call: Call) -> ServicePage:
    return await service.search(call.platform, call.query(SearchQuery))


async def show(call: Call) -> ServiceView:
    return await service.show(call.platform, call.path("id"))


async def change(call: Call) -> ServiceView:
    asked = call.body(PatchServiceRequest)
    return await service.change(call.platform, call.caller, call.path("id"), asked)


async def archive(call: Call) -> Done:
    await service.archive(call.platform, call.caller, call.path("id"))
    return Done(message="Service archived")


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=SERVICES,
        handler=create,
        summary="Offer a service",
        takes=CreateServiceRequest,
        gives=ServiceView,
        access=Access.OWNER,
        scope=Scope.MARKET,
        status=201,
    ),
    Endpoint(
        method="GET",
        path=SERVICES,
        handler=search,
        summary="Search among active services",
        query=SearchQuery,
        gives=ServicePage,
        access=Access.OPEN,
        limit=Limit.SEARCH,
    ),
    Endpoint(
        method="GET",
        path=SERVICES + "/{id}",
        handler=show,
        summary="One service",
        gives=ServiceView,
        access=Access.OPEN,
    ),
    Endpoint(
        method="PATCH",
        path=SERVICES + "/{id}",
        handler=change,
        summary="Change a service of the caller",
        takes=PatchServiceRequest,
        gives=ServiceView,
        access=Access.OWNER,
        scope=Scope.MARKET,
    ),
    Endpoint(
        method="DELETE",
        path=SERVICES + "/{id}",
        handler=archive,
        summary="Archive a service of the caller",
        gives=Done,
        access=Access.OWNER,
        scope=Scope.MARKET,
    ),
]

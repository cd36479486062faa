"""Offering services, changing them, and finding them."""

from decimal import Decimal

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.money import CURRENCY_DECIMALS, parse_units
from valetkey.core.service import Service, ServiceQuery, ServiceStatus
from valetkey.crypto.credentials import new_id
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.graduation import check_graduated
from valetkey.platform.outward import check_url
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound
from valetkey.platform.services.views import service_view
from valetkey.ports.market import ServiceChange
from valetkey.wire.services import (
    CreateServiceRequest,
    PatchServiceRequest,
    SearchQuery,
    ServicePage,
    ServiceView,
)


async def create(platform: Platform, caller: Caller, asked: CreateServiceRequest) -> ServiceView:
    """Put a service on offer."""
    platform.marketplace(asked.network)
    await check_graduated(platform, asked.network, caller.agent.wallet_address)
    if asked.endpoint_url is not None:
        check_url(asked.endpoint_url, platform.settings.test_mode, "endpointUrl")
    _check_price(asked.price)
    now = platform.clock.now()
    decimals = CURRENCY_DECIMALS[asked.currency]
    service = Service(
        id=new_id(Kind.SERVICE),
        agent_id=caller.agent.id,
        agent_name=caller.agent.name,
        title=asked.title,
        description=asked.description,
        category=asked.category,
        price=parse_units(asked.price, decimals),
        price_unit=asked.price_unit,
        currency=asked.currency,
        decimals=decimals,
        delivery_type=asked.delivery_type,
        callback_required=asked.callback_required,
        endpoint_url=asked.endpoint_url,
        network=asked.network,
        status=ServiceStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )
    await platform.store.add_service(service)
    return service_view(service)


async def search(platform: Platform, asked: SearchQuery) -> ServicePage:
    """A page of active services."""
    limit = page_limit(asked.limit)
    decimals = CURRENCY_DECIMALS.get(asked.currency or "USDC", 6)
    query = ServiceQuery(
        text=asked.q,
        category=asked.category,
        currency=asked.currency,
        price_max=None if asked.max_price is None else parse_units(asked.max_price, decimals),
        # At least nothing is no condition: services without a rating fit it too.
        rating_hundredths_min=round(asked.min_rating * 100) if asked.min_rating else None,
        network=asked.network,
        sort_by=asked.sort_by,
        limit=limit,
        offset=asked.offset,
    )
    found, total = await platform.store.services(query)
    return ServicePage(
        services=[service_view(service) for service in found],
        total=total,
        limit=limit,
        offset=asked.offset,
    )


async def show(platform: Platform, service_id: str) -> ServiceView:
    """One service, paused and archived ones too: old purchases name them."""
    service = await platform.store.service(service_id)
    if service is None:
        raise NotFound("Service not found")
    return service_view(service)


async def change(
    platform: Platform, caller: Caller, service_id: str, asked: PatchServiceRequest
) -> ServiceView:
    """Change what the caller offers. Purchases that were made keep their price."""
    service = await _own(platform, caller, service_id)
    for field, wanted, fixed in (
        ("currency", asked.currency, service.currency),
        ("network", asked.network, service.network),
    ):
        if wanted is not None and wanted != fixed:
            raise InvalidInput(f"a service keeps its {field}: offer another one", field=field)
    if asked.price is not None:
        _check_price(asked.price)
    endpoint_url: str | None = None
    if asked.endpoint_url is None:
        endpoint_url = ""
    elif isinstance(asked.endpoint_url, str):
        check_url(asked.endpoint_url, platform.settings.test_mode, "endpointUrl")
        endpoint_url = asked.endpoint_url
    changed = await platform.store.change_service(
        service.id,
        ServiceChange(
            title=asked.title,
            description=asked.description,
            category=asked.category,
            price=None if asked.price is None else parse_units(asked.price, service.decimals),
            price_unit=asked.price_unit,
            delivery_type=asked.delivery_type,
            callback_required=asked.callback_required,
            endpoint_url=endpoint_url,
            status=None if asked.status is None else ServiceStatus(asked.status),
        ),
    )
    return service_view(changed)


async def archive(platform: Platform, caller: Caller, service_id: str) -> None:
    """Take a service off the market for good."""
    service = await _own(platform, caller, service_id)
    await platform.store.change_service(service.id, ServiceChange(status=ServiceStatus.ARCHIVED))


def _check_price(price: Decimal) -> None:
    if price == 0:
        raise InvalidInput("a price of nothing cannot be paid through an escrow", field="price")


async def _own(platform: Platform, caller: Caller, service_id: str) -> Service:
    service = await platform.store.service(service_id)
    if service is None or service.agent_id != caller.agent.id or service.status is ServiceStatus.ARCHIVED:
        raise NotFound("Service not found")
    return service

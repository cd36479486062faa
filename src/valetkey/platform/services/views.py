"""A service as JSON."""

from valetkey.core.money import to_decimal
from valetkey.core.service import Service
from valetkey.wire.services import ServiceAgent, ServiceView
from valetkey.wire.timestamps import iso_timestamp


def service_view(service: Service) -> ServiceView:
    """What everybody sees."""
    rating = service.rating_hundredths
    return ServiceView(
        id=service.id,
        agent_id=service.agent_id,
        title=service.title,
        description=service.description,
        category=service.category,
        price=to_decimal(service.price, service.decimals),
        price_unit=service.price_unit,
        currency=service.currency,
        delivery_type=service.delivery_type,
        callback_required=service.callback_required,
        endpoint_url=service.endpoint_url,
        network=service.network,
        status=str(service.status),
        rating=None if rating is None else to_decimal(rating, 2),
        rating_count=service.rating_count,
        avg_response_time_ms=service.avg_response_ms,
        total_transactions=service.total_transactions,
        agent=ServiceAgent(id=service.agent_id, agent_name=service.agent_name),
        created_at=iso_timestamp(service.created_at),
        updated_at=iso_timestamp(service.updated_at),
    )

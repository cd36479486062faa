"""Routes of health: live, ready, metrics."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.core.errors import EnvironmentFailure
from valetkey.platform.context import Platform
from valetkey.platform.http import json_response, request_id_of
from valetkey.platform.observing import METRICS_TYPE
from valetkey.wire.errors import error_body
from valetkey.wire.http import encode, success_body


async def live(request: Request) -> Response:
    """The process answers."""
    request.scope["valetkey.route"] = request.url.path
    return json_response(success_body({"status": "live"}), 200, request_id_of(request))


async def ready(request: Request) -> Response:
    """The database and every chain answer."""
    request.scope["valetkey.route"] = request.url.path
    platform: Platform = request.app.state.platform
    request_id = request_id_of(request)
    failing: list[str] = []
    try:
        await platform.store.pulse()
    except EnvironmentFailure:
        failing.append("database")
    for network in platform.networks.values():
        try:
            await network.reader.head()
        except EnvironmentFailure:
            failing.append(network.name)
    if failing:
        body = error_body("environment", "Not ready", {"failing": failing}, request_id)
        return json_response(encode(body), 503, request_id)
    return json_response(success_body({"status": "ready"}), 200, request_id)


async def metrics(request: Request) -> Response:
    """Counters, as Prometheus reads them."""
    platform: Platform = request.app.state.platform
    return Response(platform.metrics.page(), media_type=METRICS_TYPE)


ROUTES = [
    Route("/healthz", live),
    Route("/health/live", live),
    Route("/readyz", ready),
    Route("/health/ready", ready),
    Route("/metrics", metrics),
]

"""Routes of health: live, ready, metrics."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.core.errors import EnvironmentFailure
from valetkey.core.tokens import TokenMismatch
from valetkey.platform.answers import JsonResponse
from valetkey.platform.context import Platform
from valetkey.platform.head import head_of
from valetkey.platform.http import ROUTE
from valetkey.platform.observing.metrics import METRICS_TYPE
from valetkey.wire.errors import error_body
from valetkey.wire.http import encode, success_body

READY_SECONDS = 1.0
"""How long a look at database and chains is good for."""


async def live(request: Request) -> Response:
    """The process answers."""
    request.scope[ROUTE] = request.url.path
    return JsonResponse(success_body({"status": "live"}), 200, head_of(request.scope).request_id)


async def ready(request: Request) -> Response:
    """The database and every chain answer."""
    request.scope[ROUTE] = request.url.path
    request_id = head_of(request.scope).request_id
    failing = await _lately_failing(request)
    if failing:
        body = error_body("environment", "Not ready", {"failing": failing}, request_id)
        return JsonResponse(encode(body), 503, request_id)
    return JsonResponse(success_body({"status": "ready"}), 200, request_id)


async def _lately_failing(request: Request) -> list[str]:
    """What does not answer. Strangers may ask as often as they like: all of a second share one look."""
    state, now = request.app.state, time.monotonic()
    looked_at, look = getattr(state, "ready_look", (now - READY_SECONDS, None))
    if look is None or now - looked_at >= READY_SECONDS:
        look = asyncio.create_task(_failing(state.platform))
        state.ready_look = (now, look)
    found: list[str] = await asyncio.shield(look)
    return found


async def _failing(platform: Platform) -> list[str]:
    failing: list[str] = []
    try:
        await platform.store.pulse()
    except EnvironmentFailure:
        failing.append("database")
    for network in platform.networks.values():
        try:
            await network.reader.head()
            await platform.tokens.checked(network.asset, network.reader)
        except EnvironmentFailure:
            failing.append(network.name)
        except TokenMismatch:
            failing.append(f"{network.name} usdc")
    for cluster in platform.clusters.values():
        try:
            await cluster.reader.check_token(cluster.asset)
        except EnvironmentFailure:
            failing.append(cluster.name)
        except TokenMismatch:
            failing.append(f"{cluster.name} usdc")
    return failing


async def metrics(request: Request) -> Response:
    """Counters, as Prometheus reads them."""
    request.scope[ROUTE] = request.url.path
    platform: Platform = request.app.state.platform
    return Response(platform.metrics.page(), media_type=METRICS_TYPE)


ROUTES = [
    Route("/healthz", live),
    Route("/health/live", live),
    Route("/readyz", ready),
    Route("/health/ready", ready),
    Route("/metrics", metrics),
]

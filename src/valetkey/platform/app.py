"""Composition root of the platform: the one place that names the concrete store and chain reader."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valetkey.chains.evm.networks import Network as EvmNetwork
from valetkey.chains.evm.reader import EvmReader
from valetkey.chains.evm.sender import EvmSender
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.grant import NOBODY
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.engine.alerting import telling
from valetkey.engine.gate import SpendGate
from valetkey.engine.settlement import Settlement
from valetkey.platform import background
from valetkey.platform.answers import http_exception, internal_error
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.claims.page import ROUTES as PAGES
from valetkey.platform.context import (
    Cluster,
    Network,
    Platform,
    RelayDesk,
    Stores,
    make_cluster,
    make_network,
)
from valetkey.platform.head import head_of
from valetkey.platform.health.routes import ROUTES as HEALTH_ROUTES
from valetkey.platform.http import METHODS, routes
from valetkey.platform.limits import RateLimiter
from valetkey.platform.networks import NetworkSettings
from valetkey.platform.observing import Lines, Log, Metrics, make_log, request_line, where_it_broke
from valetkey.platform.settings import Settings, SettingsError
from valetkey.ports.allotments import AllotmentChain
from valetkey.ports.relays import RelayLimits
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import MEMORY, open_memory_store, open_store

Serve = Callable[[Request], Awaitable[Response]]
"""What answers the requests of one path."""

Opener = Callable[[Settings], Awaitable[Stores]]
"""Opens the database that the settings name."""


async def open_stores(settings: Settings) -> Stores:
    """The store that the settings name. Raises StoreUnreadable, StoreFailed."""
    if isinstance(settings.database, Secret):
        return await open_postgres(settings.database.reveal(), promotions_trusted=settings.promotions_trusted)
    return open_memory_store() if settings.database == MEMORY else open_store(settings.database)


def create_app(settings: Settings, opener: Opener = open_stores) -> Starlette:
    """The platform as an ASGI application. Store and chains open when it starts and close when it stops.

    Raises SettingsError for a cluster of Solana without what reads one.
    """
    if any(one.is_solana for one in settings.networks):
        _check_solana()
    lines = Lines(sys.stderr)
    log = make_log(lines)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = await opener(settings)
        store.tell_alerts(telling)
        platform = _compose(settings, store, metrics)
        app.state.platform = platform
        tasks = background.start(platform, log)
        log.info("started", networks=[one.name for one in platform.served], test_mode=settings.test_mode)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in platform.served:
                await one.reader.close()
            for _, desk in platform.desks:
                await desk.sender.close()
            await store.close()
            log.info("stopped")

    ours = routes(ENDPOINTS)
    plain = {route.path: route.endpoint for route in ours if "{" not in route.path}
    app = Application(
        routes=[*ours, *HEALTH_ROUTES, *PAGES],
        lifespan=lifespan,
        exception_handlers={HTTPException: http_exception, Exception: internal_error},
    )
    app.door = Door(super(Application, app).__call__, plain, log, lines, metrics)
    # A redirect has no JSON body, and clients would post their payload twice.
    app.router.redirect_slashes = False
    return app


def _compose(settings: Settings, store: Stores, metrics: Metrics) -> Platform:
    networks: dict[str, Network] = {}
    relayers: dict[int, RelayDesk] = {}
    resolvers: dict[int, RelayDesk] = {}
    clusters: dict[str, Cluster] = {}
    limits = RelayLimits(settings.relayer_wei_day, settings.relayer_owner_wei_day)
    for one in settings.networks:
        if one.is_solana:
            clusters[one.name] = make_cluster(one, _cluster_reader(one), settings.test_mode)
            continue
        sender = _sender(one, settings.relayer_key)
        reader = _reader(one)
        relayer = sender.address if sender is not None and one.allowance else None
        networks[one.name] = make_network(one, reader, settings.test_mode, relayer)
        if sender is not None and relayer is not None:
            relayers[one.chain.chain_id] = RelayDesk(sender, reader, limits)
        resolver = _sender(one, settings.resolver_key if one.escrow else None)
        if resolver is not None:
            resolvers[one.chain.chain_id] = (
                relayers[one.chain.chain_id]
                if resolver.address == relayer
                else RelayDesk(resolver, reader, limits)
            )
    return Platform(
        settings=settings,
        store=store,
        clock=store.clock,
        networks=networks,
        gate=SpendGate(store, store.clock, settings.checkout_seconds),
        settlement=Settlement(store, store, store.clock),
        limiter=RateLimiter(settings.rate_limits, per_minute=settings.rates),
        metrics=metrics,
        started_at=store.clock.now(),
        relayers=relayers,
        resolvers=resolvers,
        clusters=clusters,
    )


def _sender(settings: NetworkSettings, key: Secret | None) -> EvmSender | None:
    """The account that pays the gas of what sessions sign; None when the settings name none."""
    if key is None:
        return None
    return EvmSender(
        settings.rpc_url, settings.chain.chain_id, LocalSigner(PrivateKey.from_hex(key.reveal()))
    )


def _reader(settings: NetworkSettings) -> EvmReader:
    network = EvmNetwork(
        name=settings.name,
        chain=settings.chain.name,
        chain_id=settings.chain.chain_id,
        rpc_url=settings.rpc_url,
        escrow=settings.escrow or NOBODY,
        score=settings.score or NOBODY,
        usdc=settings.usdc,
        confirmations=settings.confirmations,
    )
    return EvmReader(network, settings.rpc_url, confirmations=settings.confirmations)


def _check_solana() -> None:
    missing = ""
    try:
        # Imported late: most platforms serve no cluster.
        import valetkey.chains.solana.allotments  # noqa: F401
    except ImportError as error:
        missing = error.name or "solders"
    if missing:
        raise SettingsError(
            f"VALETKEY_NETWORKS names a cluster of Solana, and {missing} is not installed: install valetkey[solana]"
        )


def _cluster_reader(settings: NetworkSettings) -> AllotmentChain:
    from valetkey.chains.solana.allotments import SolanaAllotments

    return SolanaAllotments(settings.chain.chain_id, settings.rpc_url, settings.usdc)


class Application(Starlette):
    """Starlette behind the door."""

    door: "Door"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.door(scope, receive, send)


class Door:
    """Every request passes it: it gets an id, is counted and logged, and a bug behind it becomes a plain 500.

    Paths without parameters are looked up here; the router tries one pattern after another.
    """

    def __init__(
        self, app: ASGIApp, plain: Mapping[str, Serve], log: Log, lines: Lines, metrics: Metrics
    ) -> None:
        self._app = app
        self._plain = plain
        self._log = log
        self._lines = lines
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = head_of(scope).request_id
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            serve = self._plain.get(scope["path"])
            if serve is None:
                await self._app(scope, receive, watched)
            else:
                response = await serve(Request(scope, receive, send))
                status = response.status_code
                await response(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a bug: told to the operator without the caller's input
            self._log.error("bug", request_id=request_id, where=where_it_broke(error))
            if status == 0:
                await internal_error(Request(scope), error)(scope, receive, watched)
        seconds = time.perf_counter() - began
        # The route's pattern, not the path: somebody may have pasted a secret into the path.
        route = scope.get("valetkey.route") or "unmatched"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(route, method, status, seconds)
        self._lines.later(request_line(request_id, method, route, status, seconds))

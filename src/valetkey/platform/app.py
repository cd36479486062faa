"""Composition root of the platform: the one place that names the concrete store and chain reader."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from structlog.typing import EventDict, Processor

from valetkey.chains.evm.networks import Network as EvmNetwork
from valetkey.chains.evm.reader import EvmReader
from valetkey.chains.evm.sender import EvmSender
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import ValetkeyError
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
from valetkey.platform.door import Application, Door, first_told
from valetkey.platform.health.routes import ROUTES as HEALTH_ROUTES
from valetkey.platform.limits import RateLimiter
from valetkey.platform.networks import NetworkSettings
from valetkey.platform.observing.logs import Lines, broken, make_log
from valetkey.platform.observing.metrics import Metrics, always
from valetkey.platform.observing.watch import Spans, Watcher
from valetkey.platform.room import Room, sizes
from valetkey.platform.serving import routes
from valetkey.platform.settings import Settings
from valetkey.platform.variables import SettingsError
from valetkey.ports.allotments import AllotmentChain
from valetkey.ports.relays import RelayLimits
from valetkey.ports.watching import unwatch, watch_with
from valetkey.stores.sqlite import MEMORY, open_memory_store, open_store

Opener = Callable[[Settings], Awaitable[Stores]]
"""Opens the database that the settings name."""


async def open_stores(settings: Settings) -> Stores:
    """The store that the settings name. Raises StoreUnreadable, StoreFailed."""
    if isinstance(settings.database, Secret):
        from valetkey.stores.postgres import open_postgres

        return await open_postgres(settings.database.reveal(), promotions_trusted=settings.promotions_trusted)
    return open_memory_store() if settings.database == MEMORY else open_store(settings.database)


def create_app(settings: Settings, opener: Opener = open_stores) -> Starlette:
    """The platform as an ASGI application. Store and chains open when it starts and close when it stops.

    Raises SettingsError for a database or a cluster of Solana without the extra that reads one.
    """
    if isinstance(settings.database, Secret):
        _check("valetkey.stores.postgres", "VALETKEY_DATABASE names PostgreSQL", "server")
    if any(one.is_solana for one in settings.networks):
        _check("valetkey.chains.solana.allotments", "VALETKEY_NETWORKS names a cluster of Solana", "solana")
    lines = Lines(sys.stderr)
    spans, trace_id = _tracing(settings)
    log = make_log(lines, settings.log_level, [] if spans is None else [_named_by(trace_id)])
    metrics = Metrics({one.chain.chain_id: one.name for one in settings.networks})
    watcher = Watcher(metrics, spans)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watching = watch_with(watcher)
        try:
            store = await opener(settings)
        except Exception as error:
            # Words of ours quote nothing.
            said = str(error) if isinstance(error, ValetkeyError) else None
            log.error("did_not_start", reason=said, **broken(error))
            raise
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
            lines.flush()
            if spans is not None:
                await spans.close()
            unwatch(watching)

    ours = routes(ENDPOINTS)
    plain = {route.path: route.endpoint for route in ours if "{" not in route.path}
    app = Application(
        routes=[*ours, *HEALTH_ROUTES, *PAGES],
        lifespan=lifespan,
        exception_handlers={HTTPException: http_exception, Exception: internal_error},
    )
    door = Door(super(Application, app).__call__, plain, log, lines, watcher, metrics)
    door.trace_id = trace_id
    door.line_from = first_told(settings.log_level)
    app.door = door
    always(metrics.requests_open, lambda: door.open)
    # A redirect has no JSON body, and clients would post their payload twice.
    app.router.redirect_slashes = False
    return app


def _compose(settings: Settings, store: Stores, metrics: Metrics) -> Platform:
    networks: dict[str, Network] = {}
    relayers: dict[int, RelayDesk] = {}
    resolvers: dict[int, RelayDesk] = {}
    clusters: dict[str, Cluster] = {}
    room = Room(sizes(settings.requests_max), lambda lane: metrics.over_capacity.labels(lane).inc())
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
        limiter=RateLimiter(
            settings.rate_limits,
            per_minute=settings.rates,
            refused=lambda limit: metrics.limited.labels(str(limit)).inc(),
        ),
        metrics=metrics,
        room=room,
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


def _tracing(settings: Settings) -> tuple[Spans | None, Callable[[], str]]:
    """Where spans go, and what the trace is called that we are in. Raises SettingsError without what makes them."""
    if settings.otel_endpoint is None:
        return None, str
    _check("valetkey.platform.observing.tracing", "VALETKEY_OTEL_ENDPOINT is given", "otel")
    # Imported late: most platforms make no traces, and need no OpenTelemetry.
    from valetkey.platform.observing.tracing import open_tracing, trace_id

    return open_tracing(settings.otel_endpoint.reveal()), trace_id


def _named_by(trace_id: Callable[[], str]) -> Processor:
    """Gives lines of the log their trace."""

    def name(_: object, __: str, line: EventDict) -> EventDict:
        found = trace_id()
        if found:
            line.setdefault("trace_id", found)
        return line

    return name


def _check(module: str, told: str, extra: str) -> None:
    """Import what most platforms do without, or say which extra brings it."""
    missing: str | None = None
    try:
        import_module(module)
    except ImportError as error:
        missing = error.name or module
    if missing:
        raise SettingsError(f"{told}, and {missing} is not installed: install valetkey[{extra}]")


def _cluster_reader(settings: NetworkSettings) -> AllotmentChain:
    from valetkey.chains.solana.allotments import SolanaAllotments

    return SolanaAllotments(settings.chain.chain_id, settings.rpc_url, settings.usdc)

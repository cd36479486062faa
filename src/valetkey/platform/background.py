"""What the platform does without being asked: follows chains, sends webhooks, ends holds, anchors the audit log."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from valetkey.core.claim import Claim
from valetkey.core.errors import EnvironmentFailure
from valetkey.engine.alerting import AlertWatch
from valetkey.engine.allotments import AllotmentKeeper
from valetkey.engine.anchoring import Anchoring
from valetkey.engine.claims import ClaimKeeper
from valetkey.engine.following import Follower
from valetkey.engine.lapsing import Lapsing
from valetkey.engine.reconciler import Reconciler
from valetkey.engine.relaying import Relayer
from valetkey.engine.revoking import Revoking
from valetkey.engine.unknowns import Unknowns
from valetkey.engine.webhooks import WebhookSender
from valetkey.platform.context import Cluster, Network, Platform, RelayDesk
from valetkey.platform.observing.logs import Log, broken, where_it_broke
from valetkey.platform.observing.measuring import keep_measuring, watch_what_is_known
from valetkey.platform.observing.metrics import Metrics
from valetkey.platform.observing.watch import kind_of
from valetkey.platform.outward import GuardedPoster
from valetkey.platform.webhooks.service import WebhookSecrets
from valetkey.ports.allotments import Allotment, AllotmentEnd
from valetkey.ports.relays import Relay

RESTART_SECONDS = 5.0
"""How long a background task rests after it broke."""

STEADY_SECONDS = 120.0
"""A task that ran for so long has what it needs again; longer than any store waits before it says that it failed."""

LAPSE_SECONDS = 2.0
"""How often it is looked whether a hold's end has come; looking at nothing costs no write."""


def start(platform: Platform, log: Log) -> list[asyncio.Task[None]]:
    """Start every background task of one platform. Any number of platforms may run on one database."""
    settings = platform.settings
    unknowns = _unknowns(platform, log)
    reconciler, sender = _reconciler(platform, log), _sender(platform, log)
    lapsing = Lapsing(platform.store, lambda _: platform.metrics.lapsed.inc())
    anchoring = Anchoring(platform.store, lambda count: platform.metrics.anchored.inc(count))
    claims = ClaimKeeper(platform.store, platform.store, partial(_claim_ended, platform, log))
    alerts = AlertWatch(platform.store, partial(_alerted, platform, log))
    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "reconciler": lambda: reconciler.run(settings.reconcile_seconds),
        "unknowns": lambda: unknowns.run(settings.reconcile_seconds),
        "measuring": lambda: keep_measuring(platform, settings.reconcile_seconds),
        "lapsing": lambda: lapsing.run(LAPSE_SECONDS),
        "claims": lambda: claims.run(LAPSE_SECONDS),
        "alerts": lambda: alerts.run(settings.alert_seconds),
        "anchoring": lambda: anchoring.run(settings.anchor_seconds),
        "webhooks": lambda: sender.run(settings.webhook_seconds),
        "crowds": lambda: _watch_outbox(platform),
    }
    draws = {chain_id: asyncio.Event() for chain_id, _ in platform.desks}
    for network in platform.networks.values():
        if (contract := network.view.contracts.allowance) is not None:
            follower = _follower(platform, network, contract, log)
            drawn = draws.get(network.asset.chain_id) or asyncio.Event()
            runs[f"follower {network.name}"] = partial(follower.run, settings.follow_seconds, drawn)
    for chain_id, desk in platform.desks:
        relayer = _relayer(platform, chain_id, desk, log, draws[chain_id])
        runs[f"relayer {chain_id} {desk.sender.address}"] = partial(
            relayer.run, settings.relay_seconds, desk.wanted
        )
    for chain_id, desk in platform.relayers.items():
        revoking = _revoking(platform, chain_id, desk, log)
        runs[f"revoking {chain_id}"] = partial(revoking.run, settings.relay_seconds)
    for cluster in platform.clusters.values():
        keeper = _keeper(platform, cluster, log)
        runs[f"allotments {cluster.name}"] = partial(keeper.run, settings.relay_seconds)
    watch_what_is_known(platform)
    outages = Outages(log, platform.metrics)
    return [asyncio.create_task(forever(name, run, outages), name=name) for name, run in runs.items()]


def _reconciler(platform: Platform, log: Log) -> Reconciler:
    def told(outcome: str, transaction_id: str) -> None:
        platform.metrics.reconciled.labels(outcome).inc()
        log.info("reconciled", outcome=outcome, transaction=transaction_id)

    return Reconciler(
        platform.store,
        platform.settlement,
        {name: network.reader for name, network in platform.networks.items()},
        observer=lambda outcome, transaction: told(outcome, transaction.id),
    )


def _unknowns(platform: Platform, log: Log) -> Unknowns:
    def told(outcome: str, hold_id: str) -> None:
        platform.metrics.reconciled.labels(f"spend_{outcome}").inc()
        log.info("reconciled_spend", outcome=outcome, spend=hold_id)

    return Unknowns(
        platform.store,
        platform.store,
        {one.asset.chain_id: one.reader for one in platform.served},
        observer=lambda outcome, record: told(outcome, record.hold.id),
        following=platform.store,
        contracts={
            network.asset.chain_id: network.view.contracts.allowance
            for network in platform.networks.values()
            if network.view.contracts.allowance is not None
        },
    )


def _follower(platform: Platform, network: Network, contract: str, log: Log) -> Follower:
    def told(outcome: str, what: str) -> None:
        platform.metrics.followed.labels(outcome).inc()
        # A key that moves money without asking may have leaked.
        tell = log.warning if outcome in ("unasked", "reorganised") else log.info
        tell("followed", outcome=outcome, subject=what, network=network.name)

    return Follower(
        platform.store, platform.settlement, network.reader, network.asset, contract, observer=told
    )


def _relayer(platform: Platform, chain_id: int, desk: RelayDesk, log: Log, drawn: asyncio.Event) -> Relayer:
    settings = platform.settings

    def told(outcome: str, relay: Relay) -> None:
        if outcome == "done":
            # A final block has it: whoever waits for its capture needs not wait for the follower's next round.
            drawn.set()
        platform.metrics.relayed.labels(outcome).inc()
        tell = log.warning if outcome in ("overtaken", "refused", "reopened", "filled") else log.info
        tell("relayed", outcome=outcome, purpose=relay.purpose, relay=relay.id, reason=relay.reason)

    return Relayer(
        platform.store,
        desk.sender,
        desk.reader,
        chain_id,
        platform.clock,
        patience_seconds=settings.relayer_patience_seconds,
        fee_wei_max=settings.relayer_fee_wei_max,
        observer=told,
    )


def _revoking(platform: Platform, chain_id: int, desk: RelayDesk, log: Log) -> Revoking:
    def told(session_id: str) -> None:
        desk.wanted.set()
        log.info("revoking_on_chain", session=session_id)

    return Revoking(
        platform.store,
        desk.sender,
        chain_id,
        platform.clock,
        observer=told,
    )


def _keeper(platform: Platform, cluster: Cluster, log: Log) -> AllotmentKeeper:
    def told(outcome: str, allotment: Allotment) -> None:
        platform.metrics.allotments.labels(outcome).inc()
        # A key that moves money without asking may have leaked; a dead revocation needs its owner.
        tell = log.warning if outcome in ("unasked", "dead", "unavailable") else log.info
        tell("allotment", outcome=outcome, session=allotment.session_id, network=cluster.name)

    def ended(allotment: Allotment, end: AllotmentEnd) -> None:
        if end.lateness is not None:
            platform.metrics.lateness.observe(end.lateness)
        log.info(
            "revoked_on_chain",
            session=allotment.session_id,
            slot=end.slot,
            at=end.at,
            lateness_seconds=end.lateness,
        )

    return AllotmentKeeper(
        platform.store,
        cluster.reader,
        cluster.asset,
        platform.clock,
        poll_seconds=platform.settings.allotment_seconds,
        observer=told,
        ended=ended,
    )


def _claim_ended(platform: Platform, log: Log, outcome: str, claim: Claim) -> None:
    platform.metrics.claims.labels(outcome).inc()
    log.info("claim", outcome=outcome, claim=claim.id, session=claim.session_id)


def _alerted(platform: Platform, log: Log, kind: str, session_id: str) -> None:
    platform.metrics.alerts.labels(kind).inc()
    tell = log.error if kind == "damaged" else log.info
    tell("alert", kind=kind, session=session_id)


def _sender(platform: Platform, log: Log) -> WebhookSender:
    settings = platform.settings

    def told(outcome: str, event_id: str) -> None:
        platform.metrics.webhooks.labels(outcome).inc()
        log.info("webhook", outcome=outcome, event_id=event_id)

    return WebhookSender(
        platform.store,
        GuardedPoster(settings.test_mode),
        WebhookSecrets(settings, platform.store).of,
        platform.clock,
        observer=lambda outcome, delivery: told(outcome, delivery.event.id),
    )


async def _watch_outbox(platform: Platform) -> None:
    """Keep up to date for whom so many webhooks wait that no more may be promised."""
    while True:
        found = await platform.store.crowded(platform.settings.webhooks_waiting_max)
        platform.crowded.clear()
        platform.crowded.update(found)
        await asyncio.sleep(platform.settings.webhook_seconds)


class Outages:
    """What background tasks wait for, told once when the first of them finds it away, and once when all go on."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics
        self._waiting: dict[str, set[str]] = {}

    def begins(self, task: str, failure: EnvironmentFailure) -> None:
        """A task cannot go on because something outside failed it."""
        name = type(failure).__name__
        self._metrics.failures.labels(kind_of(task), name).inc()
        if name not in self._waiting:
            self._log.warning("background_waits", task=task, failure=name, where=where_it_broke(failure))
        self._waiting.setdefault(name, set()).add(task)

    def broke(self, task: str, error: Exception) -> None:
        """A task met a bug."""
        self._metrics.bugs.inc()
        self._metrics.failures.labels(kind_of(task), "bug").inc()
        self._log.error("background_task_broke", task=task, **broken(error))

    def ends(self, task: str) -> None:
        """A task goes on."""
        for name, tasks in list(self._waiting.items()):
            tasks.discard(task)
            if not tasks:
                del self._waiting[name]
                self._log.info("background_goes_on", failure=name)


async def forever(
    name: str,
    run: Callable[[], Awaitable[None]],
    outages: Outages,
    *,
    restart_seconds: float = RESTART_SECONDS,
    steady_seconds: float = STEADY_SECONDS,
) -> None:
    """Keep a background task alive: whatever ends it is logged as what it is, and must not end it silently.

    A database that is away is no bug, and is told once for all tasks and not each time that one of them tries again.
    """
    structlog.contextvars.bind_contextvars(task=name)
    while True:
        steady = asyncio.get_running_loop().call_later(steady_seconds, outages.ends, name)
        try:
            await run()
        except EnvironmentFailure as failure:
            outages.begins(name, failure)
        except Exception as error:  # noqa: BLE001 - the last line of defence of a task that nobody awaits
            outages.broke(name, error)
        finally:
            steady.cancel()
        await asyncio.sleep(restart_seconds)

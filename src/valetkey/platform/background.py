"""What the platform does without being asked: follows chains, sends webhooks, ends holds, anchors the audit log."""

import asyncio
from collections.abc import Awaitable, Callable

from valetkey.engine.anchoring import Anchoring
from valetkey.engine.lapsing import Lapsing
from valetkey.engine.reconciler import Reconciler
from valetkey.engine.unknowns import Unknowns
from valetkey.engine.webhooks import WebhookSender
from valetkey.platform.context import Platform
from valetkey.platform.observing import Log, where_it_broke
from valetkey.platform.outward import GuardedPoster
from valetkey.platform.webhooks.service import WebhookSecrets

RESTART_SECONDS = 5.0
"""How long a background task rests after it broke."""

LAPSE_SECONDS = 2.0
"""How often it is looked whether a hold's end has come; looking at nothing costs no write."""


def start(platform: Platform, log: Log) -> list[asyncio.Task[None]]:
    """Start every background task of one platform. Any number of platforms may run on one database."""
    settings = platform.settings
    unknowns = _unknowns(platform, log)
    reconciler, sender = _reconciler(platform, log), _sender(platform, log)
    lapsing = Lapsing(platform.store, lambda _: platform.metrics.lapsed.inc())
    anchoring = Anchoring(platform.store, lambda count: platform.metrics.anchored.inc(count))
    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "reconciler": lambda: reconciler.run(settings.reconcile_seconds),
        "unknowns": lambda: unknowns.run(settings.reconcile_seconds),
        "oldest_unknown": lambda: _measure(platform, settings.reconcile_seconds),
        "lapsing": lambda: lapsing.run(LAPSE_SECONDS),
        "anchoring": lambda: anchoring.run(settings.anchor_seconds),
        "webhooks": lambda: sender.run(settings.webhook_seconds),
    }
    return [asyncio.create_task(_forever(name, run, log), name=name) for name, run in runs.items()]


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
        {network.asset.chain_id: network.reader for network in platform.networks.values()},
        observer=lambda outcome, record: told(outcome, record.hold.id),
    )


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


async def _measure(platform: Platform, interval_seconds: float) -> None:
    """Keep the age of the oldest unknown hold up to date."""
    while True:
        since = await platform.store.oldest_unknown()
        age = 0 if since is None else max(0, platform.clock.now() - since)
        platform.metrics.oldest_unknown.set(age)
        await asyncio.sleep(interval_seconds)


async def _forever(name: str, run: Callable[[], Awaitable[None]], log: Log) -> None:
    """Keep a background task alive: a bug in it is logged, and must not end it silently."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - the last line of defence of a task that nobody awaits
            log.error("background_task_broke", task=name, where=where_it_broke(error))
        await asyncio.sleep(RESTART_SECONDS)

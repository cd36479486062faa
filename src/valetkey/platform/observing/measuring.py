"""What is measured every so often, so that reading the metrics asks neither the database nor a node."""

import asyncio
import time
from functools import partial

from valetkey.core.errors import EnvironmentFailure
from valetkey.core.tokens import COIN_DECIMALS
from valetkey.platform.context import Network, Platform, RelayDesk, Served
from valetkey.platform.observing.metrics import always
from valetkey.platform.room import Lane
from valetkey.ports.watching import begin_round

NODE_SECONDS = 5.0
"""How long a node may take to say where it is."""


def watch_what_is_known(platform: Platform) -> None:
    """Let the page tell what this process knows without asking anybody."""
    metrics, store = platform.metrics, platform.store
    always(metrics.waiting, lambda: store.load().waiting)
    always(metrics.connections.labels("busy"), lambda: store.load().busy)
    always(metrics.connections.labels("most"), lambda: store.load().connections)
    always(metrics.database_memory, lambda: store.load().memory)
    for lane in Lane:
        always(metrics.under_way.labels(lane), partial(platform.room.taken, lane))
    always(metrics.streams.labels("events"), lambda: len(platform.event_streams))
    always(metrics.streams.labels("exports"), lambda: len(platform.exports))


async def keep_measuring(platform: Platform, interval_seconds: float) -> None:
    """Measure until cancelled."""
    while True:
        begin_round()
        await measure(platform)
        await asyncio.sleep(interval_seconds)


async def measure(platform: Platform) -> None:
    """Look once. Raises what the database fails with; a node that does not answer is told as such."""
    metrics, found = platform.metrics, await platform.store.measure()
    now = platform.clock.now()
    for name, queue in (
        ("webhooks", found.webhooks),
        ("relays", found.relays),
        ("unknowns", found.unknowns),
    ):
        metrics.queue_length.labels(name).set(queue.length)
        metrics.queue_oldest.labels(name).set(0 if queue.oldest is None else max(0, now - queue.oldest))
    since = found.unknowns.oldest
    metrics.oldest_unknown.set(0 if since is None else max(0, now - since))
    metrics.sessions.set(found.sessions_living)
    await asyncio.gather(
        *(_look_at_node(platform, one) for one in platform.served),
        *(_look_at_account(platform, chain_id, desk) for chain_id, desk in platform.desks),
    )
    metrics.measured.set_to_current_time()


async def _look_at_node(platform: Platform, network: Served) -> None:
    metrics = platform.metrics
    try:
        async with asyncio.timeout(NODE_SECONDS):
            block = await network.reader.head()
    except (EnvironmentFailure, TimeoutError):
        metrics.chain_up.labels(network.name).set(0)
        return
    metrics.chain_up.labels(network.name).set(1)
    metrics.head.labels(network.name).set(block.number)
    metrics.head_age.labels(network.name).set(max(0, time.time() - block.timestamp))


async def _look_at_account(platform: Platform, chain_id: int, desk: RelayDesk) -> None:
    network = platform.network_of_chain(chain_id)
    assert isinstance(network, Network), "accounts send on networks that are served"
    try:
        async with asyncio.timeout(NODE_SECONDS):
            wei = await desk.reader.native_balance(desk.sender.address)
    except (EnvironmentFailure, TimeoutError):
        # The node is told as down above; the last known balance stays.
        return
    # A dispute's account may be the relayer's own.
    account = "relayer" if platform.relayers.get(chain_id) is desk else "resolver"
    platform.metrics.balance.labels(network.name, account).set(wei / 10**COIN_DECIMALS)

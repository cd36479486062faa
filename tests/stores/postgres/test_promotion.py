"""A replica that takes over, or a base backup that is recovered, is on another timeline: it may have lost something."""

import asyncio

import pytest

from tests.cluster import make_cluster
from valetkey.engine.releasing import release
from valetkey.stores.failures import StoreRestored
from valetkey.stores.postgres import open_postgres


def test_another_timeline_waits_for_its_operator_unless_promotions_are_trusted() -> None:
    cluster = make_cluster()
    url = cluster.fresh()

    async def opens(**how: bool) -> None:
        store = await open_postgres(url, **how)
        await store.close()

    asyncio.run(opens())
    cluster.stop()
    (cluster.folder / "data" / "standby.signal").touch()
    cluster.start()
    cluster.promote()
    with pytest.raises(StoreRestored):
        asyncio.run(opens())
    asyncio.run(opens(promotions_trusted=True))

    async def releases() -> None:
        store = await open_postgres(url, restored=True)
        await release(store, nothing_lost=True)
        await store.close()

    asyncio.run(releases())
    asyncio.run(opens())

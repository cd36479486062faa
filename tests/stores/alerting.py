"""A process of its own that spends out of one session, looks at its end, and tells what was kept.

Its standard input says where, whose and how much (JSON), then "go". One line of output for each spend.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.stores.making import NOW, USDC, SystemTime
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.refusal import Refused
from valetkey.core.spend import SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.engine.alerting import telling
from valetkey.ports.ledger import Spend
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store


async def spend(order: dict[str, Any]) -> None:
    where, time, session_id = order["where"], SystemTime(order["now"]), order["session"]
    is_url = where.startswith("postgresql://")
    store: Any = (
        await open_postgres(where, system_time=time) if is_url else open_store(Path(where), system_time=time)
    )
    store.tell_alerts(telling)
    print("ready", flush=True)
    assert sys.stdin.readline() == "go\n"
    left = order["tries"]

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            request = SpendRequest(Money(1, USDC), None, None, "transfer")
            done = await store.hold_spend(Spend(session_id, new_id(Kind.HOLD), request, NOW + 86_400), None)
            await store.look_at_end(session_id)
            await store.look_at_pace(session_id)
            if not isinstance(done, Refused):
                print("held", flush=True)

    await asyncio.gather(*(caller() for _ in range(order["callers"])))
    await store.close()


if __name__ == "__main__":
    asyncio.run(spend(json.loads(sys.stdin.readline())))

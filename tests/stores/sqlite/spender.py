"""A process of its own that spends one session as fast as it can, and tells every purchase that was acknowledged.

Its standard input says where and what (JSON), then "go". One line of output for each acknowledged purchase.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.stores.making import SystemTime, a_key, a_purchase
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import new_id
from valetkey.stores.sqlite import open_store


async def spend(order: dict[str, Any]) -> None:
    store = open_store(Path(order["path"]), system_time=SystemTime())
    service = await store.service(order["service_id"])
    record = await store.session(order["session_id"])
    assert service is not None
    assert record is not None
    owner = await store.agent(record.session.owner_id)
    assert owner is not None
    print("ready", flush=True)
    assert sys.stdin.readline() == "go\n"
    left = order["tries"]

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            ids = {"id": new_id(Kind.TRANSACTION), "hold_id": new_id(Kind.HOLD)}
            purchase = a_purchase(service, owner, record, order["units"], **ids)
            answer = await store.place(purchase, a_key(purchase.id))
            if not isinstance(answer, Refused):
                print(answer.id, flush=True)

    await asyncio.gather(*(caller() for _ in range(order["callers"])))
    await store.close()


if __name__ == "__main__":
    asyncio.run(spend(json.loads(sys.stdin.readline())))

"""A process of its own that spends sessions as fast as it can, and tells every purchase that was acknowledged.

Its standard input says where and what (JSON), then "go". One line of output for each acknowledged purchase.
"""

import asyncio
import itertools
import json
import sys
from typing import Any

from tests.stores.making import SystemTime, a_key, a_purchase, a_service, an_agent
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import new_id
from valetkey.stores.postgres import open_postgres


async def spend(order: dict[str, Any]) -> None:
    store = await open_postgres(order["url"], system_time=SystemTime())
    records = [await store.session(one) for one in order["session_ids"]]
    service = a_service(an_agent(id=order["seller_id"]), id=order["service_id"])
    print("ready", flush=True)
    assert sys.stdin.readline() == "go\n"
    turns = itertools.cycle(records)
    left = order["tries"]

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            record = next(turns)
            assert record is not None
            owner = an_agent(id=record.session.owner_id)
            ids = {"id": new_id(Kind.TRANSACTION), "hold_id": new_id(Kind.HOLD)}
            purchase = a_purchase(service, owner, record, order["units"], **ids)
            answer = await store.place(purchase, a_key(purchase.id))
            if not isinstance(answer, Refused):
                print(answer.id, flush=True)

    await asyncio.gather(*(caller() for _ in range(order["callers"])))
    await store.close()


if __name__ == "__main__":
    asyncio.run(spend(json.loads(sys.stdin.readline())))

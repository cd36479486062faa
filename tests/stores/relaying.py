"""A process of its own that queues, numbers and signs for one relayer as fast as it can, and tells what was kept.

Its standard input says where and how much (JSON), then "go". One line of output for each: id and nonce.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.stores.making import SystemTime
from tests.stores.making_grants import FREE, a_relay
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import new_id
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store


async def send(order: dict[str, Any]) -> None:
    where, time = order["where"], SystemTime()
    is_url = where.startswith("postgresql://")
    store: Any = (
        await open_postgres(where, system_time=time) if is_url else open_store(Path(where), system_time=time)
    )
    print("ready", flush=True)
    assert sys.stdin.readline() == "go\n"
    left = order["tries"]

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            relay_id = new_id(Kind.RELAY)
            wanted = await store.queue_relay(a_relay(relay_id, id=relay_id), FREE)
            assert not isinstance(wanted, Refused)
            numbered = await store.give_nonce(relay_id, 3)
            await store.sign_relay(relay_id, 0, b"raw", f"0x{numbered.nonce}", 5)
            print(relay_id, numbered.nonce, flush=True)

    await asyncio.gather(*(caller() for _ in range(order["callers"])))
    await store.close()


if __name__ == "__main__":
    asyncio.run(send(json.loads(sys.stdin.readline())))

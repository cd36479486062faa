"""One process of the pipeline, which a fate may kill for good. Its argument is a file that tells its story."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.integration.pipeline.plant import Fate, Plant, Works
from valetkey.chains.evm.deploy import Deployed
from valetkey.core.spend import HoldState
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.grants import relaying
from valetkey.wire.granting import RelaySpendRequest


class Deadly(Fate):
    """Ends the process itself, as the kernel does: nothing is closed, flushed or said."""

    def passed(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class Rpc:
    """Plain calls of a chain."""

    def __init__(self, rpc_url: str) -> None:
        self.rpc_url = rpc_url
        self._http = httpx.Client(base_url=rpc_url, timeout=60, trust_env=False)

    def __call__(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return self._http.post("/", json=request).json()["result"]


async def pay(works: Works, told: dict[str, Any]) -> None:
    """Ask for a payment as a delegate's client does, and run until it is captured."""
    caller = await works.caller(told["session_id"])
    asked = RelaySpendRequest(**told["asked"])
    await relaying.pay(works.platform, caller, told["hold_id"], asked)

    async def settled() -> bool:
        record = await works.store.spend_record(told["hold_id"])
        return record is not None and record.hold.state is HoldState.CAPTURED

    await works.until(settled)


async def main(told: dict[str, Any]) -> None:
    keys = [PrivateKey.from_hex(one) for one in told["keys"]]
    plant = Plant(
        Rpc(told["rpc_url"]),  # type: ignore[arg-type]  # it is called in the same way
        Deployed(**told["deployed"]),
        Path(told["folder"]),
        owner_key=keys[0],
        session_key=keys[1],
        relayer_key=keys[2],
    )
    store = plant.open()
    works = plant.works(store, Deadly(told["at"]))
    await pay(works, told)
    await works.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))

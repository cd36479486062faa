"""A delegate in a process of its own: reads one JSON order from standard input, prints one JSON answer."""

import asyncio
import json
import sys
from typing import Any

from valetkey import AsyncBuyerAgent, BudgetExceeded, BuyerAgent
from valetkey.core.errors import ValetkeyError


def pay(order: dict[str, Any]) -> dict[str, Any]:
    """Fund one purchase."""
    agent = BuyerAgent(base_url=order["base_url"], rpc_url=order.get("rpc_url"), state_dir=order["state_dir"])
    agent.init_with_session(order["bundle"])
    try:
        funded = agent.fund_and_verify(order["transaction_id"])
    except ValetkeyError as error:
        return {"error": type(error).__name__, "code": error.code}
    return {"status": funded.status, "tx_hash": funded.escrow_tx_hash}


async def race(order: dict[str, Any]) -> dict[str, Any]:
    """Make many purchases at once."""
    agent = AsyncBuyerAgent(base_url=order["base_url"], state_dir=order["state_dir"])
    await agent.init_with_session(order["bundle"])

    async def buy() -> str:
        try:
            return (await agent.purchase(order["service_id"])).id
        except BudgetExceeded:
            return ""

    bought = await asyncio.gather(*(buy() for _ in range(order["count"])))
    await agent.close()
    return {"bought": [one for one in bought if one], "refused": bought.count("")}


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    done = pay(given) if given["do"] == "pay" else asyncio.run(race(given))
    print(json.dumps(done))

"""Purchases that are paid on chain, one after the other, by the SDK in a process of its own: `python -m load.buying`.

Its configuration comes as a line of JSON on standard input; each purchase is a line on standard output, and the last
one says what the platform says of the session. It stops when standard input ends.
"""

import json
import os
import select
import sys
import time
from typing import Any

from valetkey import BuyerAgent, SellerAgent
from valetkey.cli.dev_rpc import ETH, USDC, DevRpc
from valetkey.crypto.keys import PrivateKey

BUDGET = 500
PRICE = "0.05"


def main() -> None:
    """Set up an owner, a seller and a session, then buy until told to stop."""
    told = json.loads(sys.stdin.readline())
    os.environ["VALETKEY_BASE_URL"] = told["base_url"]
    os.environ["VALETKEY_HOME"] = told["home"]
    rpc = DevRpc(told["rpc_url"])
    keys = [PrivateKey.generate() for _ in range(2)]
    for key in keys:
        rpc.give(key.address, ETH)
    rpc.mint(told["usdc"], keys[0].address, 2 * BUDGET * USDC)
    owner = BuyerAgent.register(keys[0].to_hex(), f"load buyer {time.time_ns()}")
    seller = SellerAgent.register(keys[1].to_hex(), f"load seller {time.time_ns()}")
    owner.init_eoa_wallet(keys[0].to_hex())
    seller.init_eoa_wallet(keys[1].to_hex())
    service = seller.list_service(
        title="Summaries",
        description="One paragraph",
        category="summarization",
        price=PRICE,
        price_unit="per_document",
        endpoint_url=told["hook"],
    )
    session = owner.create_session(budget_usdc=BUDGET, expiry=86_400, allowed_service_ids=[service.id])
    # Of its own accord it has gas for a dozen purchases, and no more.
    owner.fund_session(session, gas_wei=ETH // 2)
    delegate = BuyerAgent()
    delegate.init_with_session(session.serialize())
    _say({"ready": True})
    spent = 0
    while not select.select([sys.stdin], [], [], told["pause"])[0]:
        began = time.perf_counter()
        checkout = delegate.purchase_encrypted(service.id, {"text": "A story"}, callback_url=told["hook"])
        funded = delegate.fund_and_verify(checkout)
        paid = time.perf_counter()
        seller.deliver_encrypted(funded.id, {"summary": "short"})
        seller.submit_delivery(funded.id, {"summary": "short"})
        delegate.confirm_and_release(funded.id)
        spent += int(checkout.instructions.total_with_fee)
        _say({"paid": (paid - began) * 1e3, "whole": (time.perf_counter() - began) * 1e3})
    view = owner.get_session(session.session_id)
    _say({"spent": spent, "ledger": str(view.spent_usdc), "held": str(view.held_usdc)})


def _say(told: Any) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

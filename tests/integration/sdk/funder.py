"""An owner in a process of its own that funds a session: reads one JSON order from standard input."""

import json
import sys

from valetkey import BuyerAgent, SessionInfo
from valetkey.wire.bundle import parse_bundle

if __name__ == "__main__":
    order = json.loads(sys.stdin.read())
    bundle = parse_bundle(order["bundle"], None)
    session = SessionInfo(
        session_id=order["session_id"],
        token=bundle.token,
        agent_id=bundle.agent_id,
        budget_usdc=bundle.budget_usdc,
        expiry=bundle.expiry,
        wallet_address=bundle.wallet_address,
        e2e_public_key=bundle.e2e_public_key,
        bundle=bundle,
    )
    with BuyerAgent(
        order["api_key"], base_url=order["base_url"], rpc_url=order["rpc_url"], state_dir=order["state_dir"]
    ) as owner:
        owner.init_eoa_wallet(order["owner_key"])
        print(owner.fund_session(session))

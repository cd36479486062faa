"""An owner in a process of its own that funds a session: reads one JSON order from standard input."""

import json
import sys

from valetkey import BuyerAgent
from valetkey.sdk.session_info import info_of
from valetkey.wire.bundle import parse_bundle

if __name__ == "__main__":
    order = json.loads(sys.stdin.read())
    places = {name: order[name] for name in ("base_url", "rpc_url", "state_dir")}
    with BuyerAgent(order["api_key"], **places) as owner:
        owner.init_eoa_wallet(order["owner_key"])
        print(owner.fund_session(info_of(order["session_id"], parse_bundle(order["bundle"], None))))

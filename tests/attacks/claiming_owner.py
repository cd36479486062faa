"""An owner in a process of its own, who makes a session and its link, to be killed in the middle of it.

Reads one JSON order: where the platform is, the owner's API key, the state folder, and how long the link lives.
"""

import json
import sys

from valetkey import BuyerAgent


def main() -> None:
    order = json.loads(sys.stdin.readline())
    with BuyerAgent(order["api_key"], base_url=order["base_url"], state_dir=order["folder"]) as owner:
        session = owner.create_session(budget_usdc=5, label=order["label"])
        print(owner.claim_link(session, expires_in=order["expires_in"]).reveal(), flush=True)


if __name__ == "__main__":
    main()

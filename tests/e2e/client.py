"""A Client in a process of its own: reads one JSON order from standard input, prints one JSON answer."""

import json
import sys
from datetime import timedelta
from typing import Any

from valetkey import Client
from valetkey.core.errors import ValetkeyError


def done(order: dict[str, Any]) -> dict[str, Any]:
    """Make a session, or have one do something."""
    places = {name: order[name] for name in ("base_url", "rpc_url", "state_dir", "signer", "passphrase")}
    with Client(order["api_key"], "baseSepolia", **places) as client:
        try:
            if order["do"] == "create":
                rules = {"valid_until": timedelta(hours=1), **order["rules"]}
                return {"session": client.create_session(**rules).session_key_hash}
            told = client.execute(order["session"], order["action"], idempotency_key=order["key"])
        except ValetkeyError as error:
            return {"error": type(error).__name__, "code": error.code, "message": str(error)}
    return {"tx_hash": told.tx_hash, "amount": str(told.amount), "hold": told.hold_id}


if __name__ == "__main__":
    print(json.dumps(done(json.loads(sys.stdin.read()))))

"""One process with a manager of its own: a line of JSON in, a line of JSON out. What is told first opens the file."""

import json
import sys
import time
from datetime import timedelta
from typing import Any

import eth_account.messages  # noqa: F401 - what signing needs is loaded before anybody waits for it

from valetkey import refresh_daily_budget
from valetkey.core.errors import ValetkeyError
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.sdk.manager.blocking import SessionKeyManager

SHIFT = [0.0]
"""How far the clock of this process is ahead, in seconds."""


def now() -> float:
    return time.time() + SHIFT[0]


def opened(told: dict[str, Any]) -> SessionKeyManager:
    return SessionKeyManager(
        told["owner"],
        told["contract"],
        chain=84532,
        rpc_url=told["rpc_url"],
        path=told["path"],
        lock=PassphraseLock(Secret(told["passphrase"]), Argon2(memory_kib=64, iterations=1, lanes=1)),
        wait_seconds=told.get("wait_seconds", 90.0),
        system_time=now,
    )


def answer(manager: SessionKeyManager, asked: dict[str, Any]) -> Any:
    do, key = asked["do"], asked.get("key", "")
    match do:
        case "create":
            return manager.create_session(
                label=asked["label"],
                spending_limit=asked["limit"],
                valid_until=timedelta(hours=1),
                idempotency_key=asked.get("idempotency_key"),
            ).session_key_hash
        case "restore":
            return manager.restore_session(key).status
        case "spend":
            spent = manager.spend(
                key,
                to=asked["to"],
                amount=asked["amount"],
                idempotency_key=asked.get("idempotency_key"),
            )
            return [spent.hold_id, spent.state, spent.receipt.tx_hash]
        case "sign":
            return manager.sign(key, asked["message"]).hex()
        case "revoke":
            return manager.revoke_session(key).on_chain
        case "list":
            return [one.session_key_hash for one in manager.list_sessions(limit=1_000)]
        case "rotate":
            return manager.rotate(key, grace_seconds=asked["grace"]).session_key_hash
        case "days":
            # What a scheduler is told that asks again and again until a moment is over.
            SHIFT[0] = asked["shift"]
            seen: list[list[Any]] = []
            while not seen or seen[-1][0] < asked["until"]:
                at = now()
                made = refresh_daily_budget(manager, asked["label"], asked["limit"], at=at)
                seen.append([at, made.session_key_hash])
                time.sleep(asked["pause"])
            return seen
        case _:
            raise AssertionError(do)


def main() -> None:
    manager = opened(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            said: dict[str, Any] = {"is": answer(manager, asked)}
        except ValetkeyError as error:
            said = {"error": error.code, "type": type(error).__name__, "text": str(error)}
        print(json.dumps(said), flush=True)
    manager.close()


if __name__ == "__main__":
    main()

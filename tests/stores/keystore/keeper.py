"""A process that uses a keystore as it is ordered to, for tests of several at once; Spender runs it."""

import json
import sys
import time
from pathlib import Path

from tests.stores.keystore.making import a_lock, opened
from valetkey.core.errors import ValetkeyError
from valetkey.stores.keystore import SqliteKeystore, records


def main() -> None:
    order = json.loads(sys.stdin.readline())
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        keystore = opened(Path(order["path"]), order["words"])
        match order["do"]:
            case "put":
                for number in range(order["count"]):
                    name = f"{order['prefix']} {number}"
                    keystore.put(name, f"secret of {name}".encode())
                    assert keystore.get(name) == f"secret of {name}".encode()
                    print(f"kept {name}", flush=True)
            case "change":
                _stop_after(keystore, order["stop_after"])
                keystore.change_lock(a_lock(order["new"]))
                print("changed", flush=True)
    except ValetkeyError as error:
        print(f"failed {error.code}", flush=True)


def _stop_after(keystore: SqliteKeystore, count: int | None) -> None:
    """Stand still in the middle of the change, for the test to kill it there."""
    if count is None:
        return
    sealed, seal = 0, records.seal_record

    def counting(*args: object) -> bytes:
        nonlocal sealed
        sealed += 1
        if sealed == count:
            print("in the middle", flush=True)
            time.sleep(600)
        return seal(*args)  # type: ignore[arg-type]

    records.seal_record = counting  # type: ignore[assignment]


if __name__ == "__main__":
    main()

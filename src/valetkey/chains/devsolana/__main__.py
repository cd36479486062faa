"""`python -m valetkey.chains.devsolana`: one cluster, one JSON line when it answers, until standard input ends."""

import argparse
import json
import os
import signal
import sys
import threading
from types import FrameType

from valetkey.chains.devsolana.process import FINALITY_SLOTS, SLOT_MILLISECONDS
from valetkey.chains.loopback import LOOPBACK, LoopbackServer

CANNOT_START = 7


def main() -> int:
    """Serve until standard input ends or a signal asks; the exit code is 7 when the cluster cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m valetkey.chains.devsolana", description="A cluster on loopback, for development only."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 is any free one")
    parser.add_argument("--slot-milliseconds", type=int, default=SLOT_MILLISECONDS)
    parser.add_argument("--finality-slots", type=int, default=FINALITY_SLOTS)
    options = parser.parse_args()
    if not 1 <= options.slot_milliseconds <= 60_000 or not 0 <= options.finality_slots <= 100:
        return _failed("a slot takes 1 to 60000 ms, and is final after 0 to 100 slots")

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    # Imported after the arguments are known to be good.
    try:
        from valetkey.chains.devsolana.cluster import Cluster
        from valetkey.chains.devsolana.methods import rpc_of
    except ModuleNotFoundError as error:
        return _failed(f"LiteSVM is not installed ({error.name}): install valetkey[solana]")
    rpc = rpc_of(Cluster(options.slot_milliseconds, options.finality_slots))
    try:
        server = LoopbackServer(options.port, rpc.answer)
    except (OSError, OverflowError) as error:
        return _failed(f"cannot listen on {LOOPBACK}:{options.port}: {error}")
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        print(json.dumps({"rpc_url": server.url}), flush=True)
        while os.read(sys.stdin.fileno(), 4_096):
            pass
    except BrokenPipeError:
        # Whoever started us is gone before we could tell: nobody to serve.
        return 0
    finally:
        server.shutdown()
        server.server_close()
    return 0


def _failed(why: str) -> int:
    print(json.dumps({"error": why}), flush=True)
    return CANNOT_START


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())

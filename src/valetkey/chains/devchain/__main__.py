"""`python -m valetkey.chains.devchain`: one chain, one JSON line when it answers, until standard input ends."""

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from valetkey.chains.devchain.process import CHAIN_ID, ENGINES


def main() -> int:
    """Serve until standard input ends or a signal asks; the exit code is 7 when the chain cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m valetkey.chains.devchain", description="A chain on loopback, for development only."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 is any free one")
    parser.add_argument("--data", type=Path, default=None, help="keep the chain in this folder")
    parser.add_argument("--chain-id", type=int, default=CHAIN_ID)
    parser.add_argument("--engine", choices=ENGINES, default="auto")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    # Imported after the arguments are known to be good: an engine takes a second to load.
    from valetkey.chains.devchain.engines import CannotStart, start_engine

    try:
        engine = start_engine(options.engine, options.port, options.data, options.chain_id)
    except CannotStart as failure:
        print(json.dumps({"error": str(failure)}), flush=True)
        return 7
    try:
        facts = {"rpc_url": engine.rpc_url, "chain_id": options.chain_id, "engine": engine.name}
        print(json.dumps(facts), flush=True)
        engine.wait(sys.stdin.fileno())
    except BrokenPipeError:
        # Whoever started us is gone before we could tell: nobody to serve.
        return 0
    finally:
        engine.stop()
    return 0


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())

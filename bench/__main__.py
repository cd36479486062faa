"""`make bench`: every figure, as a table and as bench/results.json."""

import json
import platform as machine
from dataclasses import asdict
from pathlib import Path

from bench import crypto, platform
from bench.timing import Figure

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Take every figure and show it."""
    figures: list[Figure] = []
    for title, take in (("crypto and wire, one core", crypto.figures), ("platform", platform.figures)):
        print(title, flush=True)
        found = take()
        figures += found
        for one in found:
            print(f"  {one.name:<42}{one.per_second:>12,.0f}/s   ({one.slowest:,.0f} to {one.fastest:,.0f})")
    told = {"python": machine.python_version(), "machine": machine.machine()}
    RESULTS.write_text(json.dumps(told | {"figures": [asdict(one) for one in figures]}, indent=1) + "\n")
    print(f"written to bench/{RESULTS.name}")


if __name__ == "__main__":
    main()

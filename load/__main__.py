"""`python -m load`: run the mixed load on each store, write the report, and fail when a verdict does."""

import argparse
import sys
from pathlib import Path

from load.report import chart, data, page
from load.run import Plan, run

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Read the command line and run; exit code 1 when anything is not as wanted."""
    words = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    words.add_argument("--store", action="append", choices=("sqlite", "postgres"), help="both unless given")
    words.add_argument("--seconds", type=float, default=600, help="of load on each store, warm-up included")
    words.add_argument("--sessions", type=int, default=10_000)
    words.add_argument("--rate", type=float, default=20.0, help="operations a second of the open loop")
    words.add_argument("--out", type=Path, default=ROOT / "docs", help="where reports/ and images/ are")
    words.add_argument("--window", type=float, default=5.0, help="seconds between samples")
    words.add_argument("--no-console", action="store_true")
    words.add_argument("--no-chain", action="store_true")
    words.add_argument("--inject", action="append", default=[], choices=("lost-webhook", "growth"))
    told = words.parse_args()
    runs = []
    for store in told.store or ["sqlite", "postgres"]:
        print(f"{store}: {told.seconds:g} s of load", file=sys.stderr, flush=True)
        plan = Plan(
            store,
            told.seconds,
            sessions=told.sessions,
            purses=min(200, max(10, told.sessions)),
            rate=told.rate,
            window=told.window,
            console=not told.no_console,
            chain=not told.no_chain,
            leaks="growth" in told.inject,
            loses="lost-webhook" in told.inject,
        )
        runs.append(run(plan))
        for one in runs[-1]["verdicts"]:
            print(f"{'holds' if one['holds'] else 'FAILS'}  {one['name']}: {one['found']}", flush=True)
    for folder in ("reports", "images"):
        (told.out / folder).mkdir(parents=True, exist_ok=True)
    for one in runs:
        (told.out / "images" / f"load-{one['store']}.svg").write_text(chart(one["samples"]))
    (told.out / "reports" / "load.json").write_text(data(runs))
    (told.out / "reports" / "load.md").write_text(page(runs, "make load"))
    sys.exit(any(not one["holds"] for each in runs for one in each["verdicts"]))


if __name__ == "__main__":
    main()

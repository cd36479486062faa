"""`make bench`: every figure against its floor, as a table, as bench/RESULTS.md and as bench/RESULTS.json.

`--quick` does a hundredth of the work, to see that it runs; `--check` ends with 1 when a bound is not met.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench import command, crypto, growth, holds, over_http, paths, sessions, studio
from bench.page import page
from bench.result import Result
from valetkey.cli.garbage import collect_seldom

RESULTS = Path(__file__).with_name("RESULTS.json")


def main() -> int:
    """Take every figure and show it."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument(
        "--into", type=Path, help="where to write, a .json; a whole run writes RESULTS.json and .md"
    )
    parser.add_argument(
        "only",
        nargs="*",
        help="holds, postgres, http, paths, revoke, growth, crypto, sessions, studio, command",
    )
    asked = parser.parse_args()
    # As in a process that serves; the floors run in the same one.
    collect_seldom()
    scale = 100 if asked.quick else 1
    load = os.getloadavg()
    takers: dict[str, Callable[[], list[Result]]] = {
        "crypto": lambda: crypto.results(peers=not asked.quick),
        "holds": lambda: asyncio.run(holds.sqlite(10_000 // scale)),
        "postgres": lambda: asyncio.run(holds.postgres(6_000 // scale)),
        "http": lambda: over_http.holds(5_000 // scale),
        "paths": lambda: paths.results(3 if asked.quick else 40),
        "revoke": over_http.revokes,
        "growth": lambda: growth.growth(1_000_000 // scale, 2 if asked.quick else 31),
        "sessions": lambda: sessions.results(100_000 // scale, 10 if asked.quick else 100),
    }
    takers["studio"] = lambda: studio.results(
        100_000 // scale, 5 if asked.quick else 30, 6 if asked.quick else 51
    )
    takers["command"] = lambda: command.results(3 if asked.quick else 15)
    groups: dict[str, list[Result]] = {}
    for name, take in takers.items():
        if asked.only and name not in asked.only:
            continue
        groups[name] = []
        for one in take():
            print(line(one), flush=True)
            groups[name].append(one)
    found = [one for group in groups.values() for one in group]
    told = {
        one.name: {"value": one.value, "unit": one.unit, "floor": one.floor, "ratio": one.ratio}
        for one in found
    }
    # What was measured of little, or of a part, must not replace what was measured.
    into = asked.into or (None if asked.quick or asked.only else RESULTS)
    if into is not None:
        into.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        into.with_suffix(".md").write_text(page(groups, load), encoding="utf-8")
    missed = [one.name for one in found if not one.met]
    print(f"{len(found)} figures, {len(missed)} not as wanted" + "".join(f"\n  {name}" for name in missed))
    return 1 if missed and asked.check else 0


def line(one: Result) -> str:
    """A row of the table."""
    floor = "" if one.floor is None else f"{one.floor:>12,.1f}"
    ratio = "" if one.ratio is None else f"{one.ratio:>7.2f}"
    judged = "" if not one.bound else f"{one.bound:<14}{'ok' if one.met else 'NOT MET':<8}"
    return f"{one.name:<62}{one.value:>12,.1f} {one.unit:<4}{floor:>12}{ratio:>7}  {judged:<22}{one.note}"


if __name__ == "__main__":
    sys.exit(main())

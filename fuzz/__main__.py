"""`make fuzz`: every target its turn, the report written again, and an end of 1 when something is found and not known.

Turns add up: what was run before counts, and the corpora go on growing.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from fuzz import report
from fuzz.run import turn
from fuzz.target import load, named


def main() -> int:
    """Read the arguments, run, tell."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument(
        "--target", action="append", help="one of --list, several times; every one unless given"
    )
    parser.add_argument(
        "--cpu-minutes", type=float, default=15.0, help="of each target, both engines together"
    )
    parser.add_argument("--jobs", type=int, default=2, help="so many targets at once")
    parser.add_argument("--seed", type=int, help="the seed of an earlier run; chosen and told when absent")
    parser.add_argument("--list", action="store_true", help="print the targets, and what must hold of each")
    parser.add_argument(
        "--report", action="store_true", help="write the report of what was run, and run nothing"
    )
    parser.add_argument(
        "--until",
        action="store_true",
        help="--cpu-minutes is what a target has in the end, with earlier turns",
    )
    asked = parser.parse_args()
    names = asked.target or sorted(named())
    if unknown := set(names) - named().keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; see --list")
    if asked.list:
        for name in names:
            target = load(name)
            print(f"{name}: {target.parser}")
            for one in target.holds:
                print(f"    {one}")
        return 0
    failed = False
    if not asked.report:
        failed = _turns(names, asked.cpu_minutes, asked.jobs, asked.seed, until=asked.until)
    report.write()
    still_open = report.still_open(names)
    for one in still_open:
        print(f"open: {one}")
    return 1 if failed or still_open else 0


def _turns(names: list[str], cpu_minutes: float, jobs: int, seed: int | None, *, until: bool) -> bool:
    """Whether a target could not be run."""
    from fuzz.state import load as state_of

    failed = False
    with ThreadPoolExecutor(jobs) as pool:
        asked = {}
        for name in names:
            minutes = cpu_minutes - state_of(name).cpu_minutes if until else cpu_minutes
            if minutes > 0:
                asked[pool.submit(turn, name, minutes, seed)] = name
        for one in as_completed(asked):
            try:
                state = one.result()
            except Exception as error:  # noqa: BLE001 - the others go on
                print(f"{asked[one]}: {error}", flush=True)
                failed = True
                continue
            told = f"{state.cpu_minutes:.1f} CPU minutes and {state.inputs:,} inputs so far"
            print(f"{state.name}: {told}, {len(state.found)} kinds of findings", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())

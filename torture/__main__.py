"""`make torture`: run, print a table, and end with 1 when anything was violated."""

import argparse
import secrets
import sys

from torture.plan import FULL_SECONDS, SESSIONS, Plan, printed
from torture.run import Outcome, torture
from torture.stores import KINDS

FULL_HOLDS = 50_000

SHOWN = 20
"""So many violations are printed; the others are counted."""


def main() -> int:
    """Read the arguments, run or print the plan. The exit code."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=main.__doc__)
    parser.add_argument("--store", choices=sorted(KINDS), default="sqlite")
    parser.add_argument("--seconds", type=float, default=FULL_SECONDS)
    parser.add_argument("--seed", type=int, help="the seed of an earlier run; chosen and printed when absent")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="how many there are beside the tree")
    parser.add_argument(
        "--racy", action="store_true", help="a gate that is broken on purpose: it must be caught"
    )
    parser.add_argument(
        "--plan", action="store_true", help="print what a run of this seed does, and do nothing"
    )
    parser.add_argument(
        "--actions", type=int, default=5, help="how many actions of each client the plan shows"
    )
    told = parser.parse_args()
    seed = secrets.randbelow(2**31) if told.seed is None else told.seed
    if told.plan:
        kind = KINDS[told.store]
        plan = Plan(seed, told.seconds, kind.processes, kind.can_restart, told.sessions)
        for line in printed(plan, told.actions):
            print(line)
        return 0
    print(f"torture: {told.store}, {told.seconds:g} s, SEED={seed}", flush=True)
    outcome = torture(told.store, told.seconds, seed, racy=told.racy, sessions=told.sessions)
    for line in table(outcome):
        print(line)
    return 1 if outcome.violations else 0


def table(outcome: Outcome) -> list[str]:
    """What is printed at the end."""
    counts, facts = outcome.counts, outcome.facts
    refused = {name: count for name, count in counts.items() if name.startswith("refused")}
    rows = [
        ("acknowledged holds", counts["holds"]),
        (f"of which a full run wants {FULL_HOLDS:,}", "yes" if counts["holds"] >= FULL_HOLDS else "no"),
        ("acknowledged holds per second", round(counts["holds"] / outcome.plan.seconds)),
        ("answers that were asked for again", counts["repeated"]),
        *((name, refused[name]) for name in sorted(refused)),
        *((f"settled by {name}", counts[name]) for name in ("void", "capture", "signed", "refund")),
        ("children made without a network", counts["children"]),
        ("platform processes", outcome.plan.processes),
        ("kill -9 of a platform", counts["kill"]),
        ("restarts of the database", counts["restart_database"]),
        ("jumps of a platform's clock", counts["jump_server"]),
        ("jumps of a client's clock", counts["jump_client"]),
        *((f"sessions: {name}", counts[name]) for name in ("revoke", "rotate", "extend", "pause", "freeze")),
        ("sessions in the database", len(facts.sessions)),
        ("holds in the database", len(facts.holds)),
        ("audit entries verified", sum(map(len, facts.entries.values()))),
        ("chains verified", len(facts.chains)),
        ("seconds to prepare", round(outcome.prepared_seconds, 1)),
        ("seconds to check", round(outcome.checked_seconds, 1)),
        ("violations", len(outcome.violations)),
    ]
    lines = [f"  {name:<44}{count if isinstance(count, str) else f'{count:,}':>12}" for name, count in rows]
    lines += [f"  {one}" for one in outcome.violations[:SHOWN]]
    if outcome.violations:
        again = (
            f"SEED={outcome.plan.seed} DURATION={outcome.plan.seconds:g} STORE={outcome.store} make torture"
        )
        lines.append(f"  the same plan again: {again}")
    return lines


if __name__ == "__main__":
    sys.exit(main())

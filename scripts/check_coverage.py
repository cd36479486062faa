"""Fails when line or branch coverage of a room is below a bound. One figure for both would hide the lower one.

Usage: check_coverage.py REPORT.json PERCENT_MIN ROOM... (a report of `coverage json`, branches included)
"""

import json
import sys
from pathlib import Path
from typing import Any

LINES = ("covered_lines", "num_statements")
BRANCHES = ("covered_branches", "num_branches")


def percent(summaries: list[dict[str, Any]], covered: str, counted: str) -> float:
    """How much of what counts is covered, over several files; 100 when nothing counts."""
    of = sum(summary[counted] for summary in summaries)
    return 100 * sum(summary[covered] for summary in summaries) / of if of else 100.0


def summaries_of(report: dict[str, Any], room: str) -> list[dict[str, Any]]:
    """The figures of each file of a room, such as `core`."""
    return [
        figures["summary"]
        for name, figures in report["files"].items()
        if f"/valetkey/{room}/" in Path(name).as_posix()
    ]


def main(arguments: list[str]) -> int:
    """Print a line for each room; 1 when one is below the bound, or is not in the report at all."""
    report_path, bound, *rooms = arguments
    report = json.loads(Path(report_path).read_text(encoding="utf-8"))
    if not report["meta"]["branch_coverage"]:
        print("the report counts no branches")
        return 1
    low = False
    for room in rooms:
        summaries = summaries_of(report, room)
        lines, branches = percent(summaries, *LINES), percent(summaries, *BRANCHES)
        fits = bool(summaries) and min(lines, branches) >= float(bound)
        low = low or not fits
        print(
            f"{room:<8} lines {lines:6.2f} %  branches {branches:6.2f} %{'' if fits else f'  below {bound} %'}"
        )
    return int(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The results of one run as a page: bench/RESULTS.md, which people read, beside RESULTS.json, which programs do."""

import os
import platform
from collections.abc import Mapping, Sequence

from bench.result import Result

TITLES = {
    "crypto": "Keys, bundles, envelopes, webhooks",
    "holds": "Holds in process, SQLite",
    "postgres": "Holds in process, PostgreSQL",
    "http": "Holds over HTTP",
    "paths": "Whole paths, on an embedded chain",
    "revoke": "From revoke to effect",
    "growth": "As a store grows",
    "sessions": "Many sessions",
    "studio": "The console",
    "command": "The command line",
}


def page(groups: Mapping[str, Sequence[Result]], load: tuple[float, float, float]) -> str:
    """Markdown. `load`: the load of the machine when the run began, which says how quiet it was."""
    found = [one for group in groups.values() for one in group]
    missed = [one for one in found if not one.met]
    lines = [
        "# Speed, as one run saw it",
        "",
        "Written by `make bench`. What is measured, and against what, is told in"
        " [the reference](../docs/reference/performance.md).",
        "",
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()};"
        f" load average when it began: {', '.join(f'{one:.2f}' for one in load)}."
        f" {len(found)} figures, {len(missed)} not as wanted.",
    ]
    for name, results in groups.items():
        lines += [
            *("", f"## {TITLES.get(name, name)}", ""),
            "| figure | value | floor | ratio | wanted | |",
            "|---|--:|--:|--:|---|---|",
            *(row(one) for one in results),
        ]
    return "\n".join(lines) + "\n"


def row(one: Result) -> str:
    """One figure."""
    floor = "" if one.floor is None else f"{number(one.floor)} {one.unit}"
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    wanted = "" if not one.bound else f"{one.bound}: {'met' if one.met else '**not met**'}"
    cells = (one.name, f"{number(one.value)} {one.unit}", floor, ratio, wanted, one.note)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def number(value: float) -> str:
    """With as many decimals as say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"

"""The report of a run: a page that people read, its data, and a chart for each store."""

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

KINDS = (
    "spend",
    "signed",
    "capture",
    "void",
    "order",
    "ask approval",
    "approve",
    "revoke",
    "create",
    "list",
    "overview",
)
WIDTH, HEIGHT, LEFT, GAP = 720, 150, 52, 34
COLOURS = ("#0f766e", "#b45309", "#6d28d9", "#475569")


def page(runs: Sequence[Mapping[str, Any]], command: str) -> str:
    """Markdown."""
    failed = [one for run in runs for one in run["verdicts"] if not one["holds"]]
    total = sum(len(run["verdicts"]) for run in runs)
    lines = [
        "# Load, as one run saw it",
        "",
        f"Written by `{command}`; the data is in [load.json](load.json). "
        f"{total} verdicts, {len(failed)} not as wanted. What a verdict is computed from is told in "
        "[how to scale out](../how-to/scale-out.md#when-more-comes-than-it-can-do).",
        "",
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}. Platforms, database, chain,"
        " console, browser and everybody who asks share them, so these are no speeds of a platform alone.",
    ]
    for run in runs:
        lines += _run(run)
    return "\n".join(lines) + "\n"


def data(runs: Sequence[Mapping[str, Any]]) -> str:
    """JSON. A window's answers are lists: how many, and p50, p95 and p99 in ms; a process is its MB, open files
    and its seconds on the processors."""
    told = [{**run, "samples": [_short(one) for one in run["samples"]]} for run in runs]
    return json.dumps(told, separators=(",", ":")) + "\n"


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    answers = {
        kind: [found["n"], *(round(found[name], 1) for name in ("p50", "p95", "p99"))]
        for kind, found in one["answers"].items()
    }
    processes = {
        name: [round(had["mb"], 1), had["files"], had["cpu"]] for name, had in one["processes"].items()
    }
    sizes = {name: round(size, 1) for name, size in one["megabytes"].items()}
    return {
        **one,
        "answers": answers,
        "processes": processes,
        "megabytes": sizes,
        "load average": round(one["load average"], 2),
    }


def _run(run: Mapping[str, Any]) -> list[str]:
    store, mix, samples = run["store"], run["mix"], run["samples"]
    measured = [one for one in samples if one["phase"] != "warm-up"]
    busy = [one["load average"] for one in measured]
    return [
        *("", f"## {run['title']}", ""),
        f"Began {run['began']}. {mix['platforms']} platform process(es), {mix['sessions']:,} sessions of one owner,"
        f" {mix['followers']} followers of its events, {mix['pages']} pages of the console open in a browser.",
        f"The machine's load average was {run['load average before']:.1f} before and {median(busy):.1f} (at most"
        f" {max(busy):.1f}) while it was measured.",
        "",
        f"![latency and memory over time](../images/load-{store}.svg)",
        "",
        "The mix: " + mix["told"],
        "",
        "| verdict | wanted | found | |",
        "|---|---|---|---|",
        *(
            f"| {one['name']} | {one['wanted']} | {one['found']} | {'holds' if one['holds'] else '**fails**'} |"
            for one in run["verdicts"]
        ),
        "",
        *_latencies(measured),
        *_processes(measured),
        *_queues(measured),
        *_codes(run, measured),
    ]


def _latencies(measured: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "Milliseconds, medians of the windows of 5 s; the last column is their largest. In the open loop a request"
        " is timed from when it was due.",
        "",
        "| kind | loop | requests | p50 | p95 | p99 | worst p99 |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    kinds = sorted({kind for one in measured for kind in one["answers"]})
    for kind in [*(one for one in KINDS if one in kinds), *(one for one in kinds if one not in KINDS)]:
        for phase in ("closed", "open"):
            found = [
                one["answers"][kind] for one in measured if one["phase"] == phase and kind in one["answers"]
            ]
            if found:
                middle = [f"{median(one[which] for one in found):,.0f}" for which in ("p50", "p95", "p99")]
                count = sum(one["n"] for one in found)
                lines.append(
                    f"| {kind} | {phase} | {count:,} | {' | '.join(middle)} |"
                    f" {max(one['p99'] for one in found):,.0f} |"
                )
    for phase in ("closed", "open"):
        windows = [one for one in measured if one["phase"] == phase]
        if len(windows) > 1:
            seconds = windows[-1]["at"] - windows[0]["at"]
            count = sum(answer["n"] for one in windows[1:] for answer in one["answers"].values())
            lines += ["", f"{phase.capitalize()} loop: {count / seconds:,.0f} requests/s."]
    return lines


def _processes(measured: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "",
        "| process | MB at the beginning | in the end | open files | a core's time |",
        "|---|--:|--:|--:|--:|",
    ]
    first, last = measured[0], measured[-1]
    seconds = max(1.0, last["at"] - first["at"])
    for name, end in last["processes"].items():
        start = first["processes"][name]
        used = (end["cpu"] - start["cpu"]) / seconds
        lines.append(
            f"| {name} | {start['mb']:.0f} | {end['mb']:.0f} | {end['files']} | {100 * used:.0f} % |"
        )
    return lines


def _queues(measured: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["", "| what waits or is kept | p50 | most | in the end |", "|---|--:|--:|--:|"]
    rows = {name: [one["queues"][name] for one in measured] for name in measured[0]["queues"]}
    rows["requests under way"] = [one["under way"] for one in measured]
    rows["database, MB"] = [one["megabytes"]["database"] for one in measured]
    rows["log of the database, MB"] = [one["megabytes"]["log"] for one in measured]
    rows["pages of the file in memory, MB"] = [one["megabytes"]["pages in memory"] for one in measured]
    return lines + [
        f"| {name} | {median(found):,.0f} | {max(found):,.0f} | {found[-1]:,.0f} |"
        for name, found in rows.items()
    ]


def _codes(run: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> list[str]:
    codes: Counter[str] = Counter()
    for one in measured:
        codes.update(one["codes"])
    told = ", ".join(f"{code} ({count:,})" for code, count in codes.most_common(20)) or "none"
    return [
        "",
        f"Answers that were no success: {told}.",
        "",
        f"Requests sent away for want of room: {measured[-1]['sent away'] - measured[0]['sent away']:,.0f}."
        f" Webhooks: {run['webhooks']}. Events of followers: {run['followed']:,}. On chain: {run['on chain']}.",
    ]


def chart(samples: Sequence[Mapping[str, Any]], kind: str = "spend") -> str:
    """An SVG of a few kB: p50, p95 and p99 of one kind of request, and the memory of each process, over time."""
    times = [one["at"] for one in samples]
    waits = {
        name: [(one["at"], one["answers"][kind][name]) for one in samples if kind in one["answers"]]
        for name in ("p50", "p95", "p99")
    }
    memory = {
        name: [(one["at"], one["processes"][name]["mb"]) for one in samples]
        for name in samples[-1]["processes"]
    }
    span = (min(times), max(times))
    turns = [one["at"] for before, one in pairwise(samples) if one["phase"] != before["phase"]]
    height = 2 * (HEIGHT + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="11"><title>Latency and memory over time</title><rect width="100%" height="100%" fill="#ffffff"/>',
        *_panel(f"{kind}: milliseconds", waits, span, turns, 20),
        *_panel("resident memory: MB", memory, span, turns, 20 + HEIGHT + GAP),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    span: tuple[float, float],
    turns: Sequence[float],
    top: int,
) -> list[str]:
    most = max((value for points in lines.values() for _, value in points), default=1.0) or 1.0
    width = WIDTH - LEFT - 130

    def x(at: float) -> float:
        return LEFT + width * (at - span[0]) / max(1e-9, span[1] - span[0])

    def y(value: float) -> float:
        return top + HEIGHT - (HEIGHT - 12) * value / most

    parts = [
        f'<text x="{LEFT}" y="{top - 4}" fill="#0f172a">{title}</text>',
        f'<path d="M{LEFT} {top}V{top + HEIGHT}H{LEFT + width}" fill="none" stroke="#94a3b8"/>',
        f'<text x="{LEFT - 6}" y="{y(most) + 4:.0f}" text-anchor="end" fill="#475569">{most:,.0f}</text>',
        f'<text x="{LEFT - 6}" y="{top + HEIGHT}" text-anchor="end" fill="#475569">0</text>',
        f'<text x="{LEFT + width}" y="{top + HEIGHT + 13}" text-anchor="end" fill="#475569">{span[1]:,.0f} s</text>',
        *(
            f'<path d="M{x(at):.0f} {top}V{top + HEIGHT}" stroke="#cbd5e1" stroke-dasharray="3 3"/>'
            for at in turns
        ),
    ]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(at):.0f},{y(value):.1f}" for at, value in points)
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{LEFT + width + 8}" y="{top + 12 + 14 * number}" fill="{colour}">{name}</text>',
        ]
    return parts

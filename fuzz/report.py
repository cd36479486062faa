"""The report: what was run of each target, over all runs, and what became of what was found."""

import json
import tomllib
from dataclasses import asdict
from typing import Any

from fuzz import places
from fuzz.state import State, load
from fuzz.target import Target, named
from fuzz.target import load as load_target

HEAD = """# What the fuzzers found

Written by `make fuzz`; how to run it is in [how to fuzz it](../how-to/fuzz.md). Every parser of bytes that a stranger
may send has a target. Each target states what must hold, and two engines look for an input that breaks it: atheris
(libFuzzer), guided by the coverage of every line of ours, and hypothesis, which makes inputs that are nearly right.
Figures add up over runs. The CPU time is that of the engines' own processes; loading, merging and waiting for a busy
machine are not in it. Of every target this holds beside its own properties: only the documented errors come out; an
input takes at most 0.25 s of CPU time and 5 µs for each byte, also with a part of it repeated up to the longest that
the parser takes (or 64 KiB); and no input raises the memory of the process by more than 128 MiB.
"""


def known() -> list[dict[str, Any]]:
    """What became of findings, as it is kept by hand."""
    if not places.KNOWN.exists():
        return []
    found: list[dict[str, Any]] = tomllib.loads(places.KNOWN.read_text(encoding="utf-8")).get("finding", [])
    return found


def still_open(names: list[str]) -> list[str]:
    """Signatures of which nothing is known yet, with their target."""
    settled = {(target, one) for what in known() for target in what["targets"] for one in what["signatures"]}
    return [
        f"{name}: {one}" for name in names for one in sorted(load(name).found) if (name, one) not in settled
    ]


def write() -> None:
    """The page, and the same as data."""
    names = sorted(named())
    states = {name: load(name) for name in names}
    places.REPORT.parent.mkdir(parents=True, exist_ok=True)
    data = {"targets": {name: asdict(one) for name, one in states.items()}, "findings": known()}
    places.REPORT_DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    places.REPORT.write_text(page({name: load_target(name) for name in names}, states), encoding="utf-8")


def page(targets: dict[str, Target], states: dict[str, State]) -> str:
    """The report as Markdown."""
    lines = [HEAD, "## What was run", ""]
    lines += ["| target | engine | CPU minutes | inputs | inputs/s | edges | features | corpus | seed |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name in targets:
        lines += _rows(states[name])
    minutes, inputs = (
        sum(one.cpu_minutes for one in states.values()),
        sum(one.inputs for one in states.values()),
    )
    size = sum(one.corpus_bytes for one in states.values())
    lines += [f"| **{len(targets)} targets** | | {minutes:.1f} | {inputs:,} | | | | {size:,} bytes | |", ""]
    lines += [
        "Edges and features are libFuzzer's words for what of the code was reached, and in how many ways."
    ]
    lines += ["The corpus is the committed part. Seeds are those of the last runs.", ""]
    lines += ["## What was found", ""]
    for what in known():
        lines += [f"- **{what['title']}** ({', '.join(what['targets'])}). {what['what']} {what['became']}"]
    lines += [f"- **Open**: {one}" for one in still_open(list(targets))]
    if not known() and not still_open(list(targets)):
        lines += ["Nothing yet."]
    lines += ["", "## What must hold", ""]
    for name, target in targets.items():
        lines += [f"### {name}", "", f"{target.parser}", "", *(f"- {one}" for one in target.holds), ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(state: State) -> list[str]:
    rows = []
    for engine in ("atheris", "hypothesis"):
        ran = state.engine(engine)
        rate = ran.inputs / ran.cpu_seconds if ran.cpu_seconds else 0
        reached = (f"{ran.edges:,}", f"{ran.features:,}") if engine == "atheris" else ("", "")
        corpus = f"{state.corpus_files} files, {state.corpus_bytes:,} bytes" if engine == "atheris" else ""
        seed = ran.seeds[-1] if ran.seeds else ""
        rows.append(
            f"| {state.name if engine == 'atheris' else ''} | {engine} | {ran.cpu_seconds / 60:.1f} | {ran.inputs:,} |"
            f" {rate:,.0f} | {reached[0]} | {reached[1]} | {corpus} | {seed} |"
        )
    return rows

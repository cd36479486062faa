"""One target's turn: both engines, each in a process of its own, then the corpus made small again."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fuzz import corpora, places
from fuzz.state import State, load
from fuzz.target import Target
from fuzz.target import load as load_target

SHARE_OF_HYPOTHESIS = 1 / 3
RESTARTS_MAX = 20
"""So often a process that died is started again in one turn: what kills it is a finding, and the turn goes on."""

INPUT_SECONDS_MAX = 120
"""Of one input, by the clock of the wall, so that a busy machine is no finding; CPU time is looked at more closely."""

RESIDENT_MB_MAX = 3_000
MERGE_SECONDS_MAX = 600
_STATUS = re.compile(r"cov: (\d+) ft: (\d+)")
_COUNT = re.compile(r"^#(\d+)", re.MULTILINE)


@dataclass
class Ran:
    """What one process did. `cause` is why it died, where it did."""

    inputs: int
    cpu_seconds: float
    edges: int = 0
    features: int = 0
    is_over: bool = True
    cause: str = ""


def turn(name: str, cpu_minutes: float, seed: int | None = None) -> State:
    """Run a target for so many minutes of CPU time, and add it to what was run before."""
    target = load_target(name)
    first = secrets.randbelow(2**31) if seed is None else seed
    state, folder = load(name), places.WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    corpus = corpora.working(target)
    left = cpu_minutes * 60
    told = by_hypothesis(target, left * SHARE_OF_HYPOTHESIS, first, corpus)
    _add(state, "hypothesis", told, first)
    left -= told.cpu_seconds
    for attempt in range(RESTARTS_MAX):
        told = by_atheris(target, left, first + attempt, corpus)
        _add(state, "atheris", told, first + attempt)
        left -= told.cpu_seconds
        if told.is_over or left < 1:
            break
        _keep_death(state, target, told)
    merged = merge(target, corpus)
    if merged is not None:
        state.corpus_files, state.corpus_bytes = corpora.commit(target, merged)
        shutil.rmtree(corpus)
        merged.rename(corpus)
    found = places.FINDINGS / name
    for path in sorted(found.glob("*.txt")) if found.exists() else []:
        state.found.setdefault(path.read_text(encoding="utf-8").partition("\n")[0], path.stem)
    state.save()
    return state


def by_hypothesis(target: Target, seconds: float, seed: int, corpus: Path) -> Ran:
    """The structured engine."""
    return _process("by_hypothesis", target, seconds, [str(seed), str(corpus)])


def by_atheris(target: Target, seconds: float, seed: int, corpus: Path) -> Ran:
    """The coverage-guided engine."""
    words = places.WORK / target.name / "words.dict"
    words.write_text("".join(f'"{_quoted(one)}"\n' for one in target.words if one), encoding="ascii")
    deaths = places.WORK / target.name / "deaths"
    deaths.mkdir(exist_ok=True)
    return _process(
        "by_atheris",
        target,
        seconds,
        [
            str(corpus),
            f"-dict={words}",
            f"-seed={seed or 1}",
            f"-max_len={target.bytes_max}",
            f"-timeout={INPUT_SECONDS_MAX}",
            f"-rss_limit_mb={RESIDENT_MB_MAX}",
            f"-artifact_prefix={deaths}/",
            "-use_value_profile=1",
            "-reload=0",
            "-print_final_stats=0",
        ],
    )


def merge(target: Target, corpus: Path) -> Path | None:
    """A corpus that reaches as much with as few inputs as possible; None where the merging did not end."""
    merged = places.WORK / target.name / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    stats = places.WORK / target.name / "merge.json"
    findings = places.WORK / target.name / "merge-findings"
    # libFuzzer starts itself again by its name: a program that says all that comes before libFuzzer's own arguments.
    itself = places.WORK / target.name / "itself.sh"
    module = f"exec {sys.executable} -m fuzz.by_atheris {target.name} 0 {stats} {findings}"
    itself.write_text(f'#!/bin/sh\n{module} "$@"\n', encoding="utf-8")
    itself.chmod(0o755)
    asked = [str(itself), "-merge=1", f"-max_len={target.bytes_max}", f"-timeout={INPUT_SECONDS_MAX}"]
    try:
        done = subprocess.run(
            [*asked, f"-rss_limit_mb={RESIDENT_MB_MAX}", str(merged), str(corpus)],
            env={**os.environ, "FUZZ_SELF": str(itself)},
            capture_output=True,
            timeout=MERGE_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return merged if done.returncode == 0 and any(merged.iterdir()) else None


def _process(module: str, target: Target, seconds: float, more: list[str]) -> Ran:
    folder = places.WORK / target.name
    stats = folder / f"{module}.json"
    stats.unlink(missing_ok=True)
    log = folder / f"{module}.log"
    with log.open("wb") as into:
        asked = [sys.executable, "-m", f"fuzz.{module}", target.name, str(seconds), str(stats)]
        done = subprocess.run(
            [*asked, str(places.FINDINGS / target.name), *more], stdout=into, stderr=into, check=False
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    if not stats.exists():
        raise RuntimeError(f"{target.name} did not begin:\n{text[-4_000:]}")
    told = json.loads(stats.read_text(encoding="utf-8"))
    statuses = _STATUS.findall(text)
    edges, features = (int(one) for one in statuses[-1]) if statuses else (0, 0)
    cause = "" if told["is_over"] else f"ended with {done.returncode}:\n{text[-6_000:]}"
    return Ran(told["inputs"], told["cpu_seconds"], edges, features, told["is_over"], cause)


def _keep_death(state: State, target: Target, told: Ran) -> None:
    """What killed a process: libFuzzer left the input behind."""
    found = places.FINDINGS / target.name
    found.mkdir(parents=True, exist_ok=True)
    for path in sorted((places.WORK / target.name / "deaths").iterdir()):
        kind = path.name.partition("-")[0]
        signature = f"the process ended: {kind}"
        if signature not in state.found:
            state.found[signature] = path.name[:60]
            (found / f"{path.name[:60]}.bin").write_bytes(path.read_bytes())
            (found / f"{path.name[:60]}.txt").write_text(f"{signature}\n\n{told.cause}", encoding="utf-8")
        path.unlink()


def _add(state: State, engine: str, told: Ran, seed: int) -> None:
    state.engine(engine).add(
        cpu_seconds=told.cpu_seconds, inputs=told.inputs, edges=told.edges, features=told.features, seed=seed
    )
    state.save()


def _quoted(word: str) -> str:
    return "".join(
        chr(one) if 32 < one < 127 and one not in b'"\\' else f"\\x{one:02x}" for one in word.encode()
    )

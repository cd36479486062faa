"""What was run of a target, added up over runs and machines: a small JSON file each, which is committed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz import places


@dataclass
class Engine:
    """What one engine did. `seeds` are those of its last runs; `edges` and `features` the most that it reached."""

    runs: int = 0
    cpu_seconds: float = 0.0
    inputs: int = 0
    edges: int = 0
    features: int = 0
    seeds: list[int] = field(default_factory=list)

    def add(self, *, cpu_seconds: float, inputs: int, edges: int, features: int, seed: int) -> None:
        """One more run."""
        self.runs += 1
        self.cpu_seconds = round(self.cpu_seconds + cpu_seconds, 1)
        self.inputs += inputs
        self.edges, self.features = max(self.edges, edges), max(self.features, features)
        self.seeds = [*self.seeds, seed][-SEEDS_MAX:]


SEEDS_MAX = 8


@dataclass
class State:
    """A target's engines, its committed corpus, and what was found, by signature: in which file, how often."""

    name: str
    engines: dict[str, Engine] = field(default_factory=dict)
    corpus_files: int = 0
    corpus_bytes: int = 0
    found: dict[str, str] = field(default_factory=dict)

    @property
    def cpu_minutes(self) -> float:
        """Of all engines."""
        return sum(one.cpu_seconds for one in self.engines.values()) / 60

    @property
    def inputs(self) -> int:
        """Of all engines."""
        return sum(one.inputs for one in self.engines.values())

    def engine(self, name: str) -> Engine:
        """An engine, new if it never ran."""
        return self.engines.setdefault(name, Engine())

    def save(self, folder: Path = places.STATE) -> None:
        """Write it, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{self.name}.part"
        part.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(folder / f"{self.name}.json")


def load(name: str, folder: Path = places.STATE) -> State:
    """A target's state; an empty one before its first run."""
    path = folder / f"{name}.json"
    if not path.exists():
        return State(name)
    told = json.loads(path.read_text(encoding="utf-8"))
    engines = {one: Engine(**what) for one, what in told.pop("engines").items()}
    return State(engines=engines, **told)

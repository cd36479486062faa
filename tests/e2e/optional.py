"""What `pip install valetkey` brings without any extra, and how a process is kept from seeing the rest."""

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {
    name: wanted for name, wanted in PROJECT["optional-dependencies"].items() if name not in ("all", "dev")
}


def distributions(requirements: Iterable[str]) -> set[str]:
    """Everything that is installed here for these requirements, also for those of others."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        wanted = waiting.pop()
        known = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if known in found:
            continue
        try:
            lines = distribution(wanted.name).requires or []
        except PackageNotFoundError:
            continue
        found.add(known)
        waiting += [one for one in map(Requirement, lines) if _applies(one, wanted.extras)]
    return {name for name, _ in found}


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in [*extras, ""])


def without_extras() -> Iterator[str]:
    """The modules, by the first part of their names, that are there for an extra alone."""
    of_all = distributions(PROJECT["dependencies"])
    of_extras = distributions(line for wanted in EXTRAS.values() for line in wanted) - of_all
    for module, owners in packages_distributions().items():
        if {canonicalize_name(owner) for owner in owners} <= of_extras:
            yield module


def hide_extras(folder: Path) -> Path:
    """A folder that, first on the path, makes all of them look as if nobody had installed them."""
    folder.mkdir(parents=True)
    for module in without_extras():
        (folder / f"{module}.py").write_text(f"raise ModuleNotFoundError('hidden', name={module!r})\n")
    return folder

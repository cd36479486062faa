"""Every invariant of ARCHITECTURE.md has a test that carries its name, as the function's or first in its docstring."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def invariants() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = re.search(r"^## Invariants.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert section, "ARCHITECTURE.md lists no invariants"
    return re.findall(r"^- `([A-Z_]+)`", section[0], re.MULTILINE)


LAYERS = {
    "core": ("tests/unit/core/test_*.py", "tests/stateful/test_core_*.py"),
    "stores": ("tests/stores/test_*.py", "tests/stateful/test_*_store.py"),
    "tidy": ("tests/tidy/test_*.py",),
}
"""Where tests of a layer are. What is under `stores` runs over every store that tests/stores/conftest.py opens."""

LEDGER = {
    "NO_OVERSPEND": ("core", "stores"),
    "WINDOW_IS_SLIDING": ("core", "stores"),
    "IDEMPOTENT": ("core", "stores"),
    "UNKNOWN_STAYS_HELD": ("core", "stores"),
    "NARROW_ONLY": ("core", "stores"),
    "REVOKED_IS_DEAD": ("core", "stores"),
    "AUDIT_IS_COMPLETE": ("core", "stores"),
    "ONE_GATE": ("tidy",),
}
"""The invariants of the ledger, and the layers that each must hold in by itself."""

Test = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def every_test(
    places: tuple[str, ...] = ("tests/**/test_*.py", "contracts/tests/**/test_*.py"),
) -> tuple[Test, ...]:
    return tuple(_tests(places))


def _tests(places: tuple[str, ...]) -> Iterator[Test]:
    for place in places:
        for path in ROOT.glob(place):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, Test) and node.name.startswith("test_"):
                    yield node


def test_there_are_invariants() -> None:
    assert len(invariants()) >= 7


@pytest.mark.parametrize("name", invariants())
def test_an_invariant_has_a_test_of_its_name(name: str) -> None:
    assert carriers(name, every_test()), f"no test carries {name}"


@pytest.mark.parametrize(("name", "layer"), [(name, layer) for name in LEDGER for layer in LEDGER[name]])
def test_an_invariant_of_the_ledger_has_one_in_each_of_its_layers(name: str, layer: str) -> None:
    assert carriers(name, every_test(LAYERS[layer])), f"no test of {layer} carries {name}"


def test_the_table_names_what_is_written_down() -> None:
    assert set(invariants()) >= set(LEDGER)


def carriers(name: str, tests: tuple[Test, ...]) -> list[str]:
    return [
        test.name
        for test in tests
        if name in test.name or (ast.get_docstring(test) or "").startswith(f"{name}:")
    ]

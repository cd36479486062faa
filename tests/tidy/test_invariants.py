"""Every invariant of ARCHITECTURE.md has a test that carries its name, as the function's or first in its docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def invariants() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = re.search(r"^## Invariants.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert section, "ARCHITECTURE.md lists no invariants"
    return re.findall(r"^- `([A-Z_]+)`", section[0], re.MULTILINE)


def every_test() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for place in ("tests", "contracts/tests"):
        for path in (ROOT / place).rglob("test_*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    yield node


def test_there_are_invariants() -> None:
    assert len(invariants()) >= 7


@pytest.mark.parametrize("name", invariants())
def test_an_invariant_has_a_test_of_its_name(name: str) -> None:
    carriers = [
        test.name
        for test in every_test()
        if name in test.name or (ast.get_docstring(test) or "").startswith(f"{name}:")
    ]
    assert carriers, f"no test carries {name}"

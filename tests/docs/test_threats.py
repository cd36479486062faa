"""The page of threats names tests that exist, and has every invariant of the house."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "concepts" / "threats.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`((?:tests|contracts/tests)/[\w/]+\.py)::(\w+)`")
INVARIANT = re.compile(r"^- `([A-Z_]+)` ", re.MULTILINE)


@pytest.mark.parametrize(("path", "name"), NAMED.findall(PAGE))
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {
        one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_row_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not re.match(r"\| (attack|invariant) ", line)
    ]
    assert len(rows) > 35
    assert not [row for row in rows if not NAMED.search(row)]


def test_every_invariant_of_the_house_has_a_row() -> None:
    invariants = INVARIANT.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(invariants) >= 11
    assert not [one for one in invariants if f"| `{one}` |" not in PAGE]

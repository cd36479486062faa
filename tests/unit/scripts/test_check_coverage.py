"""The coverage check looks at lines and branches of each room apart: neither hides the other."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "check_coverage.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_coverage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(lines: int, branches: int, branches_of: int = 100) -> dict[str, Any]:
    return {
        "summary": {
            "covered_lines": lines,
            "num_statements": 100,
            "covered_branches": branches,
            "num_branches": branches_of,
        }
    }


def checked(tmp_path: Path, files: dict[str, Any], *, branches: bool = True) -> int:
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"meta": {"branch_coverage": branches}, "files": files}))
    found: int = script().main([str(report), "95", "core", "wire"])
    return found


CORE, WIRE = "src/valetkey/core/a.py", "/opt/valetkey/wire/b.py"


@pytest.mark.parametrize(
    ("core", "fits"),
    [
        (figures(95, 95), True),
        (figures(100, 94), False),
        (figures(94, 100), False),
        (figures(100, 0, branches_of=0), True),
    ],
)
def test_lines_and_branches_fit_apart(tmp_path: Path, core: dict[str, Any], fits: bool) -> None:
    assert checked(tmp_path, {CORE: core, WIRE: figures(100, 100)}) == int(not fits)


def test_a_good_room_does_not_hide_a_bad_one(tmp_path: Path) -> None:
    assert checked(tmp_path, {CORE: figures(90, 90), WIRE: figures(100, 100)}) == 1


def test_files_of_a_room_count_together(tmp_path: Path) -> None:
    files = {CORE: figures(92, 92), "src/valetkey/core/c.py": figures(100, 100), WIRE: figures(100, 100)}
    assert checked(tmp_path, files) == 0


def test_a_room_that_was_not_measured_fails(tmp_path: Path) -> None:
    assert checked(tmp_path, {CORE: figures(100, 100)}) == 1


def test_a_report_without_branches_fails(tmp_path: Path) -> None:
    files = {CORE: figures(100, 100), WIRE: figures(100, 100)}
    assert checked(tmp_path, files, branches=False) == 1

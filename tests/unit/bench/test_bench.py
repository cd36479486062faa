"""The benchmarks run, and write what they promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import RESULTS
from bench.result import Result


def test_a_run_writes_a_figure_by_its_name(tmp_path: Path) -> None:
    into = tmp_path / "RESULTS.json"
    command = [sys.executable, "-m", "bench", "--quick", "--into", str(into), "holds", "crypto"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(into.read_text())
    assert len(told) > 10
    for figure in told.values():
        assert figure.keys() == {"value", "unit", "floor", "ratio"}
        assert figure["value"] > 0
        assert (figure["ratio"] is None) == (figure["floor"] is None)


@pytest.mark.parametrize(
    ("least", "most", "met"),
    [(0.5, None, True), (0.6, None, False), (None, 0.5, True), (None, 0.4, False), (None, None, True)],
)
def test_a_ratio_is_judged(least: float | None, most: float | None, met: bool) -> None:
    assert Result("x", 5, "1/s", 10, least=least, most=most).met is met


def test_a_value_without_a_floor_is_judged_itself() -> None:
    assert Result("x", 5, "MB", most=5).met
    assert not Result("x", 6, "MB", most=5).met


def test_a_part_or_a_quick_run_replaces_no_results() -> None:
    before = RESULTS.read_bytes() if RESULTS.exists() else None
    command = [sys.executable, "-m", "bench", "--quick", "crypto"]
    subprocess.run(command, capture_output=True, text=True, check=True)
    assert (RESULTS.read_bytes() if RESULTS.exists() else None) == before

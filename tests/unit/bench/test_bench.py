"""The benchmarks run, and write what they promise."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.__main__ import RESULTS
from bench.result import Result
from bench.servers import bare


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


def test_the_load_tells_all_of_a_long_answer_to_a_slow_reader(tmp_path: Path) -> None:
    count = 5_000
    order = {"host": "127.0.0.1", "path": "/api/v1/spends", "body": {}, "tokens": ["x"], "connections": 8}
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "bench.load"]
    with bare(tmp_path) as (port, _):
        load = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert load.stdin is not None
        assert load.stdout is not None
        load.stdin.write(json.dumps(order | {"port": port, "count": count}) + "\n")
        load.stdin.close()
        # It has filled the pipe when the first byte is there, and waits for somebody to read on.
        select.select([load.stdout], [], [], 60)
        time.sleep(1)
        told = json.loads(load.stdout.readline())
        load.stdout.close()
        assert load.wait(20) == 0
    assert len(told["waits"]) == count

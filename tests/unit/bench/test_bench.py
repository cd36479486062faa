"""The benchmarks run, and write what they promise."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import studio
from bench.__main__ import RESULTS
from bench.page import page
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
    written = into.with_suffix(".md").read_text()
    assert all(f"| {name} |" in written for name in told)
    assert written.count("\n## ") == 2


def test_a_page_says_what_was_not_met() -> None:
    told = page({"holds": [Result("a | b", 5, "1/s", 10, least=0.6, note="n")], "x": []}, (0.5, 0.25, 0.0))
    assert "| a \\| b | 5.00 1/s | 10.0 1/s | 0.50 | at least 0.6: **not met** | n |" in told
    assert "1 figures, 1 not as wanted" in told
    assert "0.50, 0.25, 0.00" in told


@pytest.mark.parametrize(
    ("least", "most", "met"),
    [(0.5, None, True), (0.6, None, False), (None, 0.5, True), (None, 0.4, False), (None, None, True)],
)
def test_a_ratio_is_judged(least: float | None, most: float | None, met: bool) -> None:
    assert Result("x", 5, "1/s", 10, least=least, most=most).met is met


def test_a_value_without_a_floor_is_judged_itself() -> None:
    assert Result("x", 5, "MB", most=5).met
    assert not Result("x", 6, "MB", most=5).met


def test_a_value_may_be_judged_beside_its_floor() -> None:
    beside = Result("x", 5, "MB", 1, most=5, judges_value=True)
    assert (beside.met, beside.ratio) == (True, 5)
    assert not Result("x", 6, "MB", 6, most=5, judges_value=True).met


def test_without_chromium_the_console_is_not_measured_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("VALETKEY_TEST_CHROMIUM", raising=False)
    told = studio.results(200, 3, 2)
    assert {one.name.partition(", ")[0] for one in told} == {"platform over HTTP"}
    assert all(one.value > 0 for one in told)
    assert "no Chromium" in capfd.readouterr().err


@pytest.mark.slow
def test_the_console_is_measured_in_a_browser() -> None:
    told = {one.name: one for one in studio.results(300, 2, 3)}
    for name in (
        "inventory of 300 sessions, first paint, p50",
        "overview of 300 sessions, first paint, p50",
        "inventory of 300 sessions, a status chosen, p95",
        "inventory of 300 sessions, Find and Enter, p95",
        "inventory of 300 sessions, Find while typing, p95",
        f"memory of a studio, {studio.OPEN_PAGES} open inventories of 300 sessions",
    ):
        assert told[name].value > 0
    assert told["inventory of 300 sessions, first paint, p50"].floor is not None


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

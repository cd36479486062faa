"""A few seconds of `make torture`: the real platform holds, and a gate that is broken on purpose is caught."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from torture.clocks import Slots, jumping
from torture.stores import KINDS

ROOT = Path(__file__).parents[2]


def run(store: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "torture",
        "--store",
        store,
        "--seconds",
        "4",
        "--sessions",
        "30",
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=280)


def figures(output: str) -> dict[str, int]:
    """The table's rows."""
    rows = (line.rsplit(maxsplit=1) for line in output.splitlines() if line.startswith("  "))
    return {
        row[0].strip(): int(row[1].replace(",", "")) for row in rows if row[-1].replace(",", "").isdecimal()
    }


@pytest.mark.parametrize("store", sorted(KINDS))
def test_NO_OVERSPEND_REVOKED_IS_DEAD_IDEMPOTENT_a_short_run_has_no_violation(store: str) -> None:
    done = run(store, "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    found = figures(done.stdout)
    assert found["violations"] == 0
    assert found["kill -9 of a platform"] == 4
    assert found["jumps of a platform's clock"] == 4
    assert found["restarts of the database"] == int(KINDS[store].can_restart)
    assert 0 < found["acknowledged holds"] <= found["holds in the database"]


@pytest.mark.parametrize("store", sorted(KINDS))
def test_NO_OVERSPEND_a_racy_gate_is_caught_by_the_same_run(store: str) -> None:
    done = run(store, "--seed", "5", "--racy")
    assert done.returncode == 1, done.stdout + done.stderr
    assert figures(done.stdout)["violations"] > 0
    # Which of them are printed is up to what went wrong most.
    assert re.search(r"(NO_OVERSPEND|WINDOW_IS_SLIDING|FIGURES): session", done.stdout)
    assert "SEED=5 DURATION=4" in done.stdout


def test_a_clock_jumps_both_ways_when_its_slot_says_so(tmp_path: Path) -> None:
    slots, same = Slots(tmp_path / "slots", 2), Slots(tmp_path / "slots", 2)
    clocks = [jumping(slots, number, lambda: 1_000.5) for number in range(2)]
    same.set_offset(1, 3_600)
    assert [clock() for clock in clocks] == [1_000.5, 4_600.5]
    same.set_offset(1, -3_600)
    same.set_process(1, 77)
    assert clocks[1]() == -2_599.5
    assert (slots.offset(1), slots.process(1), slots.process(0)) == (-3_600, 77, 0)

"""A run is a pure function of its seed: the same seed plans the same, in any process."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from torture.plan import CLIENTS, DOOMED, FULL_SECONDS, Plan

ROOT = Path(__file__).parents[2]
PLAN = Plan(7, FULL_SECONDS, 4, restarts=True)


def first(plan: Plan, client: int) -> list[object]:
    return list(itertools.islice(plan.actions(client), 200))


def test_the_same_seed_plans_the_same() -> None:
    again = Plan(7, FULL_SECONDS, 4, restarts=True)
    assert PLAN.events() == again.events()
    assert all(first(PLAN, one) == first(again, one) for one in range(CLIENTS))


def test_another_seed_and_another_client_plan_something_else() -> None:
    other = Plan(8, FULL_SECONDS, 4, restarts=True)
    assert PLAN.events() != other.events()
    assert len({str(first(PLAN, one)) for one in range(CLIENTS)}) == CLIENTS
    assert first(PLAN, 0) != first(other, 0)


@pytest.mark.parametrize("processes", [1, 4])
def test_a_full_run_holds_what_it_promises(processes: int) -> None:
    events = Plan(1, FULL_SECONDS, processes, restarts=processes > 1).events()
    met = {name: [one for one in events if one.what == name] for name in {one.what for one in events}}
    assert len(met["kill"]) >= 20
    assert {one.value for one in met["jump_server"]} == {-3_600, 3_600}
    assert {one.value for one in met["jump_client"]} == {-3_600, 3_600}
    assert met["revoke"]
    assert met["rotate"]
    assert DOOMED in {one.target for one in met["revoke"]}
    assert all(0 <= one.at < FULL_SECONDS for one in events)
    # In order, and as a crash: both ways of restarting a database.
    assert {one.value for one in met.get("restart_database", ())} == (set() if processes == 1 else {0, 1})


def test_a_plan_can_be_printed_and_is_the_same_in_another_process() -> None:
    command = [sys.executable, "-m", "torture", "--plan", "--seed", "11", "--store", "postgres"]
    outputs = {
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    (output,) = outputs
    assert output.startswith("seed 11, 120 s, 4 platform process(es)\n")
    assert "restart_database" in output
    assert f"client {CLIENTS - 1} #0" in output

"""The clock of PostgreSQL's decisions: the database's, whatever the platform's machine says."""

import time

import pytest

from valetkey.stores.postgres.clock import DatabaseClock

DATABASE = 1_800_000_000.0


@pytest.mark.parametrize("jump", [-3_600, 3_600])
def test_a_machine_whose_clock_jumps_decides_at_the_database_s_time(
    monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    clock = DatabaseClock()
    assert clock.observe(DATABASE) == DATABASE
    machine = time.time()
    monkeypatch.setattr(time, "time", lambda: machine + jump)
    assert 0 <= clock.now() - DATABASE < 60
    assert 0 <= clock.observe(DATABASE + 1) - DATABASE < 60


def test_it_goes_on_between_two_looks_and_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    clock = DatabaseClock()
    clock.observe(DATABASE)
    passed[0] += 7
    assert clock.now() == DATABASE + 7
    assert clock.observe(DATABASE + 3) == DATABASE + 7, "it stands still until the database's time catches up"
    passed[0] += 5
    assert clock.now() == DATABASE + 8

"""The week that the pictures of the console show: the same each time, and nothing happens to what is not there."""

from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from pictures import company

    return company


def test_the_week_is_the_same_each_time(company: Any) -> None:
    assert company.week() == company.week()
    assert len(company.week()) > 300


def test_nothing_happens_before_a_session_is_made_or_after_its_end(company: Any) -> None:
    ends = {plan.key: plan.ends for plan in company.PLANS}
    there: set[str] = set()
    last = 0
    for event in (*company.week(), *company.LAST_HOUR):
        assert event.at >= last
        last = event.at
        if event.what == "make":
            there.add(event.key)
        assert event.key in there, event
        assert event.at < ends.get(event.key, company.NOW), event
        there |= {event.more["as"]} if "as" in event.more else set()
    assert last <= company.NOW


def test_a_clock_is_shared_and_does_not_run_backwards(company: Any, tmp_path: Path) -> None:
    from pictures.moments import Clock

    clock = Clock(tmp_path / "clock", 1_000)
    clock.set(2_000)
    assert clock.at == 2_000
    assert int.from_bytes((tmp_path / "clock").read_bytes(), "little") == 2_000
    with pytest.raises(AssertionError):
        clock.set(1_999)

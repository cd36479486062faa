"""NO_OVERSPEND over real HTTP: two delegates' processes race with one session."""

from pathlib import Path

from tests.e2e.market import answer_of, open_market, start_delegate
from tests.fixtures_stack import RunningStack

BUDGET, PRICE, TOTAL_UNITS = 50, "2", 2_040_000
PURCHASES = 50


def test_NO_OVERSPEND_two_processes_race_a_hundred_purchases(stack: RunningStack, tmp_path: Path) -> None:
    market = open_market(stack, tmp_path, price=PRICE, budget=BUDGET)
    order = market.order(do="race", count=PURCHASES)
    racers = [start_delegate(order), start_delegate(order)]
    answers = [answer_of(racer) for racer in racers]

    bought = [one for answer in answers for one in answer["bought"]]
    fitting = BUDGET * 1_000_000 // TOTAL_UNITS
    assert len(bought) == len(set(bought)) == fitting == 24
    assert sum(answer["refused"] for answer in answers) == 2 * PURCHASES - fitting
    assert market.spent() == ("48.96", "0")
    market.close()

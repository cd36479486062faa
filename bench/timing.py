"""How a figure is taken: repeated runs of a bounded time, the median told, the spread beside it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 5
RUN_SECONDS = 0.2


@dataclass(frozen=True)
class Figure:
    """One line of the table: operations per second, the median of several runs, the slowest and the fastest."""

    name: str
    per_second: float
    slowest: float
    fastest: float


def measure(name: str, work: Callable[[], object]) -> Figure:
    """The speed of a piece of work on one thread."""
    work()
    rates = [_rate(work) for _ in range(RUNS)]
    return Figure(name, statistics.median(rates), min(rates), max(rates))


def measure_beside(work: Callable[[], object], floor: Callable[[], object]) -> tuple[float, float]:
    """Operations per second of two pieces of work that take turns, so that both have the machine's good moments."""
    work()
    floor()
    pairs = [(_rate(work), _rate(floor)) for _ in range(RUNS)]
    return statistics.median(one for one, _ in pairs), statistics.median(one for _, one in pairs)


def _rate(work: Callable[[], object]) -> float:
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < RUN_SECONDS:
        work()
        count += 1
    return count / spent

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
    rates = []
    for _ in range(RUNS):
        count, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < RUN_SECONDS:
            work()
            count += 1
        rates.append(count / spent)
    return Figure(name, statistics.median(rates), min(rates), max(rates))

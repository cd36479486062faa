"""How long a person waits for the command line: `valetkey --help`, in a new process each time."""

import statistics
import subprocess
import sys
import time

from bench.result import Result

HELP_MILLISECONDS_MAX = 400


def results(count: int) -> list[Result]:
    """The median of so many runs, beside that of an interpreter that does nothing."""
    helped = _milliseconds(["-m", "valetkey", "--help"], count)
    bare = _milliseconds(["-c", "pass"], count)
    note = f"an interpreter alone {bare:.0f} ms"
    return [Result("valetkey --help", helped, "ms", most=HELP_MILLISECONDS_MAX, note=note)]


def _milliseconds(words: list[str], count: int) -> float:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        taken.append((time.perf_counter() - began) * 1_000)
    return statistics.median(taken)

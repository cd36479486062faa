"""A process that runs one target on what its strategy makes, until its CPU time is used up.

`python -m fuzz.by_hypothesis NAME CPU_SECONDS STATS FINDINGS SEED CORPUS`. Some of the inputs are kept in CORPUS, for
the coverage-guided engine to go on from.
"""

import hashlib
import json
import sys
import time
import warnings
from pathlib import Path

KEPT_MAX = 2_000
ROUND_EXAMPLES = 2_000


def main() -> None:
    """Round after round, each with a seed that follows from the first."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis.errors import HypothesisWarning

    from fuzz.observing import Observer
    from fuzz.target import load

    warnings.simplefilter("ignore", HypothesisWarning)
    name, seconds, stats, findings = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    number, corpus = int(sys.argv[5]), Path(sys.argv[6])
    target = load(name)
    observe = Observer(target, findings)
    for one in list(target.seeds())[:8]:
        target.check(one)
    strategy = target.strategy()
    begun, kept, rounds = time.process_time(), 0, 0

    class Over(BaseException):
        """The time is used up."""

    def tell(*, is_over: bool) -> None:
        used = time.process_time() - begun
        stats.write_text(json.dumps({"inputs": observe.inputs, "cpu_seconds": used, "is_over": is_over}))

    def look(data: bytes) -> None:
        nonlocal kept
        observe(data)
        if kept < KEPT_MAX and observe.inputs % 5 == 0 and len(data) <= target.bytes_max:
            kept += 1
            (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
        if observe.inputs % 256 == 0:
            tell(is_over=False)
        if time.process_time() - begun > seconds:
            raise Over

    try:
        while True:
            made = settings(
                max_examples=ROUND_EXAMPLES,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(strategy)(look))
            seed(number + rounds)(made)()
            rounds += 1
    except Over:
        tell(is_over=True)


if __name__ == "__main__":
    main()

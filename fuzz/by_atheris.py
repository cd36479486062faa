"""A process that fuzzes one target with atheris (libFuzzer), everything of ours instrumented.

`python -m fuzz.by_atheris NAME CPU_SECONDS STATS FINDINGS [libFuzzer's own arguments]`. CPU_SECONDS of 0 is for -merge.
"""

import json
import os
import sys
import time
from pathlib import Path

TOLD_EVERY = 256


def main() -> None:
    """Instrument, load, fuzz until the CPU time is used up."""
    import atheris

    name, seconds, stats, findings = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    with atheris.instrument_imports(include=["valetkey"], enable_loader_override=False):
        from fuzz.target import load

        target = load(name)
    from fuzz.observing import Observer

    observe = Observer(target, findings)
    # What is made at the first use is made now, and is no input's doing.
    for seed in list(target.seeds())[:8]:
        target.check(seed)
    begun = time.process_time()
    told = begun

    def one(data: bytes) -> None:
        nonlocal told
        observe(data)
        if observe.inputs % TOLD_EVERY == 0 or time.process_time() - told > 1:
            told = time.process_time()
            used = told - begun
            is_over = 0 < seconds <= used
            stats.write_text(json.dumps({"inputs": observe.inputs, "cpu_seconds": used, "is_over": is_over}))
            if is_over:
                os._exit(0)

    # -merge starts this process again, by the name that stands here.
    atheris.Setup([os.environ.get("FUZZ_SELF", sys.argv[0]), *sys.argv[5:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

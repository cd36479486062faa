"""`make schemathesis`: the whole OpenAPI against a real platform, into docs/reports/schemathesis.md.

Ends with 1 when something is found that is not explained, or explained that is not found.
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Run it as every caller, and write the page."""
    sys.path.insert(1, str(ROOT))
    import schemathesis

    from tests.attacks.fuzzing.report import PAGE, PLAN, outdated, render, unexplained
    from tests.attacks.fuzzing.running import Run, play
    from tests.attacks.matrix.served import settings_in
    from tests.integration.platform.serving import serve

    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as folder, Path(os.devnull).open("w") as quiet:
        with contextlib.redirect_stderr(quiet):
            server = serve(settings_in(Path(folder)))
            for caller, phases, examples in PLAN:
                began = time.monotonic()
                runs.append(play(server, caller, phases=phases, examples=examples))
                print(f"{caller}: {runs[-1].cases} cases, {time.monotonic() - began:.0f} s", flush=True)
            server.stop()
    wrong = [
        f"{one.operation} {one.check} {one.code}\n{what}" for one, what in sorted(unexplained(runs).items())
    ]
    wrong += [f"{one} is explained and not found" for one in outdated(runs)]
    wrong += [problem for run in runs for problem in run.errors]
    print("\n".join(wrong))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(runs, schemathesis.__version__), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())

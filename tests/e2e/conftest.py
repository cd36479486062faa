"""One run of the demo for all workers: the first that needs it plays it, the others read what it left."""

import fcntl
import json
from pathlib import Path

import pytest

from tests.e2e.playing import DemoRun, run_demo


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> DemoRun:
    """The demo, played once."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(request.config, "workerinput") else base
    result = root / "demo" / "result.json"
    with open(root / "demo.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            ran = run_demo(root / "demo", "--json")
            result.write_text(json.dumps([ran.returncode, ran.stdout, ran.stderr]))
    return DemoRun(Path(root / "demo"), *json.loads(result.read_text()))

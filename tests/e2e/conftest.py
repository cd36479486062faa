"""One run of the demo for all workers: the first that needs it plays it, the others read what it left."""

import fcntl
import json
from pathlib import Path

import pytest

from tests.e2e.playing import DemoRun, run_demo


@pytest.fixture(scope="session")
def played_demo(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> DemoRun:
    """The demo, played once."""
    return _played(tmp_path_factory, request, "demo")


@pytest.fixture(scope="session")
def played_demo_of_grants(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> DemoRun:
    """The demo in which the session pays out of a grant, played once."""
    return _played(tmp_path_factory, request, "demo-of-grants", "--funding", "grant")


@pytest.fixture
def demo_run(played_demo: DemoRun) -> DemoRun:
    return played_demo


def _played(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, name: str, *options: str
) -> DemoRun:
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(request.config, "workerinput") else base
    result = root / name / "result.json"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            ran = run_demo(root / name, "--json", *options)
            result.write_text(json.dumps([ran.returncode, ran.stdout, ran.stderr]))
    return DemoRun(Path(root / name), *json.loads(result.read_text()))


@pytest.fixture(scope="session")
def played_demo_on_solana(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> DemoRun:
    """The demo on the embedded cluster of Solana, played once."""
    return _played(tmp_path_factory, request, "demo-on-solana", "--chain", "solana")

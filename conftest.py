"""Fixtures and profiles for every test. The seed is fixed and printed, so that a failure repeats."""

import os
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Fixtures live in modules named for what they start; each is loaded when present.
_FIXTURES = (
    "tests.fixtures_chain",
    "tests.fixtures_stack",
    "tests.fixtures_networks",
    "tests.fixtures_solana",
    "tests.fixtures_x402",
)
pytest_plugins = [name for name in _FIXTURES if find_spec(name)]

settings.register_profile(
    "fast", max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "slow", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "fast")
settings.load_profile(PROFILE)


def pytest_configure() -> None:
    """Where the wheel is tested, nothing else may be: not the source tree, and no other installation."""
    import valetkey

    if (wanted := os.environ.get("VALETKEY_TESTED_IN")) and not valetkey.__file__.startswith(
        f"{wanted}{os.sep}"
    ):
        pytest.exit(f"this tests {valetkey.__file__}, not the wheel in {wanted}", returncode=4)


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("--hypothesis-seed", None)
    shown = "derandomized" if PROFILE == "fast" else seed or "random (printed)"
    return f"hypothesis profile {PROFILE}, seed {shown}"


RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_runtest_setup() -> None:
    """Tests import web3 and titanoboa, which raise the limit for the whole process: each begins with Python's own."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests go to one worker, in the order of the files; the contracts' all to one, which compiles them once.

    So what a file starts is started once, and stops when the file ends. The long files come first, the short ones of
    tests/unit fill up the end. `--dist` says otherwise.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "contracts" if file.startswith("contracts/") else file

    config.option.loadscopereorder = False
    return ByFile(config, log)

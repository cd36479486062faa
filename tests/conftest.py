"""Fixtures and profiles for every test. The seed of a run is fixed and printed, so that a failure repeats."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures_chain"] if os.path.exists(os.path.join(os.path.dirname(__file__), "fixtures_chain.py")) else []

settings.register_profile(
    "fast", max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "slow", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

"""A policy is read back as it was stored, whatever is in it, and as texts of earlier versions say it."""

from dataclasses import replace

import pytest

from tests.unit.core.build import POLICY
from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.windows import Window
from valetkey.stores.records import policy_of, policy_text

POLICIES = [
    POLICY,
    replace(POLICY, unit=100, windows=(Window(60, 5), Window(3_600, 20, 8))),
    replace(POLICY, others=(Limits("ETH", None, 3, (Window(60, 1, 8),), 2),), allowed_services=frozenset()),
]


@pytest.mark.parametrize("policy", POLICIES, ids=["plain", "of a grant", "others"])
def test_a_policy_is_read_back(policy: Policy) -> None:
    assert policy_of(policy_text(policy)) == policy


def test_what_is_usual_is_not_written() -> None:
    assert policy_text(replace(POLICY, windows=(Window(60, 5),))) == (
        '{"budget":50000000,"expires_at":5000,"not_before":1000,"currency":"USDC","windows":[[60,5]]}'
    )

"""Whose word about a caller's address counts: nobody's, unless the operator names a proxy."""

import httpx
import pytest

from tests.e2e.test_seven import platform

STRICT = {"TEST_MODE": "0", "REGISTRATION_USDC": "0", "RATE_PUBLIC": "3"}


def statuses(base_url: str, *said: str) -> list[int]:
    """The answers to public look-ups, each with another X-Forwarded-For."""
    with httpx.Client(base_url=base_url) as http:
        return [http.get("/api/v1/network", headers={"X-Forwarded-For": one}).status_code for one in said]


STRANGERS = [f"203.0.113.{number}" for number in range(1, 7)]


@pytest.mark.parametrize("trusted", ["", "198.51.100.7,10.0.0.0/8"], ids=["nobody", "another"])
def test_a_stranger_s_forwarded_address_is_not_believed(trusted: str) -> None:
    with platform(":memory:", TRUSTED_PROXIES=trusted, **STRICT) as base_url:
        assert 429 in statuses(base_url, *STRANGERS)


def test_a_named_proxy_is_believed_for_the_address_that_it_saw_itself() -> None:
    with platform(":memory:", TRUSTED_PROXIES="127.0.0.0/8", **STRICT) as base_url:
        assert statuses(base_url, *STRANGERS) == [200] * len(STRANGERS)
        # What its caller wrote stands left of that, and counts for nothing.
        assert 429 in statuses(base_url, *(f"{one}, 192.0.2.9" for one in STRANGERS))

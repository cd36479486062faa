"""The demo as a stranger sees it: one command, a story, and figures that add up."""

from pathlib import Path

import pytest

from tests.e2e.playing import DemoRun, run_demo

ORDER = [
    "register_seller",
    "register_owner",
    "list_service",
    "create_session",
    "fund_session",
    "hand_over",
    "search",
    "purchase",
    "fund_escrow",
    "deliver",
    "read",
    "release",
    "over_budget",
    "service_not_allowed",
    "replayed_funding",
    "expired_session",
    "revoke",
    "revoked_session",
    "reclaim",
    "balances",
]
REFUSALS = {
    "over_budget": "budget_exceeded",
    "service_not_allowed": "service_not_allowed",
    "replayed_funding": "funding_replayed",
    "expired_session": "session_expired",
    "revoked_session": "session_revoked",
}


def test_the_story_comes_as_it_must(demo_run: DemoRun) -> None:
    data = demo_run.data
    assert data["ok"] is True, demo_run.stdout
    assert demo_run.returncode == 0
    assert demo_run.stdout.count("\n") == 1
    names = [step["name"] for step in data["steps"]]
    assert [name for name in names if name in ORDER] == ORDER
    assert all(step["ok"] is True for step in data["steps"])
    assert {step["actor"] for step in data["steps"]} == {"owner", "delegate", "seller"}


def test_what_must_fail_says_why_in_full(demo_run: DemoRun) -> None:
    data = demo_run.data
    told = {step["name"]: step["refusal"] for step in data["steps"] if "refusal" in step}
    assert {name: refusal["code"] for name, refusal in told.items()} == REFUSALS
    over = told["over_budget"]
    assert (over["asked"], over["limit"], over["remaining"]) == ("48.96", "50", "37.76")
    assert over["hint"]


def test_every_base_unit_is_accounted_for(demo_run: DemoRun) -> None:
    """The sums are made again here, from the figures alone."""
    data = demo_run.data
    usdc = data["balances"]["usdc"]["accounts"]
    assert sum(a["before"] for a in usdc.values()) == sum(a["after"] for a in usdc.values())
    assert all(a["after"] == a["expected"] for a in usdc.values())
    change = {name: a["after"] - a["before"] for name, a in usdc.items()}
    assert change == {
        "owner": -12_240_000,
        "seller": 12_000_000,
        "treasury (fees)": 240_000,
        "escrow": 0,
        "session wallet": 0,
        "short session wallet": 0,
    }


def test_every_wei_is_accounted_for(demo_run: DemoRun) -> None:
    data = demo_run.data
    eth = data["balances"]["eth"]["accounts"]
    for account in eth.values():
        assert account["after"] == account["before"] + account["in"] - account["out"] - account["fees"]
    assert sum(a["in"] for a in eth.values()) == sum(a["out"] for a in eth.values())
    assert eth["session wallet"]["in"] > 0
    assert eth["session wallet"]["after"] < eth["session wallet"]["in"]


@pytest.mark.slow
def test_for_people_it_prints_a_timeline_and_two_tables(tmp_path: Path) -> None:
    ran = run_demo(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for words in (
        "refused: budget_exceeded",
        "refused: session_revoked",
        "USDC",
        "ETH, in wei",
        "as it must",
    ):
        assert words in ran.stdout

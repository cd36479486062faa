"""`valetkey demo --funding grant`: a session wallet that never holds a cent, and a relayer that pays the gas."""

from tests.e2e.playing import DemoRun
from tests.e2e.test_demo import ORDER, REFUSALS

GRANTED = [
    {"fund_session": "grant", "reclaim": "revoked_on_chain"}.get(name, name)
    for name in ORDER
    if name != "balances"
] + ["nothing_to_reclaim", "balances"]


def test_the_story_comes_as_it_must(played_demo_of_grants: DemoRun) -> None:
    data = played_demo_of_grants.data
    assert data["ok"] is True, played_demo_of_grants.stdout
    assert played_demo_of_grants.returncode == 0
    names = [step["name"] for step in data["steps"]]
    assert [name for name in names if name in GRANTED] == GRANTED
    told = {step["name"]: step["refusal"]["code"] for step in data["steps"] if "refusal" in step}
    assert told == REFUSALS


def test_every_base_unit_and_every_wei_is_accounted_for(played_demo_of_grants: DemoRun) -> None:
    """The sums are made again here, from the figures alone."""
    balances = played_demo_of_grants.data["balances"]
    usdc, eth = balances["usdc"]["accounts"], balances["eth"]["accounts"]
    assert {name: a["after"] - a["before"] for name, a in usdc.items()} == {
        "owner": -12_240_000,
        "seller": 12_000_000,
        "treasury (fees)": 240_000,
        "escrow": 0,
        "relayer": 0,
        "session wallet": 0,
        "short session wallet": 0,
    }
    for account in eth.values():
        assert account["after"] == account["before"] + account["in"] - account["out"] - account["fees"]
    for name in ("session wallet", "short session wallet"):
        assert {eth[name][part] for part in ("before", "in", "out", "fees", "after")} == {0}, "not a wei"
        assert (usdc[name]["before"], usdc[name]["after"]) == (0, 0), "not a cent"
    assert eth["relayer"]["fees"] > eth["owner"]["fees"] > 0

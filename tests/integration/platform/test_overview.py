"""The overview over HTTP, and what one session spent over time."""

import pytest

from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import Agent, Server


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_what_an_owner_looks_at_first(server: Server, owner: Agent) -> None:
    empty = owner.data("GET", "/overview")
    since = empty.pop("since")
    assert since.endswith("T00:00:00.000Z")
    assert empty == {
        "atRisk": [],
        "byDelegate": [],
        "byLabel": [],
        "byChain": [],
        "refusals": [],
        "refusedLately": [],
        "endingSoon": [],
        "endingSoonCount": 0,
        "unknown": [],
        "unknownCount": 0,
        "relayer": [],
    }
    session = owner.session(budgetUsdc=10, label="treasury", delegate="a worker")
    other = owner.session(budgetUsdc=None, label="free")
    spend = session.data("POST", "/spends", {"amount": 4})["spendId"]
    session.data("POST", f"/spends/{spend}/signed", {"payload": "c2lnbmVk"})
    assert session.ask("POST", "/spends", {"amount": 7}).json()["code"] == "budget_exceeded"
    other.data("POST", "/spends", {"amount": 1.5})
    eventually(lambda: len(owner.data("GET", "/overview?days=1")["byLabel"]), 2)
    found = owner.data("GET", "/overview?days=1&soon=4000")
    assert found["atRisk"] == [{"currency": "USDC", "amount": "10", "sessions": 1, "unlimited": 1}]
    assert found["byDelegate"][0] == {"name": "a worker", "currency": "USDC", "amount": "4", "spends": 1}
    assert [(one["name"], one["amount"]) for one in found["byLabel"]] == [("treasury", "4"), ("free", "1.5")]
    assert found["byChain"] == [{"name": "84532", "currency": "USDC", "amount": "5.5", "spends": 2}]
    assert found["refusals"] == [{"code": "budget_exceeded", "count": 1}]
    assert found["refusedLately"] == [{"sessionId": session.session_id, "label": "treasury", "count": 1}]
    assert {one["sessionId"]: one["label"] for one in found["endingSoon"]}[other.session_id] == "free"
    assert {one["sessionId"] for one in found["endingSoon"]} == {session.session_id, other.session_id}
    assert (found["unknown"][0]["spendId"], found["unknownCount"]) == (spend, 1)
    assert found["unknown"][0]["ageSeconds"] < 60
    assert owner.data("GET", "/overview?soon=60")["endingSoonCount"] == 0
    assert owner.ask("GET", "/overview?days=93").json()["code"] == "validation_failed"
    assert server.register().data("GET", "/overview")["atRisk"] == []
    assert session.ask("GET", "/overview").json()["code"] == "owner_only"


def test_what_a_session_spent_over_time(owner: Agent) -> None:
    session, other = owner.session(), owner.session()
    for amount in (1, 2.25):
        session.data("POST", "/spends", {"amount": amount})
    path = f"/agents/session/{session.session_id}/spending"
    chart = owner.data("GET", f"{path}?bucket=86400&seconds=86400")
    (bucket,) = chart["spending"]
    assert chart["bucketSeconds"] == 86_400
    assert (bucket["amount"], bucket["currency"], bucket["chain"], bucket["spends"]) == (
        "3.25",
        "USDC",
        84532,
        2,
    )
    assert bucket["at"].endswith("T00:00:00.000Z")
    assert session.data("GET", path)["bucketSeconds"] == 3_600
    assert other.ask("GET", path).status_code == 404
    assert owner.ask("GET", f"{path}?bucket=301").json()["code"] == "validation_failed"

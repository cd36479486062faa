"""Windows and numbers of spends over HTTP: decided by the one gate, told with what is left and when it fits."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.platform.serving import Server

LIMITS = {"windows": [{"seconds": 3_600, "limitUsdc": 5}, {"seconds": 60, "limitUsdc": "2.04"}]}


def test_a_window_refuses_what_the_budget_allows(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service, session = seller.offer(price=1), owner.session(**LIMITS)
    assert [session.buy(service).status_code for _ in range(2)] == [201, 201]
    refused = session.buy(service)
    assert (refused.status_code, refused.json()["code"]) == (403, "window_exceeded")
    details = refused.json()["details"]
    assert (details["rule"], details["remaining"], details["limit"]) == ("window:60", "0", "2.04")
    assert details["resetsAt"] > 0
    view = owner.data("GET", f"/agents/session/{session.session_id}")
    assert view["windows"] == [
        {"seconds": 60, "limitUsdc": "2.04", "leftUsdc": "0"},
        {"seconds": 3_600, "limitUsdc": "5", "leftUsdc": "2.96"},
    ]
    assert view["spends"] == 2


def test_WINDOW_IS_SLIDING_for_a_hundred_purchases_at_once(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service = seller.offer(price=1)
    session = owner.session(budgetUsdc=None, windows=[{"seconds": 3_600, "limitUsdc": 10.2}])
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: session.buy(service).status_code, range(100)))
    assert sorted(statuses) == [201] * 10 + [403] * 90


def test_the_number_of_spends_ends_a_session(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service, session = seller.offer(price=1), owner.session(spendsMax=1)
    assert session.buy(service).status_code == 201
    assert session.buy(service).json()["code"] == "spend_count_exceeded"
    assert owner.data("GET", f"/agents/session/{session.session_id}")["status"] == "exhausted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": [{"seconds": 0, "limitUsdc": 1}]},
        {"windows": [{"seconds": 60, "limitUsdc": -1}]},
        {"windows": [{"seconds": 60, "limitUsdc": 1}, {"seconds": 60, "limitUsdc": 2}]},
        {"windows": [{"seconds": 60}]},
        {"windows": [{"seconds": number, "limitUsdc": 1} for number in range(1, 12)]},
        {"spendsMax": -1},
    ],
)
def test_limits_that_make_no_sense_are_refused(server: Server, wrong: dict[str, Any]) -> None:
    asked = {"budgetUsdc": 1, "expiry": 3_600, "allowedServiceIds": []}
    assert server.register().ask("POST", "/agents/session", asked | wrong).status_code == 400

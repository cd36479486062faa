"""Services over HTTP: offering, changing, finding, taking off the market."""

from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server


@pytest.fixture(scope="module")
def seller(server: Server) -> Agent:
    return server.register()


def test_what_is_offered_is_what_is_shown(seller: Agent) -> None:
    made = seller.offer(title="Ein Überblick", price=0.000001, endpointUrl="https://seller.example/hook")
    assert made["price"] == 0.000001
    assert (made["status"], made["currency"], made["network"]) == ("active", "USDC", "base-sepolia")
    assert (made["deliveryType"], made["callbackRequired"]) == ("webhook", False)
    assert made["agent"]["id"] == made["agentId"] == seller.agent_id
    assert seller.data("GET", f"/services/{made['id']}") == made


@pytest.mark.parametrize(
    "changes",
    [
        {"price": -1}, {"price": 0.0000001}, {"price": "NaN"}, {"price": None}, {"price": "1e99"}, {"title": ""},
        {"title": "x" * 201}, {"category": "weapons"}, {"priceUnit": "per_kilo"}, {"currency": "DOGE"},
        {"network": "mars"}, {"endpointUrl": "http://seller.example/"}, {"endpointUrl": "https://10.0.0.1/"},
        {"endpointUrl": "https://[::ffff:169.254.169.254]/"}, {"endpointUrl": "javascript:1"}, {"network": "base"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(seller: Agent, changes: dict[str, Any]) -> None:
    body = {"title": "t", "description": "d", "category": "data", "price": 1, "priceUnit": "flat", **changes}
    assert seller.ask("POST", "/services", body).status_code == 400


def test_changes_keep_the_rest(seller: Agent) -> None:
    made = seller.offer(endpointUrl="https://seller.example/hook")
    path = f"/services/{made['id']}"
    changed = seller.data("PATCH", path, {"price": 6})
    assert (changed["price"], changed["title"], changed["endpointUrl"]) == (
        6,
        made["title"],
        made["endpointUrl"],
    )
    assert seller.data("PATCH", path, {"endpointUrl": None, "status": "paused"})["endpointUrl"] is None
    assert seller.data("GET", path)["status"] == "paused"
    assert seller.ask("PATCH", path, {"status": "archived"}).status_code == 400
    assert seller.ask("PATCH", path, {"endpointUrl": "https://127.0.0.2/"}).status_code == 400


def test_others_cannot_touch_it(server: Server, seller: Agent) -> None:
    made = seller.offer()
    other = server.register()
    assert other.ask("PATCH", f"/services/{made['id']}", {"price": 0}).status_code == 404
    assert other.ask("DELETE", f"/services/{made['id']}").status_code == 404


def test_archived_is_gone_from_searches_and_stays_shown(server: Server) -> None:
    seller = server.register()
    made = seller.offer(title="Zanzibar soon archived")
    assert "message" in seller.data("DELETE", f"/services/{made['id']}")
    assert seller.data("GET", "/services?q=zanzibar")["total"] == 0
    assert seller.data("GET", f"/services/{made['id']}")["status"] == "archived"
    assert seller.ask("PATCH", f"/services/{made['id']}", {"status": "active"}).status_code == 404


def test_searching(server: Server) -> None:
    seller = server.register()
    for title, price, category in [
        ("Quokka one", 3, "coding"),
        ("Quokka two", 1, "data"),
        ("Quokka three", 2, "data"),
    ]:
        seller.offer(title=title, price=price, category=category)

    def found(query: str) -> list[str]:
        page = seller.data("GET", f"/services?{query}")
        return [service["title"] for service in page["services"]]

    assert found("q=quokka&sort_by=price_asc") == ["Quokka two", "Quokka three", "Quokka one"]
    assert found("q=quokka&sort_by=price_desc&limit=1&offset=1") == ["Quokka three"]
    assert found("q=quokka&category=data&max_price=1.5") == ["Quokka two"]
    assert found("q=quokka&network=base") == []
    assert found("q=quokka&currency=EUR") == []
    page = seller.data("GET", "/services?q=quokka&limit=100000")
    assert (page["total"], page["limit"]) == (3, 100)
    for strange in ("%22", "%2A", "quokka%20OR", "NEAR(", "a%22b*", "-", "%00", "quokka%27"):
        assert seller.ask("GET", f"/services?q={strange}").status_code == 200
    assert "Quokka one" in found("q=quokka&min_rating=0")
    assert found("q=quokka&min_rating=0.5") == []


def test_what_is_wrong_is_named(seller: Agent) -> None:
    """Clients print the path: `price — ...`."""
    made = seller.offer()
    whole = {"title": "t", "description": "d", "category": "data", "price": 1, "priceUnit": "flat"}
    for method, path, body, field in [
        ("POST", "/services", {**whole, "price": 0}, "price"),
        ("POST", "/services", {**whole, "price": -1}, "price"),
        ("POST", "/services", {name: value for name, value in whole.items() if name != "title"}, "title"),
        ("POST", "/services", {**whole, "endpointUrl": "nonsense"}, "endpointUrl"),
        ("PATCH", f"/services/{made['id']}", {"network": "base"}, "network"),
        ("PATCH", f"/services/{made['id']}", {"currency": "ETH"}, "currency"),
        ("PATCH", f"/services/{made['id']}", {"price": 0}, "price"),
    ]:
        answer = seller.ask(method, path, body)
        assert answer.status_code == 400, answer.text
        assert [problem["path"] for problem in answer.json()["details"]] == [[field]]
    same = seller.data("PATCH", f"/services/{made['id']}", {"network": "base-sepolia", "title": "other"})
    assert same["title"] == "other"

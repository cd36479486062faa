"""Amounts as an attacker writes them, prices that move, and sums that must fit to the last base unit."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from tests.attacks.conftest import Rows
from tests.integration.platform.serving import Agent, Server
from valetkey.core.fees import escrow_split, platform_fee

MEMBERS = ("budgetUsdc", "perSpendUsdc")

REFUSED = [
    "NaN", "Infinity", "-Infinity", "1e999", "1e31", "-1", "-0.000001", "0.0000001", "1e-7", '"NaN"', '"sNaN"',
    '"nan1"',
    '"Infinity"', '"inf"', '"-1"', '"-1e5"', '"1e31"', '"0.0000001"', '""', '"0x10"', '"1,5"', '"1.5 USDC"',
    '"$1"', '"1/2"',
    "true", "[]", "{}", '"' + "9" * 31 + '"', "9" * 31, "9" * 5_000, '"' + "9" * 5_000 + '"',
    '"0.' + "0" * 5_000 + '1"',
    "0." + "0" * 400 + "1", "1e99999999999999999999", "1e-99999999999999999999", "00", "+1", ".5", "5.",
    "0x10", "1_000",
]  # fmt: skip

ACCEPTED = [
    ("0", "0"), ("0.0", "0"), ("1e-6", "0.000001"), ("0.000001", "0.000001"), ('"0.000001"', "0.000001"),
    ("1e5", "100000"),
    ('"1e5"', "100000"), ("0.1", "0.1"), ("0.30000000000000000", "0.3"), ("1.1", "1.1"), ("0.29", "0.29"),
    ("123456789012345678.9", "123456789012345678.9"), ("9" * 24, "9" * 24),
    ('"' + "9" * 24 + '.999999"', "9" * 24 + ".999999"),
    ("1e23", "1" + "0" * 23), ("2.5e0", "2.5"),
]  # fmt: skip


@pytest.fixture(scope="module")
def seller(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


def post(of: Agent, path: str, body: str) -> httpx.Response:
    """A body as it is written here: a library would write other numbers."""
    headers = {"X-API-Key": of.credential}
    return of.server.http.post(f"/api/v1{path}", content=body.encode(), headers=headers)


@pytest.mark.parametrize("written", REFUSED, ids=lambda text: text[:24])
def test_what_is_no_amount_is_refused_everywhere(owner: Agent, written: str) -> None:
    bodies = [("/agents/session", f'{{"budgetUsdc":{written},"expiry":60}}')]
    bodies.append(("/agents/session", f'{{"budgetUsdc":1,"perSpendUsdc":{written},"expiry":60}}'))
    offer = f'{{"title":"t","description":"d","category":"other","priceUnit":"flat","price":{written}}}'
    bodies.append(("/services", offer))
    for path, body in bodies:
        answer = post(owner, path, body)
        assert answer.status_code == 400, (path, answer.text)
        assert isinstance(answer.json()["error"], str)
        assert len(answer.text) < 1_000, "it is not told back"
    text = written.strip('"')
    searched = owner.server.http.get("/api/v1/services", params={"max_price": text})
    if text not in ("00", "+1", ".5", "5.", "1_000", "true"):
        assert searched.status_code == 400, text


@pytest.mark.parametrize(("written", "told"), ACCEPTED, ids=[one for one, _ in ACCEPTED])
def test_amounts_are_told_as_they_were_meant(owner: Agent, written: str, told: str) -> None:
    made = post(owner, "/agents/session", f'{{"budgetUsdc":{written},"perSpendUsdc":{written},"expiry":60}}')
    assert made.status_code == 201, made.text
    view = owner.data("GET", f"/agents/session/{made.json()['data']['sessionId']}")
    assert (view["budgetUsdc"], view["remainingUsdc"], view["perSpendUsdc"]) == (told, told, told)


def test_no_answer_shows_the_noise_of_floats(server: Server, owner: Agent, seller: Agent) -> None:
    """0.1 + 0.2 and its kin, through every view that shows money."""
    session = owner.session(budgetUsdc=0.7)
    texts = []
    for price in ("0.1", "0.2", "0.3"):
        service = seller.offer(price=price)
        bought = session.buy(service)
        texts += [bought.text, server.http.get(f"/api/v1/services/{service['id']}").text]
        texts.append(seller.ask("GET", f"/transactions/{bought.json()['data']['transactionId']}").text)
    texts += [session.ask("GET", "/agents/session/self").text, session.ask("GET", "/transactions").text]
    texts += [server.http.get("/api/v1/services").text, server.http.get("/api/v1/marketplace/pulse").text]
    refused = session.buy(seller.offer(price="0.1"))
    assert refused.status_code == 403
    texts.append(refused.text)
    for text in texts:
        for number in re.findall(r"\d+\.(\d+)", text):
            assert len(number.rstrip("Z")) <= 6, text
    view = session.data("GET", "/agents/session/self")
    assert (view["heldUsdc"], view["remainingUsdc"]) == ("0.612", "0.088")


@pytest.mark.parametrize(
    "quantity", ["0", "-1", "1.5", "1e3", '"2"', "null", "1000001", "18446744073709551617", "9" * 400]
)
def test_quantities_are_whole_and_bounded(owner: Agent, seller: Agent, quantity: str) -> None:
    answer = post(owner, "/checkout", f'{{"serviceId":"{seller.offer()["id"]}","quantity":{quantity}}}')
    assert answer.status_code == 400, answer.text


def test_a_price_times_a_quantity_does_not_wrap(owner: Agent, seller: Agent) -> None:
    dear = seller.offer(price="9" * 24)
    session = owner.session(budgetUsdc="9" * 24)
    answer = session.buy(dear, quantity=1_000_000)
    assert answer.status_code in (400, 403), answer.text
    assert session.buy(dear).status_code == 403
    unlimited = owner.session(budgetUsdc=None)
    assert unlimited.buy(dear, quantity=1_000_000).status_code in (201, 400)
    view = unlimited.data("GET", "/agents/session/self")
    assert (view["budgetUsdc"], view["remainingUsdc"]) == (None, None)


@pytest.mark.parametrize("units", [1, 49, 50, 51, 99, 100, 2_499_999, 2_500_000, 10**24 - 1])
def test_fee_and_price_meet_in_the_escrow(owner: Agent, seller: Agent, units: int) -> None:
    price = f"{Decimal(units).scaleb(-6):f}"
    made = owner.buy(seller.offer(price=price)).json()["data"]["paymentInstructions"]
    total = int(made["totalWithFee"])
    assert (int(made["amount"]), total) == (units, units + platform_fee(units))
    assert escrow_split(total) == (units, platform_fee(units))


def test_nothing_and_unlimited_are_never_confused(owner: Agent, seller: Agent) -> None:
    service = seller.offer(price="0.000001")
    for budget, status in ((0, 403), ("0.000001", 201), (None, 201)):
        assert owner.session(budgetUsdc=budget).buy(service).status_code == status
    for most, status in ((0, 403), ("0.000001", 201), (None, 201)):
        assert owner.session(perSpendUsdc=most).buy(service).status_code == status


def test_a_price_that_moves_binds_nobody_afterwards(owner: Agent, seller: Agent) -> None:
    service = seller.offer(price=1)
    session = owner.session(budgetUsdc=10)
    bought = session.buy(service, key="before").json()["data"]
    seller.data("PATCH", f"/services/{service['id']}", {"price": 9})
    path = f"/transactions/{bought['transactionId']}"
    assert session.data("GET", path)["totalCharged"] == 1.02
    assert session.buy(service, key="before").json()["data"] == bought
    assert session.buy(service).status_code == 403
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "1.02"
    seller.data("DELETE", f"/services/{service['id']}")
    assert session.buy(service, key="before").json()["data"]["totalCharged"] == 1.02
    gone = session.buy(service, key="after")
    assert (gone.status_code, gone.json()["code"]) == (409, "service_unavailable")
    assert seller.ask("PATCH", f"/services/{service['id']}", {"status": "active"}).status_code == 404


def test_a_price_that_flickers_is_charged_as_it_was_told(owner: Agent, seller: Agent) -> None:
    """The seller changes the price all the time; every purchase costs what its own answer says, and fits the budget."""
    service = seller.offer(price=1)
    session = owner.session(budgetUsdc=60)
    stop: list[bool] = []

    def flicker() -> None:
        while not stop:
            for price in ("1", "5", "0.25"):
                seller.data("PATCH", f"/services/{service['id']}", {"price": price})

    with ThreadPoolExecutor(8) as pool:
        flickering = pool.submit(flicker)
        answers = list(pool.map(lambda _: session.buy(service), range(60)))
        stop.append(True)
        flickering.result()
    made = [json.loads(one.text, parse_float=Decimal)["data"] for one in answers if one.status_code == 201]
    listed = {
        one["id"]: one
        for one in json.loads(session.ask("GET", "/transactions?limit=100").text, parse_float=Decimal)[
            "data"
        ]["transactions"]
    }
    for one in made:
        kept = listed[one["transactionId"]]
        assert kept["totalCharged"] == one["totalCharged"] == kept["subtotal"] + kept["platformFee"]
        assert int(one["paymentInstructions"]["totalWithFee"]) == one["totalCharged"] * 10**6
    held = Decimal(session.data("GET", "/agents/session/self")["heldUsdc"])
    assert held == sum(one["totalCharged"] for one in made) <= 60


def test_the_books_agree_to_the_last_base_unit(
    server: Server, owner: Agent, seller: Agent, rows: Rows
) -> None:
    """What the sessions say is held and captured is what their holds say, after everything before as well."""
    session, service = owner.session(budgetUsdc=1), seller.offer(price="0.333333")
    assert [session.buy(service).status_code for _ in range(3)] == [201, 201, 403]
    holds: dict[str, list[int]] = {}
    for session_id, amount, state, captured, debits in rows(
        server, "SELECT session_id, amount, state, captured, debits FROM holds"
    ):
        for debited in (debits or session_id).split():
            sums = holds.setdefault(debited, [0, 0])
            sums[0] += int(amount) if state in ("held", "unknown", "pending_approval", "approved") else 0
            sums[1] += int(captured)
    sql = "SELECT s.id, s.policy, f.figures FROM sessions s JOIN spent f ON f.session_id = s.id"
    found: list[tuple[str, str, str]] = rows(server, sql)
    assert holds
    for session_id, policy, figures in found:
        # Held and captured of the session's own currency stand first.
        held, captured, _ = json.loads(figures)[1]
        budget = json.loads(policy).get("budget")
        assert [held, captured] == holds.get(session_id, [0, 0])
        assert budget is None or held + captured <= budget

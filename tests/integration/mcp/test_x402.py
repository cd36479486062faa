"""`pay_x402` against the official server and facilitator: once, never above its most, never where it may not."""

import asyncio

import pytest

from tests.fixtures_x402 import X402Lab
from tests.integration.mcp.conftest import Sessions
from tests.integration.mcp.test_pays_once import called, server_of
from tests.x402.resources import OfficialSeller
from valetkey.mcp import server as serving
from valetkey.mcp.plan import Plan
from valetkey.mcp.tools import paying_http

CENT = 10_000


def test_a_model_pays_for_a_url_once(
    x402_lab: X402Lab, x402_seller: OfficialSeller, sessions: Sessions
) -> None:
    served = sessions()
    wallet = served.session.wallet_address
    host = x402_seller.url.removeprefix("http://")

    async def work() -> None:
        server = server_of(served, pay_hosts=(host,))
        free = await called(server, "pay_x402", url=f"{x402_seller.url}/free", max_amount="1")
        assert (free["state"], free["http_status"], free["repeated"]) == ("free", 200, False)
        dear = await called(server, "pay_x402", url=f"{x402_seller.url}/weather", max_amount="0.001")
        assert (dear.failed, dear["code"]) == (True, "offer_above_max")
        url = f"{x402_seller.url}/weather"
        told = await asyncio.gather(*(called(server, "pay_x402", url=url, max_amount="1") for _ in range(3)))
        assert {(one["state"], one["body"]) for one in told} == {("paid", '{"weather":"sunny"}')}
        assert len({one["spend_id"] for one in told}) == 1
        again = await called(server, "pay_x402", url=url, max_amount="1", again=1)
        assert again["spend_id"] != told[0]["spend_id"]
        job = await called(
            server, "pay_x402", url=f"{x402_seller.url}/jobs", method="POST", body={"n": 1}, max_amount="1"
        )
        assert job["body"] == '{"done":{"n":1}}'
        await server.desk.close()

    asyncio.run(work())
    assert len(x402_lab.payments_of(wallet)) == 3
    assert served.units(wallet) == 10_000_000 - sum(x402_lab.payments_of(wallet))


def test_a_seller_that_cannot_be_reached_after_it_was_paid_is_unknown(
    x402_lab: X402Lab, x402_seller: OfficialSeller, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = sessions()
    host = x402_seller.url.removeprefix("http://")
    url = f"{x402_seller.url}/weather"

    async def work() -> None:
        server = server_of(served, pay_hosts=(host,))
        told = paying_http._told

        async def lost(response: object) -> object:
            await told(response)  # type: ignore[arg-type]
            raise paying_http.httpx.ReadError("cut off")

        monkeypatch.setattr(paying_http, "_told", lost)
        answer = await called(server, "pay_x402", url=url, max_amount="1")
        assert (answer.failed, answer["state"]) == (False, "unknown"), answer.told
        monkeypatch.undo()
        again = await called(server, "pay_x402", url=url, max_amount="1")
        assert (again.failed, again["state"] in ("paid", "unknown")) == (False, True), again.told
        await server.desk.close()

    asyncio.run(work())
    assert len(x402_lab.payments_of(served.session.wallet_address)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "http://example.com/",
        "https://user:secret@example.com/",
    ],
)
def test_what_only_this_machine_can_reach_is_not_asked(sessions: Sessions, url: str) -> None:
    served = sessions(funded=False)

    async def work() -> None:
        server = server_of(served)
        answer = await called(server, "pay_x402", url=url, max_amount="1")
        assert (answer.failed, answer["code"], answer["field"]) == (True, "invalid_input", "url")
        for headers in (
            {"Host": "x"},
            {"PAYMENT-SIGNATURE": "x"},
            {"Idempotency-Key": "x"},
            {"a b": "x"},
            {"a": "b\nc"},
        ):
            answer = await called(
                server, "pay_x402", url="https://example.com/", headers=headers, max_amount="1"
            )
            assert (answer.failed, answer["code"]) == (True, "invalid_input")
        await server.desk.close()

    asyncio.run(work())


def test_without_the_extra_there_is_no_such_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pay_x402" in {one.name for one in serving.tools_of(Plan())}
    monkeypatch.setattr(paying_http, "find_spec", lambda _: None)
    assert "pay_x402" not in {one.name for one in serving.tools_of(Plan())}

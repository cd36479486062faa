"""A call that pays, pays once: retried, at once, by two servers, after kill -9 anywhere, after a lost answer."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mcp.conftest import Served, Sessions
from tests.integration.mcp.serving import Answer, over_stdio
from valetkey.core.errors import EnvironmentFailure
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import McpServer
from valetkey.sdk.errors import FundingUnconfirmed, NetworkError

KILLED = str(Path(__file__).with_name("killed.py"))
FEE = Decimal("1.53")


def server_of(served: Served, **more: Any) -> McpServer:
    """A server of a session, in this process."""
    plan = Plan(
        base_url=served.market.stack.base_url,
        state_dir=served.home,
        environment={"VALETKEY_SESSION": served.bundle},
        **more,
    )
    return McpServer(plan)


async def called(server: McpServer, tool: str, /, **arguments: Any) -> Answer:
    result = await server.call(tool, arguments)
    assert isinstance(result.structured_content, dict)
    return Answer(result.structured_content, result.is_error, "")


def test_a_retry_pays_nothing_in_whatever_spelling(sessions: Sessions) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        first = await called(server, "transfer", to=payee, amount="1.5")
        assert (first["state"], first["repeated"], first["remaining_limit"]) == ("paid", False, "8.5")
        for spelling in (
            {"to": payee, "amount": "1.50"},
            {"to": payee.lower(), "amount": "1.5", "token": "USDC"},
            {"to": payee, "amount": "1.5", "again": 0},
        ):
            again = await called(server, "transfer", **spelling)
            assert (again["state"], again["repeated"], again["tx_hash"]) == ("paid", True, first["tx_hash"])
            assert "again" in again["next_step"]
        await server.desk.close()
        # Another process, which knows of it by the state folder.
        other = server_of(served)
        assert (await called(other, "transfer", to=payee, amount="1.5"))["tx_hash"] == first["tx_hash"]
        await other.desk.close()
        assert served.units(payee) == 1_500_000
        second = await called(other, "transfer", to=payee, amount="1.5", again=1)
        assert (second["repeated"], second["tx_hash"] == first["tx_hash"]) == (False, False)
        await other.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 3_000_000
    assert served.committed() == Decimal(3)


def test_the_same_calls_at_once_pay_once(sessions: Sessions) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        servers = [server_of(served), server_of(served)]
        told = await asyncio.gather(
            *(called(server, "transfer", to=payee, amount="2") for server in servers for _ in range(4)),
            *(
                called(server, "purchase", service_id=served.market.service_id, request={"n": 1})
                for server in servers
                for _ in range(4)
            ),
        )
        assert all(not one.failed and one["state"] == "paid" for one in told)
        assert len({one["tx_hash"] for one in told[:8]}) == 1
        assert len({one["transaction_id"] for one in told[8:]}) == 1
        assert sum(not one["repeated"] for one in told) == 2
        for server in servers:
            await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 2_000_000
    assert served.committed() == 2 + FEE


def test_a_state_folder_that_is_lost_pays_nothing_twice(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        for home in ("one", "two"):
            served.home = tmp_path / home
            server = server_of(served)
            assert (await called(server, "transfer", to=payee, amount="1"))["state"] == "paid"
            bought = await called(server, "purchase", service_id=served.market.service_id)
            assert bought["state"] == "paid"
            await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 1_000_000
    assert served.committed() == 1 + FEE


@pytest.mark.parametrize("place", [pytest.param("begun", marks=pytest.mark.slow), "sent", "paid"])
def test_killed_between_pay_and_answer_and_retried_it_pays_once(sessions: Sessions, place: str) -> None:
    served = sessions()
    payee = served.payee()
    asked: dict[str, dict[str, Any]] = {
        "transfer": {"to": payee, "amount": "2"},
        "purchase": {"service_id": served.market.service_id, "request": {"n": place}},
    }

    async def work() -> None:
        for tool, arguments in asked.items():
            with pytest.raises(Exception):  # noqa: B017 - whatever a client says of a server that is gone
                async with over_stdio(
                    served.env, secrets=served.secrets, log=served.log, program=(KILLED, place)
                ) as dead:
                    await asyncio.wait_for(dead.send(tool, arguments), 60)
        async with over_stdio(served.env, secrets=served.secrets, log=served.log) as caller:
            for tool, arguments in asked.items():
                answer = await caller.send(tool, arguments)
                assert (answer.failed, answer["state"]) == (False, "paid"), (tool, answer.told)
                assert answer["repeated"] is (place != "begun")
                assert (await caller.send(tool, arguments))["repeated"] is True

    asyncio.run(work())
    assert served.units(payee) == 2_000_000
    assert served.committed() == 2 + FEE


class _Lost:
    """An agent whose answers are lost, or come too late, once the money is on its way."""

    def __init__(self, agent: Any, step: str, error: Exception) -> None:
        self._agent, self._step, self._error = agent, step, error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._agent, name)
        if name != self._step:
            return found

        async def lost(*given: Any, **named: Any) -> Any:
            await found(*given, **named)
            raise self._error

        return lost


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("the platform did not answer", code="network"),
        FundingUnconfirmed("needs more blocks", code="funding_unconfirmed"),
        EnvironmentFailure("a node"),
        RuntimeError("a bug that nobody expects"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_tool_that_paid_never_reports_an_error(
    sessions: Sessions, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        agent = await server.desk.holder()  # type: ignore[attr-defined]
        for tool, step, arguments in (
            ("transfer", "execute", {"to": payee, "amount": "2"}),
            ("purchase", "fund_and_verify", {"service_id": served.market.service_id}),
        ):

            async def lossy() -> Any:
                return _Lost(agent, step, error)  # noqa: B023

            monkeypatch.setattr(server.desk, "buyer", lossy)
            told = await called(server, tool, **arguments)
            assert (told.failed, told["state"]) == (False, "unknown")
            assert "same arguments" in told["next_step"]
            monkeypatch.undo()
            told = await called(server, tool, **arguments)
            assert (told.failed, told["state"], told["repeated"]) == (False, "paid", True)
        await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 2_000_000
    assert served.committed() == 2 + FEE


def test_a_session_that_dies_after_it_paid_is_told_of_what_it_paid(sessions: Sessions) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        first = await called(server, "transfer", to=payee, amount="1")
        calls = server.desk.calls
        begun = {"to": payee, "amount": "4"}
        calls.begin(calls.key("transfer", begun), "2026-01-01T00:00:00.000Z")
        served.market.owner.revoke_session(served.session)
        await server.desk.close()
        server = server_of(served)
        kept = await called(server, "transfer", to=payee, amount="1")
        assert (kept.failed, kept["tx_hash"], kept["repeated"]) == (False, first["tx_hash"], True)
        open_ = await called(server, "transfer", **begun)
        assert (open_.failed, open_["state"]) == (False, "unknown")
        assert open_["problem"]["code"] == "session_revoked"
        fresh = await called(server, "transfer", to=payee, amount="3")
        assert (fresh.failed, fresh["code"]) == (True, "session_revoked")
        await server.desk.close()

    asyncio.run(work())


def test_nothing_paid_is_an_error_and_the_call_is_free_again(sessions: Sessions) -> None:
    served = sessions(funded=False)
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        poor = await called(server, "transfer", to=payee, amount="1")
        assert (poor.failed, poor["code"]) == (True, "insufficient_funds")
        served.market.owner.fund_session(served.session)
        assert (await called(server, "transfer", to=payee, amount="1"))["state"] == "paid"
        bought = await called(server, "purchase", service_id=served.market.service_id, max_total="1.52")
        assert (bought.failed, bought["code"]) == (True, "price_exceeds_max")
        itself = await called(server, "transfer", to=served.session.wallet_address, amount="1")
        assert (itself.failed, itself["code"]) == (True, "invalid_address")
        await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 1_000_000


def test_callers_are_told_apart(sessions: Sessions) -> None:
    one, other = server_of(sessions(funded=False)), server_of(sessions(funded=False))
    asked = {"to": "0x" + "1" * 40, "amount": "1"}
    assert one.desk.calls.key("transfer", asked) == one.desk.calls.key("transfer", {**asked, "amount": "1.0"})
    assert one.desk.calls.key("transfer", asked) != other.desk.calls.key("transfer", asked)
    assert one.desk.calls.key("transfer", asked) != one.desk.calls.key("transfer", {**asked, "again": 1})
    assert one.desk.calls.key("transfer", asked) != one.desk.calls.key("purchase", asked)

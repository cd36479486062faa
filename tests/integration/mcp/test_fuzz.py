"""Every tool is sent what fits its schema and what does not: no answer is unstructured, none tells a secret."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.market import Market
from tests.fixtures_stack import RunningStack
from tests.integration.mcp.arguments import broken, fitting
from tests.integration.mcp.conftest import Served
from tests.integration.mcp.serving import Answer, Caller, check_silent, over_stdio
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import tools_of
from valetkey.wire.errors import CODES

OTHER_CODES = {"insufficient_funds", "not_configured", "not_found", "checkout_ended"}
EXAMPLES = 16
HEALTH = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


class Line:
    """The official client on a thread of its own, so that hypothesis can call it."""

    def __init__(
        self, served: Served, env: dict[str, str], options: tuple[str, ...], secrets: list[str]
    ) -> None:
        self._served, self._env, self._options, self._secrets = served, env, options, secrets
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None
        self.caller: Caller | None = None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def __enter__(self) -> "Line":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)
        self._loop.close()

    def send(self, tool: str, arguments: Any) -> Answer:
        assert self.caller is not None
        return asyncio.run_coroutine_threadsafe(self.caller.send(tool, arguments), self._loop).result(120)

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        async with over_stdio(
            self._env, *self._options, secrets=self._secrets, log=self._served.log
        ) as self.caller:
            # Output schemas are validated by the client once it has listed the tools.
            await self.caller.client.list_tools()
            self._ready.set()
            await self._end.wait()


def tried(line: Line, tool: Any, known: dict[str, list[Any]], examples: int) -> Counter[str]:
    """What a tool answered to so many calls that fit, and so many that do not."""
    said: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=HEALTH)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        for arguments in (data.draw(fitting(tool.takes, known)), data.draw(broken(tool.takes, known))):
            answer = line.send(tool.name, arguments)
            said[answer["code"] if answer.failed else "ok"] += 1
            if answer.failed:
                assert answer["code"] in CODES or answer["code"] in OTHER_CODES, answer.told
                assert answer["code"] != "internal", (tool.name, arguments)
                assert answer["kind"] != "internal", (tool.name, arguments)
                assert "pydantic" not in answer["message"]
                assert "Traceback" not in answer["message"]

    run()
    return said


@pytest.fixture
def target(stack: RunningStack, bazaar: Market, tmp_path: Path) -> Served:
    # Two dollars: what fits and may be paid, is paid, and then the budget is at its end.
    session = bazaar.owner.create_session(budget_usdc=2, expiry=3_600)
    bazaar.owner.fund_session(session)
    return Served(bazaar, tmp_path / "home", session, session.serialize())


@pytest.fixture
def line(target: Served, tmp_path: Path) -> Iterator[Line]:
    options = ("--bundles", str(tmp_path / "bundles"), "--pay-host", "127.0.0.1:9")
    with Line(target, target.env, options, target.secrets) as made:
        yield made


def fuzzed(line: Line, target: Served, tools: list[Any], examples: int) -> None:
    market = target.market
    known: dict[str, list[Any]] = {
        "service_id": [market.service_id, target.session.session_id, "svc_none"],
        "transaction_id": ["txn_none", target.session.session_id],
        "code": ["budget_exceeded", "session_revoked"],
        "to": [market.seller_address, market.seller_address.lower(), "0x" + "0" * 40],
        "token": ["USDC", "USDC", "USDC", "ETH", "usdc", "0x" + "1" * 40],
        "operation": ["payment", "x402", "purchase"],
        "quantity": [1, 2],
        "amount": ["0", "0.000001", "0.1", "0.2", "3", "0.0000001", "1" * 20],
        "url": [
            "http://127.0.0.1:9/x",
            "https://localhost/",
            "http://169.254.169.254/latest",
            "https://a@b/",
        ],
        "query": [target.bundle, target.session.token.reveal()],
        "request": [target.bundle, {"key": target.session.token.reveal()}],
        "label": [target.session.token.reveal()],
    }
    said = {tool.name: tried(line, tool, known, examples) for tool in tools}
    assert all(sum(each.values()) > 1 for each in said.values())
    for name in ("check_session_inventory", "find_services", "list_refusals", "transaction_status"):
        assert said[name]["ok"], said
    # Those that pay got as far as the gate, or the chain.
    assert sum(said["transfer"].values()) > said["transfer"]["invalid_input"], said
    assert not line.send("quote", {"service_id": market.service_id}).failed
    assert said["transfer"]["invalid_input"]
    # It lives: nothing that was sent ended it, or the session.
    answer = line.send("check_session_inventory", {})
    assert answer["sessions"][0]["status"] in ("active", "exhausted")
    log = target.log.read_text()
    assert "failed" not in log, log
    assert "Traceback" not in log, log
    assert line.caller is not None
    check_silent("".join(line.caller.heard) + log, target.secrets)


def tools_to_try() -> list[Any]:
    return tools_of(Plan(bundles=Path("x")))


def test_no_input_finds_an_unstructured_error_or_a_secret(line: Line, target: Served) -> None:
    fuzzed(line, target, tools_to_try(), EXAMPLES)


@pytest.mark.slow
def test_no_input_of_many_finds_an_unstructured_error_or_a_secret(line: Line, target: Served) -> None:
    fuzzed(line, target, tools_to_try(), 300)


def test_names_and_arguments_that_are_none_are_told_of(line: Line) -> None:
    for name in ("", "nope", "check_session_inventory ", "__class__", "x" * 5_000, "💸"):
        answer = line.send(name, {})
        assert (answer.failed, answer["code"]) == (True, "not_found")
    answer = line.send("transfer", None)
    assert (answer.failed, answer["field"]) == (True, "to")


def test_an_owner_s_server_holds_as_well(bazaar: Market, target: Served, tmp_path: Path) -> None:
    key = bazaar.owner.create_api_key(
        "mcp", scopes=["sessions:write", "spends:read", "market:read", "audit:read"]
    )
    secret = key.secret.reveal()
    env = {name: value for name, value in target.env.items() if name != "VALETKEY_SESSION"}
    env["VALETKEY_API_KEY"] = secret
    known: dict[str, list[Any]] = {
        "session_id": ["ses_none", "../freeze", "self"],
        "label": ["a label", secret],
        "query": [secret],
        "expires_in_seconds": [60, 600],
        "budget": ["1", "0"],
    }
    with Line(target, env, ("--owner", "--bundles", str(tmp_path / "b")), [secret]) as line:
        said = {
            tool.name: tried(line, tool, known, 6) for tool in tools_of(Plan(owner=True, bundles=Path("x")))
        }
        assert said["create_session"]["ok"]
        assert line.send("thaw_sessions", {})["frozen"] is False
        log = target.log.read_text()
        assert "failed" not in log, log
        assert line.caller is not None
        check_silent("".join(line.caller.heard) + log, [secret])

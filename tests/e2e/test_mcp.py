"""`valetkey mcp` as a stranger uses it: the command as it is installed, the official client, a purchase to its end."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.e2e.market import Market, open_market
from tests.fixtures_stack import RunningStack
from tests.integration.mcp.serving import (
    Caller,
    check_silent,
    environment,
    http_server,
    over_http,
    over_stdio,
    secrets_in,
)
from valetkey import SessionInfo

COMMAND = str(Path(sys.executable).with_name("valetkey"))
TOOLS = {
    "check_session_inventory", "explain_refusal", "quote", "find_services", "purchase", "pay_x402", "transfer",
    "transaction_status", "list_refusals", "request_approval", "renounce_session",
}  # fmt: skip
PRICE = "1.53"


@pytest.fixture(scope="module")
def market(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    made = open_market(stack, tmp_path_factory.mktemp("mcp-market"), price="1.50", budget=10)
    yield made
    made.close()


def file_of(path: Path, text: str) -> str:
    """A file that its owner alone reads."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
    return str(path)


Door = Callable[..., AbstractAsyncContextManager[Caller]]


@asynccontextmanager
async def by_stdio(env: dict[str, str], *options: str, secrets: list[str], log: Path) -> Any:
    """The command, over its standard input and output."""
    async with over_stdio(
        env, *options, secrets=secrets, log=log, program=("mcp",), command=COMMAND
    ) as caller:
        yield caller


@asynccontextmanager
async def by_http(env: dict[str, str], *options: str, secrets: list[str], log: Path) -> Any:
    """The command, over HTTP, with the token that it made."""
    with http_server(env, *options, log=log, command=(COMMAND, "mcp")) as server:
        async with over_http(server, secrets=secrets) as caller:
            yield caller


async def a_purchase_to_its_end(caller: Caller, market: Market, session: SessionInfo) -> str:
    """What the issue of every server is: tools, an inventory with spends and refusals, a purchase; its id."""
    listed = {one.name: one for one in (await caller.client.list_tools()).tools}
    assert set(listed) == TOOLS
    assert all(one.input_schema["additionalProperties"] is False for one in listed.values())
    assert all(one.output_schema for one in listed.values())
    found = await caller.call("find_services", query=market.seller.get_service(market.service_id).title)
    assert found["services"][0]["service_id"] == market.service_id
    no = await caller.call("purchase", service_id=market.service_id, quantity=3)
    assert (no.failed, no["code"], no["remaining"]) == (True, "per_spend_exceeded", "4")
    order = {"service_id": market.service_id, "request": {"text": "a story"}, "max_total": "2"}
    bought = await caller.call("purchase", **order)
    assert (bought["state"], bought["status"], bought["total"]) == ("paid", "escrowed", PRICE), bought.told
    assert (await caller.call("purchase", **order))["repeated"] is True
    market.seller.deliver_encrypted(bought["transaction_id"], {"summary": "short"})
    told = (await caller.call("transaction_status", transaction_id=bought["transaction_id"]))["transactions"][
        0
    ]
    assert (told["status"], told["payload"]) == ("delivered", {"summary": "short"})
    (shown,) = (await caller.call("check_session_inventory"))["sessions"]
    assert (shown["session_id"], shown["status"]) == (session.session_id, "active")
    assert (shown["spent"], shown["remaining_limit"], shown["spends"]) == (PRICE, "8.47", 1)
    assert (shown["next_refusal"]["most"], shown["next_refusal"]["rule"]) == ("4", "per_spend")
    (refused,) = (await caller.call("list_refusals"))["refusals"]
    assert (refused["codes"], refused["amount"]) == (["per_spend_exceeded"], "4.59")
    return str(bought["transaction_id"])


def a_session(market: Market, label: str) -> SessionInfo:
    session = market.owner.create_session(budget_usdc=10, per_spend_usdc=4, expiry=3_600, label=label)
    market.owner.fund_session(session)
    return session


@pytest.mark.parametrize("door", [by_stdio, pytest.param(by_http, marks=pytest.mark.slow)])
def test_two_servers_of_two_sessions_buy_and_see_nothing_of_each_other(
    market: Market, tmp_path: Path, door: Door
) -> None:
    one, other = a_session(market, "one"), a_session(market, "other")
    # One state folder, as a user has who starts both.
    env = environment(market.stack.base_url, tmp_path / "home")

    def served(session: SessionInfo) -> AbstractAsyncContextManager[Caller]:
        bundle = file_of(tmp_path / f"{session.session_id}.bundle", session.serialize())
        secrets = secrets_in(session.serialize())
        return door(env, "--bundle-file", bundle, secrets=secrets, log=tmp_path / f"{session.session_id}.log")

    async def work() -> None:
        async with served(one) as first, served(other) as second:
            bought = await a_purchase_to_its_end(first, market, one)
            (shown,) = (await second.call("check_session_inventory"))["sessions"]
            assert (shown["label"], shown["spent"], shown["spends"]) == ("other", "0", 0)
            assert (await second.call("transaction_status"))["total"] == 0
            assert (await second.call("list_refusals"))["refusals"] == []
            hidden = await second.call("transaction_status", transaction_id=bought)
            assert (hidden.failed, hidden["code"]) == (True, "not_found")
            # The same words are another call, of another session.
            order = {"service_id": market.service_id, "request": {"text": "a story"}, "max_total": "2"}
            own = await second.call("purchase", **order)
            assert (own["state"], own["repeated"]) == ("paid", False)
            assert own["transaction_id"] != bought
            check_silent("".join(second.heard), [bought, one.session_id])

    asyncio.run(work())


def test_a_sealed_bundle_buys(market: Market, tmp_path: Path) -> None:
    session, identity = a_session(market, "sealed"), pyrage.x25519.Identity.generate()
    sealed = file_of(tmp_path / "session.age", session.seal(str(identity.to_public())))
    key = file_of(tmp_path / "key.txt", str(identity))
    env = environment(market.stack.base_url, tmp_path / "home")
    secrets = [*secrets_in(session.serialize()), str(identity)]

    async def work() -> None:
        options = ("--bundle-file", sealed, "--identity-file", key)
        async with by_stdio(env, *options, secrets=secrets, log=tmp_path / "log") as caller:
            await a_purchase_to_its_end(caller, market, session)

    asyncio.run(work())


def test_enrolled_keys_buy(market: Market, tmp_path: Path) -> None:
    """The delegate makes keys and tells a code; its owner makes a session; its server signs every request."""
    passphrase = "violin magnet thistle ruby canyon otter"
    env = environment(market.stack.base_url, tmp_path / "home", VALETKEY_PASSPHRASE=passphrase)
    with subprocess.Popen(
        [COMMAND, "agent", "enroll", "--label", "worker", "--json"],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as enrolling:
        assert enrolling.stdout is not None
        code = json.loads(enrolling.stdout.readline())["code"]
        session = market.owner.create_session(
            budget_usdc=10, per_spend_usdc=4, expiry=3_600, label="enrolled", enrollment=code
        )
        assert json.loads(enrolling.stdout.readline())["session_id"] == session.session_id
        assert enrolling.wait(60) == 0

    async def work() -> None:
        log = tmp_path / "log"
        async with by_http(env, "--enrollment", code, secrets=[passphrase], log=log) as caller:
            await a_purchase_to_its_end(caller, market, session)

    asyncio.run(work())
    assert market.owner.get_session(session.session_id).proof == "required"

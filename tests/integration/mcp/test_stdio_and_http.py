"""The official client over stdio and over HTTP: tools, inventories, purchases to the end, and who sees what."""

import asyncio
import stat
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from tests.integration.mcp.conftest import Served, Sessions
from tests.integration.mcp.serving import Caller, check_silent, http_server, over_http, over_stdio, secrets_in
from valetkey import BuyerAgent

NAMES = [
    "check_session_inventory",
    "explain_refusal",
    "quote",
    "find_services",
    "transaction_status",
    "list_refusals",
    "purchase",
    "transfer",
    "request_approval",
    "pay_x402",
    "renounce_session",
]


def stdio(served: Served, *options: str, mode: str = "auto") -> AbstractAsyncContextManager[Caller]:
    return over_stdio(served.env, *options, secrets=served.secrets, log=served.log, mode=mode)


async def a_day_of_work(caller: Caller, served: Served) -> None:
    """What a model does: it looks, is refused, buys, waits for the delivery, and reads it."""
    market = served.market
    tools = {one.name: one for one in (await caller.client.list_tools()).tools}
    assert list(tools) == NAMES
    assert all(one.input_schema["additionalProperties"] is False for one in tools.values())
    assert all(one.output_schema for one in tools.values())

    first = (await caller.call("check_session_inventory"))["sessions"][0]
    assert (first["session_id"], first["label"], first["status"]) == (
        served.session.session_id,
        "worker",
        "active",
    )
    assert (first["remaining_limit"], first["chain"]) == ("10", "baseSepolia")
    assert first["next_refusal"]["most"] == "4"
    assert (first["next_refusal"]["rule"], first["next_refusal"]["code"]) == (
        "per_spend",
        "per_spend_exceeded",
    )

    found = await caller.call("find_services", query=market.seller.get_service(market.service_id).title)
    assert found["services"][0]["service_id"] == market.service_id
    assert (await caller.call("quote", service_id=market.service_id))["total"] == "1.53"
    no = await caller.call("quote", service_id=market.service_id, quantity=4)
    assert (no["allowed"], no["reasons"][0]["rule"]) == (False, "per_spend")

    refused = await caller.call("purchase", service_id=market.service_id, quantity=4)
    assert refused.failed
    assert (refused["code"], refused["rule"], refused["remaining"]) == (
        "per_spend_exceeded",
        "per_spend",
        "4",
    )
    assert "ask for at most 4 USDC" in refused["hint"]
    assert (await caller.call("explain_refusal", code=refused["code"]))["kind"] == "refused"

    bought = await caller.call(
        "purchase", service_id=market.service_id, request={"text": "a story"}, max_total="2"
    )
    assert (bought["state"], bought["status"], bought["total"]) == ("paid", "escrowed", "1.53")
    txn = bought["transaction_id"]
    seller = market.seller
    order = seller.get_transaction(txn)
    assert seller.decrypt_request_payload(order).payload == {"text": "a story"}
    seller.deliver_encrypted(txn, {"summary": "short"})
    told = (await caller.call("transaction_status", transaction_id=txn))["transactions"][0]
    assert (told["status"], told["payload"], told["is_encrypted"]) == (
        "delivered",
        {"summary": "short"},
        True,
    )

    after = (await caller.call("check_session_inventory"))["sessions"][0]
    assert (after["spent"], after["remaining_limit"], after["spends"]) == ("1.53", "8.47", 1)
    refusals = (await caller.call("list_refusals"))["refusals"]
    assert len(refusals) == 1, refusals
    entry = refusals[0]
    assert (entry["codes"], entry["amount"], entry["operation"]) == (
        ["per_spend_exceeded"],
        "6.12",
        "purchase",
    )


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
def test_a_day_of_work_over_stdio(sessions: Sessions, mode: str) -> None:
    served = sessions(label="worker", per_spend_usdc="4")

    async def work() -> None:
        async with stdio(served, mode=mode) as caller:
            await a_day_of_work(caller, served)

    asyncio.run(work())


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
def test_a_day_of_work_over_http(sessions: Sessions, mode: str) -> None:
    served = sessions(label="worker", per_spend_usdc="4")

    async def work() -> None:
        with http_server(served.env, log=served.log) as server:
            async with over_http(server, secrets=served.secrets, mode=mode) as caller:
                await a_day_of_work(caller, served)

    asyncio.run(work())


def test_two_servers_of_two_sessions_see_nothing_of_each_other(sessions: Sessions) -> None:
    one, other = sessions(label="one"), sessions(label="other")

    async def work() -> None:
        async with stdio(one) as first, stdio(other) as second:
            bought = await first.call("purchase", service_id=one.market.service_id)
            await first.call("transfer", to=one.payee(), amount="100")
            assert [each["label"] for each in (await second.call("check_session_inventory"))["sessions"]] == [
                "other"
            ]
            assert (await second.call("transaction_status"))["total"] == 0
            assert (await second.call("list_refusals"))["refusals"] == []
            hidden = await second.call("transaction_status", transaction_id=bought["transaction_id"])
            assert (hidden.failed, hidden["code"]) == (True, "not_found")
            ended = await second.call("renounce_session", session_id=one.session.session_id)
            assert (ended.failed, ended["code"]) == (True, "invalid_input")
            assert (await first.call("check_session_inventory"))["sessions"][0]["status"] == "active"
            check_silent("".join(second.heard), [bought["transaction_id"][4:]])

    asyncio.run(work())


def test_an_inventory_tells_of_children_and_no_siblings(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(label="parent")
    folder = tmp_path / "handed"

    async def work() -> None:
        async with stdio(served, "--bundles", str(folder)) as caller:
            made = await caller.call("attenuate_session", label="left", budget="2", expires_in_seconds=600)
            again = await caller.call("attenuate_session", label="left", budget="2.0", expires_in_seconds=600)
            assert (again["session_id"], again["repeated"]) == (made["session_id"], True)
            right = await caller.call("attenuate_session", label="right", budget="3")
            wide = await caller.call("attenuate_session", label="wide", budget="11")
            assert (wide.failed, wide["code"]) == (True, "not_narrower")
            shown = (await caller.call("check_session_inventory"))["sessions"]
            assert [one["label"] for one in shown] == ["parent", "left", "right"]
            assert [one["is_this_one"] for one in shown] == [True, False, False]
        file = folder / made["bundle_file"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        bundle = file.read_text().strip()
        check_silent("".join(caller.heard), secrets_in(bundle))
        child = Served(served.market, tmp_path / "child", served.session, bundle)
        async with stdio(child) as caller:
            shown = (await caller.call("check_session_inventory"))["sessions"]
            assert [(one["label"], one["remaining_limit"]) for one in shown] == [("left", "2")]
            assert right["session_id"] not in "".join(caller.heard)

    asyncio.run(work())


def test_no_session_is_made_where_the_operator_allowed_none(sessions: Sessions) -> None:
    served = sessions()

    async def work() -> None:
        async with stdio(served) as caller:
            assert "attenuate_session" not in {one.name for one in (await caller.client.list_tools()).tools}
            made = await caller.call("attenuate_session", label="left", budget="2")
            assert (made.failed, made["code"]) == (True, "not_found")

    asyncio.run(work())


def test_a_dead_session_s_server_answers_a_structured_refusal(sessions: Sessions) -> None:
    served = sessions()

    async def work() -> None:
        async with stdio(served) as caller:
            await caller.call("check_session_inventory")
            served.market.owner.revoke_session(served.session)
            for tool, asked in (
                ("check_session_inventory", {}),
                ("purchase", {"service_id": served.market.service_id}),
                ("transfer", {"to": served.payee(), "amount": "1"}),
                ("quote", {"amount": "1"}),
            ):
                answer = await caller.send(tool, asked)
                assert (answer.failed, answer["code"], answer["kind"]) == (
                    True,
                    "session_revoked",
                    "unauthenticated",
                )
                assert answer["hint"] == "ask the owner for a new one"
        # One that starts when its session is dead says so as well, and has its tools.
        async with stdio(served) as caller:
            assert len((await caller.client.list_tools()).tools) > 10
            answer = await caller.call("check_session_inventory")
            assert (answer.failed, answer["code"]) == (True, "session_revoked")
            told = await caller.call("explain_refusal", code="session_revoked")
            assert (told.failed, told["retryable"]) == (False, False)

    asyncio.run(work())


def test_a_session_is_renounced_by_its_own_word(sessions: Sessions) -> None:
    served = sessions()

    async def work() -> None:
        async with stdio(served) as caller:
            ended = await caller.call("renounce_session", session_id=served.session.session_id)
            assert ended["status"] == "revoked"
            assert (await caller.call("check_session_inventory"))["code"] == "session_revoked"

    asyncio.run(work())


def test_the_command_line_starts_the_same_server(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(label="by the command", funded=False)
    file = tmp_path / "session.bundle"
    file.write_text(served.bundle)
    env = {name: value for name, value in served.env.items() if name != "VALETKEY_SESSION"}

    async def work() -> None:
        started = over_stdio(
            env,
            "--bundle-file",
            str(file),
            secrets=served.secrets,
            log=served.log,
            program=("-m", "valetkey", "mcp"),
        )
        async with started as caller:
            assert [one.name for one in (await caller.client.list_tools()).tools] == NAMES
            shown = (await caller.call("check_session_inventory"))["sessions"]
            assert [one["label"] for one in shown] == ["by the command"]

    asyncio.run(work())


def test_a_platform_that_is_away_is_told_of(sessions: Sessions) -> None:
    served = sessions(funded=False)
    env = {**served.env, "VALETKEY_BASE_URL": "http://127.0.0.1:9"}

    async def work() -> None:
        async with over_stdio(env, secrets=served.secrets, log=served.log) as caller:
            answer = await caller.call("check_session_inventory")
            assert (answer.failed, answer["code"], answer["retryable"]) == (True, "network", True)

    asyncio.run(work())


def test_a_server_without_a_session_says_what_it_needs(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(funded=False)
    broken = {**served.env, "VALETKEY_SESSION": served.bundle[:-9]}
    for env, told in (({**served.env, "VALETKEY_SESSION": ""}, "VALETKEY_SESSION"), (broken, "no bundle")):
        ran = subprocess.run(
            [sys.executable, "-m", "valetkey.mcp"],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            input="",
        )
        assert ran.returncode == 2
        assert told in ran.stderr
        assert "Traceback" not in ran.stderr
        check_silent(ran.stdout + ran.stderr, served.secrets)
    for words in (["--session", served.bundle], ["--http", "--host", "0.0.0.0"]):
        ran = subprocess.run(
            [sys.executable, "-m", "valetkey.mcp", *words],
            env=served.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 2


# The door of HTTP


def test_the_door_of_http_wants_its_token_its_name_and_no_web_page(sessions: Sessions) -> None:
    served = sessions(funded=False)
    with http_server(served.env, log=served.log) as server:
        assert stat.S_IMODE(server.token_file.stat().st_mode) == 0o600
        assert server.url.startswith("http://127.0.0.1:")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        right = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {server.token}"}

        def status(**changed: str | None) -> int:
            headers = {name.replace("_", "-"): value for name, value in {**right, **changed}.items() if value}
            return httpx.post(server.url, json=body, headers=headers, timeout=30, trust_env=False).status_code

        assert status(Authorization=None) == 401
        assert status(Authorization="Bearer x") == 401
        assert status(Authorization=f"Bearer {server.token[:-1]}") == 401
        assert status(Authorization=f"Basic {server.token}") == 401
        assert status(Host="evil.example.com") == 421
        assert status(Host="evil.example.com", Authorization=None) == 401
        assert status(Origin="https://evil.example.com") == 403
        assert status(Origin="http://localhost:3000") == 403
        assert status(Origin="null") == 403
        assert status() not in (401, 403, 421)
    check_silent(served.log.read_text(), [*served.secrets, server.token])


def test_a_token_of_the_operator_is_kept_and_a_short_one_refused(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(funded=False)
    path = tmp_path / "token"
    path.write_text("t" * 40 + "\n")
    with http_server(served.env, "--token-file", str(path), log=served.log) as server:
        assert (server.token_file, server.token) == (path, "t" * 40)
    path.write_text("short\n")
    with pytest.raises(AssertionError, match="at least 32 characters"):
        with http_server(served.env, "--token-file", str(path), log=tmp_path / "short.log"):
            raise RuntimeError("it started")


# Sellers and approvals


def test_a_seller_s_session_delivers(sessions: Sessions, tmp_path: Path) -> None:
    market = sessions(funded=False).market
    session = market.seller.create_session(expiry=3_600, label="shop")
    market.seller.authorize_session(session)
    served = Served(market, tmp_path / "seller", session, session.serialize())
    buyer = BuyerAgent(base_url=market.stack.base_url, state_dir=tmp_path / "buyer")
    buyer.init_with_session(market.bundle)
    funded = buyer.fund_and_verify(buyer.purchase_encrypted(market.service_id, {"text": "long"}))

    async def work() -> None:
        async with stdio(served) as caller:
            names = {one.name for one in (await caller.client.list_tools()).tools}
            assert "deliver" in names
            assert not names & {"purchase", "transfer", "quote", "pay_x402"}
            no = await caller.call("purchase", service_id=market.service_id)
            assert (no.failed, no["code"]) == (True, "wrong_party")
            order = (await caller.call("transaction_status", transaction_id=funded.id))["transactions"][0]
            assert (order["payload"], order["role"]) == ({"text": "long"}, "seller")
            done = await caller.call("deliver", transaction_id=funded.id, payload={"summary": "short"})
            assert (done["status"], done["is_recorded"]) == ("delivered", True)
            again = await caller.call("deliver", transaction_id=funded.id, payload={"summary": "short"})
            assert (again["status"], again["is_recorded"]) == ("delivered", True)

    asyncio.run(work())
    assert buyer.decrypt_response_payload(buyer.get_transaction(funded.id)).payload == {"summary": "short"}
    buyer.close()


def test_what_is_above_the_threshold_waits_for_the_owner(sessions: Sessions) -> None:
    served = sessions(approval_above_usdc="2")
    owner, payee = served.market.owner, served.payee()

    async def work() -> None:
        async with stdio(served) as caller:
            small = await caller.call("request_approval", to=payee, amount="2")
            assert small["needed"] is False
            assert (await caller.call("quote", to=payee, amount="3"))["needs_approval"] is True
            asked = await caller.call("request_approval", to=payee, amount="3")
            assert (asked["needed"], served.units(payee)) == (True, 0)
            early = await caller.call("transfer", to=payee, amount="3.0")
            assert (early.failed, early["code"], early["approval_id"]) == (
                True,
                "approval_required",
                asked["approval_id"],
            )
            assert [one.spend_id for one in owner.approvals(session=served.session.session_id)] == [
                asked["approval_id"]
            ]
            owner.approve(asked["approval_id"])
            paid = await caller.call("transfer", to=payee, amount="3.0")
            assert (paid["state"], paid["spend_id"]) == ("paid", asked["approval_id"])
            dear = await caller.call("request_approval", service_id=served.market.service_id, quantity=2)
            assert dear["needed"] is True
            owner.approve(dear["approval_id"])
            bought = await caller.call("purchase", service_id=served.market.service_id, quantity=2)
            assert bought["state"] == "paid"
            both = await caller.call(
                "request_approval", service_id=served.market.service_id, to=payee, amount="3"
            )
            assert (both.failed, both["code"]) == (True, "invalid_input")

    asyncio.run(work())
    assert served.units(payee) == 3_000_000

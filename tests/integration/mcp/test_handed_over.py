"""A server of a session that was handed over sealed, and of one whose keys its delegate enrolled."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.e2e.market import Market, open_market
from tests.fixtures_stack import RunningStack
from tests.fixtures_x402 import X402Lab
from tests.integration.mcp.conftest import Served, Sessions
from tests.integration.mcp.serving import check_silent, environment, http_server, over_http, over_stdio
from tests.integration.mcp.test_pays_once import called
from tests.x402.resources import OfficialSeller
from valetkey import BuyerAgent, SellerAgent
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import McpServer
from valetkey.sdk._sync.enrolling import Enrollment
from valetkey.sdk.kept_enrollment import KeptEnrollments, lock_or_none
from valetkey.sdk.state import StateFolder

PASSPHRASE = "ruby canyon otter violin magnet thistle "
"""Its last blank is meant."""


def without_bundle(served: Served) -> dict[str, str]:
    return environment(served.market.stack.base_url, served.home)


@pytest.mark.parametrize("armored", [True, False], ids=["armored", "binary"])
def test_a_bundle_sealed_to_an_identity(sessions: Sessions, tmp_path: Path, armored: bool) -> None:
    served = sessions(label="sealed")
    identity = pyrage.x25519.Identity.generate()
    sealed, key = tmp_path / "session.age", tmp_path / "key.txt"
    handed = served.session.seal(str(identity.to_public()), armored=armored)  # type: ignore[call-overload]
    sealed.write_bytes(handed.encode() if isinstance(handed, str) else handed)
    key.write_text(f"# created: today\n{identity}\n")
    secrets = [*served.secrets, str(identity)]
    options = ("--session-file", str(sealed), "--identity-file", str(key))

    async def work() -> None:
        async with over_stdio(without_bundle(served), *options, secrets=secrets, log=served.log) as caller:
            (shown,) = (await caller.call("check_session_inventory"))["sessions"]
            assert (shown["session_id"], shown["label"]) == (served.session.session_id, "sealed")
            paid = await caller.call("transfer", to=served.payee(), amount="1")
            assert paid["state"] == "paid"

    asyncio.run(work())
    # The keys were opened in memory alone.
    for file in served.home.rglob("*"):
        if file.is_file():
            check_silent(file.read_bytes().decode("latin-1"), secrets)


def test_a_bundle_sealed_under_a_passphrase_over_http(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(label="locked", funded=False)
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    env = without_bundle(served) | {
        "VALETKEY_SESSION": served.session.seal(passphrase=PASSPHRASE),
        "VALETKEY_BUNDLE_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
    }

    async def work() -> None:
        with http_server(env, log=served.log) as server:
            async with over_http(server, secrets=[*served.secrets, PASSPHRASE]) as caller:
                (shown,) = (await caller.call("check_session_inventory"))["sessions"]
                assert shown["label"] == "locked"

    asyncio.run(work())


def refused(env: dict[str, str], *options: str, stdin: str = "") -> str:
    """What a server says that does not start."""
    command = [sys.executable, "-m", "valetkey.mcp", *options]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, input=stdin)
    assert 0 < ran.returncode < 6, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout + ran.stderr


def test_a_sealed_bundle_that_cannot_be_opened_is_told_of(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(funded=False)
    identity, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    sealed = served.session.seal(str(identity.to_public()))
    key, plain = tmp_path / "key.txt", tmp_path / "plain.bundle"
    key.write_text(str(other))
    plain.write_text(served.bundle)
    env = without_bundle(served)
    handed = env | {"VALETKEY_SESSION": sealed}
    secrets = [*served.secrets, str(identity), str(other)]
    for told, said in (
        ("VALETKEY_IDENTITY_FILE", refused(handed)),
        ("not for this secret", refused(handed, "--identity-file", str(key))),
        ("in the open", refused(env, "--session-file", str(plain), "--identity-file", str(key))),
        ("standard input is the client's", refused(env, "--session-file", "-", stdin=served.bundle)),
        ("two sessions", refused(handed | {"VALETKEY_ENROLLMENT": "7Q2M-XK4D-90TB-HV3R"})),
        ("not in this state folder", refused(env, "--enrollment", "7Q2M-XK4D-90TB-HV3R")),
    ):
        assert told in said
        check_silent(said, secrets)
    # A secret that is for other bundles does not keep a plain one from opening.
    plan = Plan(environment={"VALETKEY_SESSION": served.bundle, "VALETKEY_IDENTITY": str(identity)})
    assert McpServer(plan).desk is not None


# Enrolled

Enrolling = Callable[..., tuple[Served, Enrollment[Any]]]


@pytest.fixture
def enrolling(bazaar: Market, tmp_path: Path) -> Enrolling:
    """Makes keys in a state folder; their session is made by `make`, with the bazaar's owner."""

    def make(
        kind: Any = BuyerAgent, lock: str | None = None, market: Market = bazaar, **rules: object
    ) -> tuple[Served, Enrollment[Any]]:
        home = tmp_path / f"enrolled-{len(list(tmp_path.iterdir()))}"
        enrollment = kind.enroll("worker", lock=lock, base_url=bazaar.stack.base_url, state_dir=home)
        enrollment.close()
        if rules:
            party: Any = market.owner if kind is BuyerAgent else market.seller
            session = party.create_session(enrollment=enrollment.code, expiry=3_600, **rules)
        else:
            session = bazaar.session
        return Served(market, home, session, market.bundle), enrollment

    return make


def secrets_of(served: Served, code: str, lock: str | None = None) -> list[str]:
    """Every text that gives an enrolled session away."""
    kept = KeptEnrollments(StateFolder(served.home), lock_or_none(lock)).find(code)
    return [one.removeprefix("0x") for one in (kept.wallet, kept.e2e, kept.proof, kept.token) if one]


def test_every_tool_works_with_a_session_that_proves_each_request(
    enrolling: Enrolling, tmp_path: Path
) -> None:
    served, enrollment = enrolling(budget_usdc=10, label="enrolled", per_spend_usdc=4, approval_above_usdc=3)
    market, code, payee = served.market, enrollment.code, served.payee()
    env = without_bundle(served) | {"VALETKEY_ENROLLMENT": code}
    secrets = secrets_of(served, code)

    async def work() -> None:
        options = ("--bundles", str(tmp_path / "bundles"))
        async with over_stdio(env, *options, secrets=secrets, log=served.log) as caller:
            names = {one.name for one in (await caller.client.list_tools()).tools}
            assert {"purchase", "transfer", "pay_x402"} <= names
            assert not {"deliver", "attenuate_session"} & names
            (shown,) = (await caller.call("check_session_inventory"))["sessions"]
            assert (shown["session_id"], shown["funding"]) == (served.session.session_id, "grant")
            assert (await caller.call("find_services", limit=1))["total"] >= 1
            assert (await caller.call("quote", service_id=market.service_id))["total"] == "1.53"
            bought = await caller.call("purchase", service_id=market.service_id, request={"text": "long"})
            assert (bought["state"], bought["status"]) == ("paid", "escrowed"), bought.told
            market.seller.deliver_encrypted(bought["transaction_id"], {"summary": "short"})
            order = await caller.call("transaction_status", transaction_id=bought["transaction_id"])
            assert order["transactions"][0]["payload"] == {"summary": "short"}
            for repeated in (False, True):
                paid = await caller.call("transfer", to=payee, amount="1")
                assert (paid["state"], paid["repeated"]) == ("paid", repeated)
            no = await caller.call("transfer", to=payee, amount="5")
            assert (no.failed, no["code"]) == (True, "per_spend_exceeded")
            assert [one["codes"] for one in (await caller.call("list_refusals"))["refusals"]] == [
                ["per_spend_exceeded"]
            ]
            explained = await caller.call("explain_refusal", code="per_spend_exceeded")
            assert explained["next_refusal"]["most"] == "4", explained.told
            asked = await caller.call("request_approval", to=payee, amount="3.5")
            assert asked["needed"] is True
            market.owner.approve(asked["approval_id"])
            assert (await caller.call("transfer", to=payee, amount="3.5"))["state"] == "paid"
            child = await caller.call("attenuate_session", label="child", budget="1")
            assert (child.failed, child["code"]) == (True, "not_configured")
            assert not list((tmp_path / "bundles").glob("*"))
        # The token came at the first call, and is kept: it is a secret, too.
        fetched = secrets_of(served, code)
        assert len(fetched) == 4
        check_silent("".join(caller.heard) + served.log.read_text(), fetched)
        async with over_stdio(env, secrets=fetched, log=served.log) as caller:
            assert (await caller.call("transfer", to=payee, amount="1"))["repeated"] is True
            ended = await caller.call("renounce_session", session_id=served.session.session_id)
            assert ended["status"] == "revoked"

    asyncio.run(work())
    assert served.units(payee) == 4_500_000


def test_keys_that_wait_for_their_owner_say_so(enrolling: Enrolling, bazaar: Market) -> None:
    served, enrollment = enrolling(lock="a passphrase of eight words would be better")
    env = {"VALETKEY_PASSPHRASE": "a passphrase of eight words would be better"}
    plan = Plan(
        base_url=bazaar.stack.base_url, state_dir=served.home, enrollment=enrollment.code, environment=env
    )

    async def work() -> None:
        server = McpServer(plan)
        early = await called(server, "check_session_inventory")
        assert (early.failed, early["code"], early["retryable"]) == (True, "waited_too_long", True)
        assert enrollment.code in early["hint"]
        early = await called(server, "transfer", to=served.payee(), amount="1")
        assert (early.failed, early["code"]) == (True, "waited_too_long")
        session = bazaar.owner.create_session(budget_usdc=2, expiry=3_600, enrollment=enrollment.code)
        (shown,) = (await called(server, "check_session_inventory"))["sessions"]
        assert shown["session_id"] == session.session_id
        await server.desk.close()

    asyncio.run(work())


def test_a_wrong_passphrase_of_enrolled_keys_is_told_of(enrolling: Enrolling) -> None:
    served, enrollment = enrolling(lock="right and long enough")
    env = without_bundle(served)
    said = refused(env | {"VALETKEY_PASSPHRASE": "wrong and long enough"}, "--enrollment", enrollment.code)
    assert "wrong and" not in said
    assert "VALETKEY_PASSPHRASE" in refused(env, "--enrollment", enrollment.code)


def test_an_enrolled_seller_delivers(enrolling: Enrolling, stack: RunningStack, tmp_path: Path) -> None:
    # A shop of its own: buyers encrypt to the session's key from now on.
    market = open_market(stack, tmp_path / "shop", price="1.50", budget=4)
    served, enrollment = enrolling(SellerAgent, market=market, label="shop")
    agent = BuyerAgent(base_url=stack.base_url, state_dir=tmp_path / "buyer")
    agent.init_with_session(market.bundle)
    order = agent.fund_and_verify(agent.purchase_encrypted(market.service_id, {"text": "long"}))
    plan = Plan(
        base_url=market.stack.base_url, state_dir=served.home, enrollment=enrollment.code, environment={}
    )

    async def work() -> None:
        server = McpServer(plan)
        done = await called(server, "deliver", transaction_id=order.id, payload={"n": 1}, record=False)
        assert (done["status"], done["is_recorded"]) == ("delivered", False), done.told
        await server.desk.close()

    asyncio.run(work())
    assert agent.decrypt_response_payload(agent.get_transaction(order.id)).payload == {"n": 1}
    agent.close()
    market.close()


def test_an_enrolled_session_pays_for_a_url(
    x402_lab: X402Lab, x402_seller: OfficialSeller, enrolling: Enrolling
) -> None:
    served, enrollment = enrolling(budget_usdc=5, label="payer")
    host = x402_seller.url.removeprefix("http://")
    plan = Plan(
        base_url=served.market.stack.base_url,
        state_dir=served.home,
        enrollment=enrollment.code,
        environment={},
        pay_hosts=(host,),
    )

    async def work() -> None:
        server = McpServer(plan)
        for repeated in (False, True):
            told = await called(server, "pay_x402", url=f"{x402_seller.url}/weather", max_amount="1")
            assert (told["state"], told["repeated"]) == ("paid", repeated), told.told
        await server.desk.close()

    asyncio.run(work())
    assert len(x402_lab.payments_of(enrollment.wallet_address)) == 1

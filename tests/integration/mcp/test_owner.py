"""An owner's server: it sees all sessions, makes, rotates, revokes and freezes them, and answers no secret."""

import asyncio
import stat
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.e2e.market import Market
from tests.integration.mcp.conftest import Sessions
from tests.integration.mcp.serving import Caller, check_silent, environment, over_stdio, secrets_in
from valetkey import BuyerAgent


def key_of(market: Market, *scopes: str) -> str:
    return market.owner.create_api_key("mcp", scopes=scopes).secret.reveal()


def owned(market: Market, home: Path, key: str, *options: str) -> AbstractAsyncContextManager[Caller]:
    env = environment(market.stack.base_url, home / "owner", VALETKEY_API_KEY=key)
    return over_stdio(env, "--owner", *options, secrets=[key], log=home / "owner.log")


def test_an_owner_makes_rotates_revokes_and_freezes(bazaar: Market, tmp_path: Path) -> None:
    folder, key = tmp_path / "bundles", key_of(bazaar, "sessions:write")

    def bundle(answer: dict[str, str]) -> str:
        file = folder / answer["bundle_file"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        return file.read_text().strip()

    async def work() -> None:
        async with owned(bazaar, tmp_path, key, "--bundles", str(folder)) as caller:
            names = {one.name for one in (await caller.client.list_tools()).tools}
            assert {"create_session", "rotate_session", "revoke_session", "freeze_sessions"} <= names
            assert not names & {"purchase", "transfer", "pay_x402", "renounce_session"}
            asked = {"label": "made by a model", "budget": "7", "expires_in_seconds": 900, "per_spend": "2"}
            made = await caller.call("create_session", **asked)
            again = await caller.call("create_session", **{**asked, "budget": "7.0"})
            assert (again["session_id"], again["repeated"]) == (made["session_id"], True)
            shown = {
                one["session_id"]: one for one in (await caller.call("check_session_inventory"))["sessions"]
            }
            one = shown[made["session_id"]]
            assert (one["label"], one["remaining_limit"], one["next_refusal"]["most"]) == (
                "made by a model",
                "7",
                "2",
            )
            rotated = await caller.call("rotate_session", session_id=made["session_id"], grace_seconds=0)
            repeated = await caller.call("rotate_session", session_id=made["session_id"], grace_seconds=0)
            assert (repeated["session_id"], repeated["replaces"]) == (
                rotated["session_id"],
                made["session_id"],
            )
            first, second = bundle(made.told), bundle(rotated.told)
            assert first != second
            held = BuyerAgent(base_url=bazaar.stack.base_url, state_dir=tmp_path / "held")
            assert held.init_with_session(second).session_id == rotated["session_id"]  # type: ignore[union-attr]
            assert (await caller.call("freeze_sessions"))["frozen"] is True
            shown = {
                one["session_id"]: one for one in (await caller.call("check_session_inventory"))["sessions"]
            }
            assert shown[rotated["session_id"]]["next_refusal"]["rule"] == "frozen"
            assert (await caller.call("thaw_sessions"))["frozen"] is False
            ended = await caller.call("revoke_session", session_id=rotated["session_id"])
            assert ended["status"] == "revoked"
            check_silent("".join(caller.heard), [*secrets_in(first), *secrets_in(second), key])
            held.close()
        log = (tmp_path / "owner.log").read_text()
        check_silent(log, [*secrets_in(first), *secrets_in(second)])

    asyncio.run(work())


def test_an_owner_s_inventory_is_of_all_sessions(sessions: Sessions, tmp_path: Path) -> None:
    one, other = sessions(label="first", funded=False), sessions(label="second", funded=False)
    agent = BuyerAgent(base_url=one.market.stack.base_url, state_dir=tmp_path / "agent")
    agent.init_with_session(one.bundle)
    agent.register_child(agent.attenuate(budget_usdc=1, label="child"))
    agent.close()

    async def work() -> None:
        async with owned(one.market, tmp_path, key_of(one.market, "read")) as caller:
            names = {each.name for each in (await caller.client.list_tools()).tools}
            assert not names & {"create_session", "rotate_session"}, "no folder, no new sessions"
            told = await caller.call("check_session_inventory")
            shown = {each["session_id"]: each["label"] for each in told["sessions"]}
            assert shown[one.session.session_id] == "first"
            assert shown[other.session.session_id] == "second"
            assert "child" in shown.values()
            refused = await caller.call("revoke_session", session_id=one.session.session_id)
            assert (refused.failed, refused["code"]) == (True, "scope_missing")
            assert "sessions:write" in refused["hint"]

    asyncio.run(work())


def test_a_delegate_s_bundle_opens_no_owner_s_server(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(funded=False)

    async def work() -> None:
        token = served.session.token.reveal()
        async with owned(served.market, tmp_path, token, "--bundles", str(tmp_path / "b")) as caller:
            for tool, asked in (
                ("check_session_inventory", {}),
                ("create_session", {"label": "more", "budget": "99", "expires_in_seconds": 900}),
                ("freeze_sessions", {}),
            ):
                answer = await caller.send(tool, asked)
                assert (answer.failed, answer["kind"]) in ((True, "refused"), (True, "forbidden")), (
                    answer.told
                )

    asyncio.run(work())

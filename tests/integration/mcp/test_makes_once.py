"""A call that makes a session, killed at any moment and made again, has made one, and its keys are in its file."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.market import Market
from tests.integration.mcp.conftest import Sessions
from tests.integration.mcp.serving import Answer, check_silent, environment, over_stdio, secrets_in
from tests.integration.mcp.test_pays_once import called
from valetkey import BuyerAgent
from valetkey.core.errors import InvalidInput
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import McpServer
from valetkey.sdk.errors import PlatformAnswer
from valetkey.sdk.state import StateFolder
from valetkey.wire.sessions import SessionView

KILLED = str(Path(__file__).with_name("killed_at.py"))
MOMENTS_MAX = 40
Call = dict[str, Any]


class Making:
    """One tool that makes sessions: whose server, which call, and which sessions may be its."""

    def __init__(self, market: Market, home: Path, tool: str, call: Call, env: dict[str, str]) -> None:
        self.market, self.home, self.tool, self.call = market, home, tool, call
        self.env = environment(market.stack.base_url, home / "state", **env)
        self.folder = home / "bundles"
        self.options = ("--owner",) if "VALETKEY_API_KEY" in env else ()

    async def killed(self, where: str) -> Answer | None:
        """The call, by a server that kills itself; its answer when it never came so far."""
        options = (*self.options, "--bundles", str(self.folder))
        log = self.home / "log"
        try:
            async with over_stdio(self.env, *options, log=log, program=(KILLED, where)) as dead:
                return await asyncio.wait_for(dead.send(self.tool, self.call), 60)
        except Exception:  # noqa: BLE001 - whatever a client says of a server that is gone
            return None

    async def again(self) -> Answer:
        plan = Plan(
            owner=bool(self.options),
            base_url=self.env["VALETKEY_BASE_URL"],
            state_dir=self.home / "state",
            bundles=self.folder,
            environment=self.env,
        )
        server = McpServer(plan)
        answer = await called(server, self.tool, **self.call)
        assert not answer.failed, answer.told
        repeated = await called(server, self.tool, **self.call)
        assert (repeated["session_id"], repeated["repeated"]) == (answer["session_id"], True)
        await server.desk.close()
        return answer

    def check(self, answer: Answer, before: set[str]) -> None:
        """One session came of it, and its file opens it."""
        made = [one for one in self.market.owner.sessions() if one.session_id not in before]
        assert [one.session_id for one in made] == [answer["session_id"]]
        assert [one.name for one in self.folder.iterdir()] == [answer["bundle_file"]]
        file = self.folder / answer["bundle_file"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        bundle = file.read_text().strip()
        with BuyerAgent(base_url=self.market.stack.base_url, state_dir=self.home / "held") as held:
            view = held.init_with_session(bundle)
            assert view is not None
            assert (view.session_id, view.status) == (answer["session_id"], "active")
        for kept in (self.home / "state").rglob("*"):
            if kept.is_file():
                check_silent(kept.read_bytes().decode("latin-1"), secrets_in(bundle))
        # A half that never got its name is of keys that nobody was told of.
        assert not StateFolder(self.home / "state").names("making")


@pytest.fixture
def making(bazaar: Market, sessions: Sessions, tmp_path: Path) -> Callable[[str, str], Making]:
    key = bazaar.owner.create_api_key("mcp", scopes=["sessions:write"]).secret.reveal()

    def make(tool: str, mark: str) -> Making:
        home = tmp_path / f"{tool}-{mark}"
        home.mkdir()
        if tool == "create_session":
            call: Call = {"label": f"made {mark}", "budget": "7.50", "expires_in_seconds": 900}
            return Making(bazaar, home, tool, call, {"VALETKEY_API_KEY": key})
        served = sessions(funded=False, label=f"{tool} {mark}")
        if tool == "rotate_session":
            call = {"session_id": served.session.session_id, "grace_seconds": 0}
            return Making(bazaar, home, tool, call, {"VALETKEY_API_KEY": key})
        return Making(
            bazaar, home, tool, {"label": f"child {mark}", "budget": "1"}, {"VALETKEY_SESSION": served.bundle}
        )

    return make


TOOLS = ["create_session", "rotate_session", "attenuate_session"]


@pytest.mark.parametrize("tool", TOOLS)
def test_killed_between_the_answer_and_the_file_it_is_one_session(
    making: Callable[[str, str], Making], tool: str
) -> None:
    one = making(tool, "answered")
    before = {each.session_id for each in one.market.owner.sessions()}

    async def work() -> Answer:
        assert await one.killed("answered") is None
        return await one.again()

    one.check(asyncio.run(work()), before)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_killed_at_any_moment_it_is_one_session(making: Callable[[str, str], Making], tool: str) -> None:
    for moment in range(MOMENTS_MAX):
        one = making(tool, str(moment))
        before = {each.session_id for each in one.market.owner.sessions()}

        async def work() -> tuple[Answer | None, Answer]:
            dead = await one.killed(str(moment))  # noqa: B023
            return dead, await one.again()  # noqa: B023

        dead, answer = asyncio.run(work())
        one.check(answer, before)
        if dead is not None:
            assert moment > 8, "there were moments to be killed at"
            return
    raise AssertionError("the call has no end")


def live(owner: BuyerAgent, label: str) -> list[SessionView]:
    return [one for one in owner.sessions(label=label) if one.status != "revoked"]


def test_an_owner_s_key_makes_one_session(bazaar: Market) -> None:
    owner = bazaar.owner
    first = owner.create_session(1, label="keyed", idempotency_key="job 1")
    again = owner.create_session("1.0", label="keyed", idempotency_key="job 1")
    assert again.serialize() == first.serialize()
    with pytest.raises(InvalidInput, match="other rules") as other:
        owner.create_session(2, label="keyed", idempotency_key="job 1")
    assert other.value.code == "idempotency_mismatch"
    successor = owner.rotate_session(first, idempotency_key="job 2")
    assert owner.rotate_session(first, idempotency_key="job 2").serialize() == successor.serialize()
    for key in ("job 1", "job 2"):
        owner.forget_keys(key)
    with pytest.raises(PlatformAnswer) as gone:
        owner.create_session(1, label="keyed", idempotency_key="job 1")
    assert gone.value.code == "idempotency_mismatch"
    assert len(owner.sessions(label="keyed")) == 2
    # What the platform refuses leaves nothing behind, and may be asked for otherwise.
    with pytest.raises(PlatformAnswer):
        owner.create_session(1, 10**9, label="keyed", idempotency_key="job 3")
    assert owner.create_session(1, label="keyed", idempotency_key="job 3").session_id


def test_a_session_whose_answer_is_lost_for_good_is_ended(
    bazaar: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made, and its answer not to be had any more, as with a key of another time: it is revoked, and not forgotten."""
    owner = bazaar.owner
    real = type(owner)._make

    def lost(self: Any, path: str, asked: Any, key: str | None = None) -> Any:
        real(self, path, asked, key)
        # The same keys under another idempotency key: the platform says that they are taken.
        return real(self, path, asked, f"{key} again")

    monkeypatch.setattr(type(owner), "_make", lost)
    with pytest.raises(PlatformAnswer) as refused:
        owner.create_session(1, label="lost", idempotency_key="lost")
    assert refused.value.code == "session_key_taken"
    monkeypatch.undo()
    assert live(owner, "lost") == []
    assert len(owner.sessions(label="lost")) == 1


def test_a_child_that_is_refused_leaves_no_file(sessions: Sessions, tmp_path: Path) -> None:
    served = sessions(funded=False)
    plan = Plan(
        base_url=served.market.stack.base_url,
        state_dir=served.home,
        bundles=tmp_path / "children",
        environment=served.env,
    )

    async def work() -> None:
        server = McpServer(plan)
        await called(server, "check_session_inventory")
        served.market.owner.revoke_session(served.session)
        for _ in range(2):
            answer = await called(server, "attenuate_session", label="late", budget="1")
            assert (answer.failed, answer["code"]) == (True, "session_revoked"), answer.told
            assert not list((tmp_path / "children").iterdir())
        await server.desk.close()

    asyncio.run(work())

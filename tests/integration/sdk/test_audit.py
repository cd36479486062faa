"""An owner's log as a file and as events, with both twins, over connections that break."""

import asyncio
import itertools
import json
import os
import stat
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sdk.world import World
from tests.unit.sdk.canned import Canned, Reply
from valetkey import AsyncBuyerAgent, BuyerAgent, NotFound, Unauthenticated
from valetkey.sdk._async import audit as audit_async
from valetkey.sdk._sync import audit as audit_sync
from valetkey.sdk.errors import NetworkError, OwnerOnly, PlatformError
from valetkey.sdk.state import StateUnusable
from valetkey.wire.audit import Event
from valetkey.wire.audit_check import check


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (audit_async, audit_sync):
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)


def key_of(owner: BuyerAgent) -> str:
    assert owner.api_key is not None
    return owner.api_key.reveal()


def read(file: Path) -> Any:
    return check(file.read_bytes().splitlines(keepends=True))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_a_file_that_holds(world: World, tmp_path: Path, form: Any) -> None:
    owner = world.owner()
    one, _ = (owner.create_session(budget_usdc=5, expiry=3_600) for _ in range(2))
    file = tmp_path / f"audit.{form}"
    file.write_text("what was there before, which is longer than nothing")
    assert owner.export_audit(file, format=form) == file
    assert read(file).holds
    trees = [chain.chain for chain in read(file).chains if chain.chain != owner.agent_id]
    assert len(trees) == 2
    owner.export_audit(str(file), format=form, session=one.session_id)
    assert [chain.chain for chain in read(file).chains] == [one.session_id]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name]


def test_an_export_that_fails_leaves_the_file_as_it_was(world: World, tmp_path: Path) -> None:
    owner = world.owner()
    session = owner.create_session(budget_usdc=5, expiry=3_600)
    file = tmp_path / "audit.jsonl"
    file.write_text("before")
    with pytest.raises(NotFound):
        owner.export_audit(file, session="ses_nothing")
    with pytest.raises(OwnerOnly):
        world.delegate(session).export_audit(file)
    with pytest.raises(StateUnusable):
        owner.export_audit(tmp_path / "nowhere" / "audit.jsonl")
    whole = json.dumps({"type": "end"})
    # A proxy may end an answer neatly that it did not have the whole of.
    for body in (b"", b"<html>", b'{"type":"export"}\n', whole.encode()):
        with Canned(Reply(body)) as platform:
            with BuyerAgent("aba_1", base_url=platform.url, state_dir=world.folder()) as agent:
                with pytest.raises(NetworkError, match="cut off"):
                    agent.export_audit(file)
    with Canned(Reply(hang_up=True)) as platform:
        with BuyerAgent("aba_1", base_url=platform.url, state_dir=world.folder()) as agent:
            with pytest.raises(NetworkError, match="cut off"):
                agent.export_audit(file)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name]


def test_both_twins_tell_the_same_events(world: World) -> None:
    owner = world.owner()
    sessions = [owner.create_session(budget_usdc=5, expiry=3_600) for _ in range(3)]
    owner.pause_session(sessions[1])
    key, *first = itertools.islice(owner.events(cursor="0"), 5)
    assert key.kind == "key_created"
    assert [one.kind for one in first] == ["session_created"] * 3 + ["paused"]
    assert [one.session for one in first[:3]] == [one.session_id for one in sessions]
    assert first[3].facts["by"].startswith("key:")

    async def again() -> list[Event]:
        async with AsyncBuyerAgent(
            key_of(owner), base_url=world.stack.base_url, state_dir=world.folder()
        ) as twin:
            async with aclosing(twin.events(cursor=first[0].cursor)) as events:
                return [await anext(events) for _ in range(3)]

    assert asyncio.run(again()) == first[1:]


def test_without_a_cursor_events_are_those_from_now_on(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(budget_usdc=5, expiry=3_600)

    async def follow() -> Event:
        async with AsyncBuyerAgent(
            key_of(owner), base_url=world.stack.base_url, state_dir=world.folder()
        ) as twin:
            begun = asyncio.Event()

            def reached(cursor: str) -> None:
                cursors.append(cursor)
                begun.set()

            async with aclosing(twin.events(reached=reached)) as events:

                async def first() -> Event:
                    return await anext(events)

                waiting = asyncio.create_task(first())
                await asyncio.wait_for(begun.wait(), 20)
                await asyncio.to_thread(owner.pause_session, session)
                return await asyncio.wait_for(waiting, 20)

    cursors: list[str] = []
    told = asyncio.run(follow())
    assert told.kind == "paused"
    assert told.cursor not in cursors, "it was not taken yet when the stream was left"
    # What happened between is told to whoever goes on where the stream began.
    assert next(owner.events(cursor=cursors[0])).cursor == told.cursor


def event(cursor: str) -> bytes:
    told = {
        "cursor": cursor,
        "kind": "paused",
        "at": "",
        "session": None,
        "chain": "c",
        "seq": 1,
        "facts": {},
    }
    return f"id: {cursor}\nevent: paused\ndata: {json.dumps(told)}\n\n".encode()


def follow(platform: Canned, folder: Path, count: int, cursor: str | None = None) -> list[str]:
    with BuyerAgent("aba_1", base_url=platform.url, state_dir=folder) as agent:
        return [one.cursor for one in itertools.islice(agent.events(cursor=cursor), count)]


def test_a_stream_that_breaks_goes_on_where_it_broke(tmp_path: Path) -> None:
    replies = [
        Reply(b"id: 5\n\n"),
        Reply(hang_up=True),
        Reply(event("6") + event("7") + event("8")[:-1]),
        Reply(status=503),
        Reply(event("8") + b"id: 12\n\n"),
        Reply(event("13")),
    ]
    with Canned(*replies) as platform:
        assert follow(platform, tmp_path, 4) == ["6", "7", "8", "13"]
    asked = [one.path.partition("?")[2] for one in platform.asked]
    assert asked == ["", "cursor=5", "cursor=5", "cursor=7", "cursor=7", "cursor=12"]
    assert {one.headers["accept"] for one in platform.asked} == {"text/event-stream"}


def test_a_platform_that_is_gone_is_told_after_some_tries(tmp_path: Path) -> None:
    for reply in (Reply(hang_up=True), Reply(b""), Reply(b"retry: 1\n\n")):
        with Canned(reply) as platform:
            with pytest.raises(NetworkError):
                follow(platform, tmp_path, 1, "3")
        assert len(platform.asked) == audit_sync.TRIES


def test_what_is_no_event_is_told_at_once_and_not_passed_over(tmp_path: Path) -> None:
    with Canned(Reply(event("6") + b"id: 7\ndata: {}\n\n" + event("8"))) as platform:
        with BuyerAgent("aba_1", base_url=platform.url, state_dir=tmp_path) as agent:
            events = agent.events()
            assert next(events).cursor == "6"
            with pytest.raises(PlatformError):
                next(events)
    with Canned(Reply(b'{"success":false,"error":"no","code":"unauthenticated"}', 401)) as platform:
        with pytest.raises(Unauthenticated):
            follow(platform, tmp_path, 1)
        assert len(platform.asked) == 1


def test_the_command_line_exports_and_verifies(world: World, tmp_path: Path) -> None:
    owner = world.owner()
    owner.create_session(budget_usdc=5, expiry=3_600)
    file = tmp_path / "audit.jsonl"

    def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        command = [sys.executable, "-m", "valetkey", "audit", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**environment, **environ}
        )

    places = {"VALETKEY_BASE_URL": world.stack.base_url, "VALETKEY_HOME": str(world.folder())}
    assert run("export", str(file), **places).returncode == 2
    wrong = run("export", str(file), VALETKEY_API_KEY="aba_" + "0" * 64, **places)
    assert (wrong.returncode, file.exists()) == (4, False)
    assert "0" * 64 not in wrong.stdout + wrong.stderr
    done = run("export", str(file), VALETKEY_API_KEY=key_of(owner), **places)
    assert (done.returncode, done.stderr) == (0, "")
    told = run("verify", str(file))
    assert told.returncode == 0
    assert "checked only against the key inside the file" in told.stdout
    key = json.loads(file.read_text().partition("\n")[0])["key"]
    assert "NOTE" not in run("verify", str(file), "--key", key).stdout
    assert run("verify", str(file), "--key", "0" * 64).returncode == 1
    assert run("verify", str(file), "--key", "xyz").returncode == 2
    found = json.loads(run("verify", str(file), "--json").stdout)
    assert (found["holds"], found["keyGiven"]) == (True, False)
    text = file.read_text()
    file.write_text(text.replace("session_created", "session_revoked"))
    broken = run("verify", str(file))
    assert broken.returncode == 1
    assert "BROKEN" in broken.stdout
    assert "does NOT hold" in broken.stdout
    assert run("verify", str(tmp_path / "nothing")).returncode == 2
    assert run("verify", sys.executable).returncode == 2

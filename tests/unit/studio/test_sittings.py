"""Sittings end by themselves; pace and feed stay bounded and leave nothing behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.studio.sessions import session
from valetkey.sdk.errors import NetworkError, ScopeMissing, Unauthenticated
from valetkey.studio.feed import Feed, Liveness
from valetkey.studio.owners import Owner
from valetkey.studio.pace import BURST, PER_SECOND, Pace
from valetkey.studio.page import zone_of
from valetkey.studio.sittings import SITTINGS_MAX, Sittings
from valetkey.wire.agents import OwnerView
from valetkey.wire.audit import Event
from valetkey.wire.sessions import SessionPage


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Agent:
    """Answers as the SDK does: events that were put there, then what was told to be raised."""

    def __init__(self, events: list[Event] | None = None, end: Exception | None = None) -> None:
        self.told, self.end, self.asked, self.cursors = events or [], end, 0, []

    async def events(self, *, cursor: str | None = None, reached: Callable[[str], None]) -> Any:
        self.cursors.append(cursor)
        reached(cursor or "c0")
        for event in self.told:
            yield event
            reached(event.cursor)
        self.told = []
        if self.end is not None:
            raise self.end
        await asyncio.Event().wait()

    async def list_sessions(self, **asked: Any) -> SessionPage:
        self.asked += 1
        await asyncio.sleep(0)
        return SessionPage(sessions=[session()], total=1, limit=1, offset=0)


def event(kind: str = "hold_placed", session_id: str = "s") -> Event:
    return Event(
        cursor="c1", kind=kind, at="2026-11-25T09:00:00.000Z", session=session_id, chain="t", seq=1, facts={}
    )


TOLD = OwnerView(
    agent_id="agt", agent_name="o", wallet_address="0x" + "1" * 40, scopes=[], key_id="key", key_name="k"
)


def owner(agent: Agent) -> Owner:
    return Owner(agent, TOLD, b"name")  # type: ignore[arg-type]


def test_a_sitting_ends_when_nobody_is_there_and_in_any_case_after_a_day() -> None:
    clock = Clock()
    sittings = Sittings(60, 200, clock)
    cookie, sitting = sittings.begin(owner(Agent()))
    clock.now += 59
    assert sittings.find(cookie) is sitting
    sittings.touch(sitting)
    clock.now += 59
    assert sittings.find(cookie) is sitting
    clock.now += 1
    assert sittings.find(cookie) is None
    other, second = sittings.begin(owner(Agent()))
    for _ in range(4):
        clock.now += 49
        sittings.touch(second)
    assert sittings.find(other) is second
    clock.now += 4
    assert sittings.find(other) is None, "its whole time is over, touched or not"


def test_a_cookie_is_worth_nothing_after_the_end_and_is_kept_nowhere() -> None:
    sittings = Sittings(60, 200, Clock())
    cookie, sitting = sittings.begin(owner(Agent()))
    assert cookie not in repr(vars(sittings))
    assert sittings.end(sitting)
    assert not sittings.end(sitting)
    assert sittings.find(cookie) is None
    assert sittings.is_over(sitting)
    assert sittings.find("") is sittings.find(None) is sittings.find("é" * 10) is None


def test_there_are_only_so_many() -> None:
    sittings = Sittings(60, 200, Clock())
    one = owner(Agent())
    for _ in range(SITTINGS_MAX):
        assert not sittings.is_full
        sittings.begin(one)
    assert sittings.is_full


def test_the_pace_is_quick_at_first_and_steady_then() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert [pace.wait_seconds() for _ in range(BURST)] == [0.0] * BURST
    assert pace.wait_seconds() > 0
    clock.now += 1_000
    assert pace.wait_seconds() == 0
    # A minute of it is less than what the platform allows a key.
    assert BURST + 60 * PER_SECOND < 100


def test_a_feed_tells_every_listener_and_forgets_those_that_left() -> None:
    async def play() -> None:
        feed = Feed(Agent([event()]))  # type: ignore[arg-type]
        heard: list[Any] = []
        leave = feed.listen(heard.append)
        gone = feed.listen(lambda _: heard.append("who left"))
        gone()
        gone()
        feed.start(lambda: heard.append("gone"))
        await asyncio.sleep(0.05)
        # None is for what may have happened before the stream began.
        assert [one and one.kind for one in heard] == [None, "hold_placed"]
        leave()
        assert len(feed) == 0
        await feed.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())


def test_a_feed_that_broke_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valetkey.studio.feed.AGAIN_SECONDS", 0.0)

    async def play(events: list[Event]) -> list[str | None]:
        agent = Agent(events, end=NetworkError("no", code="network"))
        feed = Feed(agent)  # type: ignore[arg-type]
        feed.start(lambda: None)
        await asyncio.sleep(0.05)
        await feed.stop()
        return agent.cursors[:2]

    # Also when nothing had come yet: what happens meanwhile would be told to nobody.
    assert asyncio.run(play([])) == [None, "c0"]
    assert asyncio.run(play([event()])) == [None, "c1"]


def test_a_key_that_was_taken_back_ends_the_feed_and_a_narrow_one_is_looked_at_instead() -> None:
    async def play(end: Exception) -> tuple[list[str], Liveness]:
        feed, told = Feed(Agent(end=end)), []  # type: ignore[arg-type]
        feed.start(lambda: told.append("gone"))
        await asyncio.sleep(0.05)
        liveness = feed.liveness
        await feed.stop()
        return told, liveness

    assert asyncio.run(play(Unauthenticated("no", code="unauthenticated"))) == (["gone"], Liveness.LIVE)
    assert asyncio.run(play(ScopeMissing("no", code="scope_missing"))) == ([], Liveness.POLLING)
    assert asyncio.run(play(NetworkError("no", code="network"))) == ([], Liveness.AWAY)


def test_pages_that_look_at_the_same_ask_once_and_again_after_news() -> None:
    async def play() -> None:
        agent = Agent()
        one = owner(agent)
        asked = {"limit": 25}
        await asyncio.gather(*(one.sessions(asked) for _ in range(20)))
        assert agent.asked == 1
        await one.sessions({"limit": 50})
        assert agent.asked == 2
        one.changed()
        await one.sessions(asked)
        assert agent.asked == 3

    asyncio.run(play())


def test_a_zone_that_is_none_is_utc() -> None:
    assert str(zone_of("Europe%2FBerlin")) == "Europe/Berlin"
    for told in (None, "", "../../etc/passwd", "Europe/Atlantis", "x" * 100, "/etc/localtime"):
        assert str(zone_of(told)) == "UTC", told

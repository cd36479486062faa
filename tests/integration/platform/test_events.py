"""The events feed over HTTP: streams that resume without loss or repetition, pages, and who may read how much."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.platform.audit import events as feed
from valetkey.ports.auditing import FEED_BEGINNING


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


@contextmanager
def streaming(owner: Agent, query: str = "", **headers: str) -> Iterator[httpx.Response]:
    sent = {"X-API-Key": owner.credential, **headers}
    with httpx.Client(base_url=owner.server.base_url, timeout=20) as http:
        with http.stream("GET", f"/api/v1/events{query}", headers=sent) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream"
            yield answer


def messages(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The messages of a stream, as its members; a comment is a member without a name."""
    found: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            found[name] = value.removeprefix(" ")
        elif found:
            yield found
            found = {}


def told(found: Iterator[dict[str, str]]) -> Iterator[dict[str, Any]]:
    for message in found:
        if "data" in message:
            event = json.loads(message["data"])
            assert (message["id"], message["event"]) == (event["cursor"], event["kind"])
            yield event


def kinds(owner: Agent, cursor: str | None = FEED_BEGINNING) -> list[str]:
    """What happened; the registration's key is there from the beginning, and is of no interest here."""
    return [one["kind"] for one in paged(owner, cursor)[0] if one["kind"] != "key_created"]


def now(owner: Agent) -> str:
    """The cursor after what happened until now."""
    return paged(owner, None)[1]


def paged(owner: Agent, cursor: str | None, limit: int = 100) -> tuple[list[Any], str]:
    """Everything after a cursor, page by page."""
    found: list[Any] = []
    while True:
        query = "" if cursor is None else f"&cursor={cursor}"
        page = owner.data("GET", f"/events?wait=0&limit={limit}{query}")
        assert len(page["events"]) <= limit
        found += page["events"]
        if page["cursor"] == cursor or cursor is None:
            return found, page["cursor"]
        cursor = page["cursor"]


def revoke_key(owner: Agent) -> None:
    """Take back the key that the owner calls with."""
    (key,) = owner.data("GET", "/agents/keys")["keys"]
    owner.data("DELETE", f"/agents/keys/{key['id']}")


def test_what_happens_is_told_as_it_happens(owner: Agent) -> None:
    session = owner.session(budgetUsdc=5, label="line\nbreak \u2028")
    with streaming(owner) as answer:
        found = messages(answer)
        events = told(found)
        first = next(found), next(found)
        assert first[0] == {"retry": "2000"}
        # Where it begins is told at once, so that nothing is lost when the connection is.
        assert first[1].keys() == {"id"}
        assert session.ask("POST", "/spends", {"amount": 6}).status_code == 403
        event = next(events)
        assert (event["kind"], event["session"], event["seq"]) == ("hold_refused", session.session_id, 2)
        assert event["facts"]["codes"] == ["budget_exceeded"]
        owner.data("POST", "/agents/sessions/freeze")
        event = next(events)
        assert (event["kind"], event["session"], event["chain"]) == ("frozen", None, owner.agent_id)


def test_the_first_thing_that_ever_happened_is_told_to_an_early_reader(owner: Agent) -> None:
    with streaming(owner, f"?cursor={FEED_BEGINNING}") as answer:
        events = told(messages(answer))
        assert next(events)["kind"] == "key_created"
        session = owner.session()
        assert next(events)["session"] == session.session_id


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_pages_tell_the_same_as_the_stream(owner: Agent, limit: int) -> None:
    begin = now(owner)
    session = owner.session()
    for _ in range(6):
        session.data("POST", "/spends", {"amount": "0.1"})
    found, cursor = paged(owner, begin, limit)
    assert [one["kind"] for one in found] == ["session_created", *["hold_placed"] * 6]
    with streaming(owner, f"?cursor={begin}") as answer:
        events = told(messages(answer))
        assert [next(events) for _ in range(7)] == found
    assert paged(owner, cursor)[0] == []
    assert paged(owner, None)[0] == []
    owner.session()
    assert kinds(owner, cursor) == ["session_created"]


def test_json_is_answered_to_those_who_ask_for_it(owner: Agent) -> None:
    begin = now(owner)
    owner.session()
    page = owner.data("GET", f"/events?cursor={begin}", Accept="application/json")
    assert [one["kind"] for one in page["events"]] == ["session_created"]
    with streaming(owner, Accept="text/event-stream, application/json"):
        pass


def test_no_event_is_lost_or_told_twice_while_writers_write_and_connections_break(
    start: Callable[..., Server],
) -> None:
    server = start()
    owner = server.register()
    sessions = [owner.session(budgetUsdc=None) for _ in range(4)]
    each = 40

    def write(session: Agent) -> None:
        with httpx.Client(base_url=server.base_url, timeout=30) as http:
            for _ in range(each):
                headers = {"X-API-Key": session.credential}
                answer = http.post("/api/v1/spends", json={"amount": "0.01"}, headers=headers)
                assert answer.status_code == 201, answer.text

    threads = [threading.Thread(target=write, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    seen: list[Any] = []
    last = FEED_BEGINNING
    # The first is the registration's key.
    wanted = 1 + len(sessions) * (each + 1)
    deadline = time.monotonic() + 60
    while len(seen) < wanted:
        assert time.monotonic() < deadline, f"{len(seen)} of {wanted}"
        # The address is that of the first time, as a browser's is.
        with streaming(owner, f"?cursor={FEED_BEGINNING}", **{"Last-Event-ID": last}) as answer:
            for count, message in enumerate(messages(answer)):
                last = message.get("id", last)
                if "data" in message:
                    seen.append(json.loads(message["data"]))
                if count == 11 or len(seen) == wanted:
                    break
    for thread in threads:
        thread.join(30)
    assert [one["cursor"] for one in seen] == [one["cursor"] for one in paged(owner, FEED_BEGINNING)[0]]
    places = [(one["chain"], one["seq"]) for one in seen]
    assert len(set(places)) == len(places) == wanted
    for session in sessions:
        assert [seq for chain, seq in places if chain == session.session_id] == list(range(1, each + 2))


@pytest.mark.parametrize(
    "cursor", ["-1", "x", "1.5", "99999999999999999999", "%00", "1%0Aevent:x", "x" * 101]
)
def test_a_cursor_that_was_never_given(owner: Agent, cursor: str) -> None:
    for wait in ("0", "1"):
        answer = owner.ask("GET", f"/events?wait={wait}&cursor={cursor}")
        assert answer.status_code == 400, answer.text
    assert owner.ask("GET", "/events?wait=2").status_code == 400
    assert owner.ask("GET", "/events?wait=0&limit=0").status_code == 400


def test_nobody_sees_another_owner_s_events(owner: Agent, server: Server) -> None:
    session = owner.session()
    stranger = server.register()
    assert session.ask("GET", "/events?wait=0").json()["code"] == "owner_only"
    assert session.ask("GET", "/events").json()["code"] == "owner_only"
    assert kinds(stranger) == []
    own = stranger.session()
    assert [one["session"] for one in paged(stranger, FEED_BEGINNING)[0]] == [None, own.session_id]


def test_REVOKED_IS_DEAD_a_stream_ends_with_its_key(start: Callable[..., Server]) -> None:
    server = start()
    owner = server.register()
    session = owner.session(budgetUsdc=1)
    with streaming(owner) as answer:
        found = messages(answer)
        assert [next(found) for _ in range(2)][1].keys() == {"id"}
        revoke_key(owner)
        assert session.ask("POST", "/spends", {"amount": 2}).status_code == 403
        # What happened after the key was taken back is not told any more.
        assert [message for message in found if message.get("event") not in (None, "key_revoked")] == []
    assert open_streams(server) == 0


def open_streams(server: Server) -> int:
    """How many are counted, when those that ended had time to be."""
    deadline = time.monotonic() + 10
    app: Any = server._uvicorn.config.app
    streams = app.state.platform.event_streams
    while len(streams) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(streams)


def test_streams_are_few_and_whoever_leaves_makes_room(start: Callable[..., Server]) -> None:
    server = start()
    owner, other = server.register(), server.register()
    with httpx.Client(base_url=server.base_url, timeout=20) as http:
        headers = {"X-API-Key": owner.credential}
        opened = [
            http.send(http.build_request("GET", "/api/v1/events", headers=headers), stream=True)
            for _ in range(8)
        ]
        assert [one.status_code for one in opened] == [200] * 8
        ninth = owner.ask("GET", "/events")
        assert (ninth.status_code, ninth.json()["code"]) == (429, "rate_limited")
        assert kinds(owner) == []
        with streaming(other):
            pass
        for one in opened:
            one.close()
    assert open_streams(server) == 0
    with streaming(owner):
        pass


def test_a_quiet_stream_says_that_it_lives(owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.05)
    with streaming(owner) as answer:
        found = messages(answer)
        assert [next(found) for _ in range(4)][2:] == [{"": "still here"}] * 2

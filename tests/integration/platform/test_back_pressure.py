"""More callers than a platform can serve: some are told to come back, nothing is lost or doubled, stops get through.

The store is a real one whose commits take long, as on a disk or a server that is busy.
"""

import asyncio
import json
import os
import random
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.cluster import databases
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Agent, Server
from valetkey.platform.app import open_stores
from valetkey.platform.refusing import OverCapacity
from valetkey.platform.room import Lane, Room, sizes
from valetkey.platform.settings import Settings

CALLERS = 500
PLACES = 64
COMMIT_SECONDS = 0.1
STOP_SECONDS_MOST = 10.0
"""No measure of speed, which this process, client and platform in one, does not have: a sign that nothing queued up."""
MEGABYTES_MOST = 64
AMOUNT = 0.01


async def open_slow(settings: Settings) -> Any:
    """A store of SQLite whose commits wait, as for a disk that is slow."""
    store: Any = await open_stores(settings)

    def wait() -> bool:
        time.sleep(COMMIT_SECONDS)
        return False

    store._database.writer._db.set_commit_hook(wait)
    return store


async def make_slow(url: str) -> None:
    """The same of PostgreSQL: every batch that places holds waits."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_sleep({COMMIT_SECONDS}); RETURN NULL; END $$;"
        " CREATE TRIGGER slow AFTER INSERT ON holds FOR EACH STATEMENT EXECUTE FUNCTION be_slow()"
    )
    await connection.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def slow(request: pytest.FixtureRequest, start: Start) -> Server:
    if request.param == "sqlite":
        return start(opener=open_slow, VALETKEY_REQUESTS_MAX=str(PLACES))
    url = databases().fresh()
    asyncio.run(make_slow(url))
    return start(VALETKEY_DATABASE=url, VALETKEY_REQUESTS_MAX=str(PLACES))


@dataclass
class Line:
    """One kept connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(
        self, method: str, path: str, credential: str, body: Any = None, key: str = ""
    ) -> tuple[int, dict[str, str], Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: test\r\nX-API-Key: {credential}\r\n"
        head += f"Idempotency-Key: {key}\r\n" if key else ""
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        self.writer.write(head.encode() + sent)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (one.partition(": ") for one in lines[1:]) if name
        }
        answer = await self.reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, json.loads(answer)


async def line(server: Server) -> Line:
    place = urlsplit(server.base_url)
    return Line(*await asyncio.open_connection(place.hostname, place.port))


def megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def insist(server: Server, one: Line, token: str, key: str, told: Counter[str]) -> str:
    """Ask until it is done, always with the same key, and with less patience than is asked for."""
    while True:
        try:
            status, headers, answer = await one.ask(
                "POST", "/spends", token, {"amount": AMOUNT, "payee": "0x" + "22" * 20}, key
            )
        except (asyncio.IncompleteReadError, ConnectionError):
            # Whoever waits for long finds its idle connection closed; the key makes the repetition safe.
            one.writer.close()
            fresh = await line(server)
            one.reader, one.writer = fresh.reader, fresh.writer
            continue
        told[str(status)] += 1
        if status == 201:
            return str(answer["data"]["spendId"])
        assert (status, answer["code"]) == (503, "over_capacity"), answer
        assert 1 <= int(headers["retry-after"]) <= 30
        await asyncio.sleep(random.uniform(0.25, 1) * int(headers["retry-after"]))


async def storm(
    server: Server, buyer: Agent, owner: Agent, held: list[str], doomed: list[Agent]
) -> tuple[list[str], list[float], Counter[str]]:
    """Everybody buys at once; meanwhile payments are reported and sessions revoked, each timed."""
    lines = [await line(server) for _ in range(CALLERS)]
    apart = await line(server)
    told: Counter[str] = Counter()
    asking = [
        asyncio.create_task(insist(server, one, buyer.credential, f"storm {number}", told))
        for number, one in enumerate(lines)
    ]
    waits: list[float] = []
    # Now the places are taken, and this process, which is client and platform in one, has dealt with the rush.
    while told["503"] + told["201"] < CALLERS - PLACES:
        await asyncio.sleep(0)
    for spend_id, session in zip(held, doomed, strict=True):
        began = time.monotonic()
        status, _, answer = await apart.ask(
            "POST", f"/spends/{spend_id}/signed", buyer.credential, {"payload": "AAAA"}
        )
        assert (status, answer["data"]["state"]) == (200, "unknown")
        waits.append(time.monotonic() - began)
        began = time.monotonic()
        status, _, answer = await apart.ask(
            "DELETE", f"/agents/session/{session.session_id}", owner.credential
        )
        assert status == 200, answer
        waits.append(time.monotonic() - began)
    assert not all(one.done() for one in asking)
    spends = await asyncio.gather(*asking)
    for one in [*lines, apart]:
        one.writer.close()
    return spends, waits, told


def test_a_storm_is_answered_503_loses_nothing_and_does_not_keep_a_revocation_waiting(slow: Server) -> None:
    owner = slow.register()
    buyer = owner.session(budgetUsdc=50)
    doomed = [owner.session() for _ in range(2)]
    held = [
        buyer.data("POST", "/spends", {"amount": 1, "payee": "0x" + "22" * 20})["spendId"] for _ in doomed
    ]
    before = megabytes()
    spends, waits, told = asyncio.run(storm(slow, buyer, owner, held, doomed))
    assert told["503"] > 0
    # None lost, none double: one spend for each caller, and the ledger holds exactly theirs.
    assert len(set(spends)) == CALLERS == told["201"]
    view = owner.data("GET", f"/agents/session/{buyer.session_id}")
    assert float(view["heldUsdc"]) == pytest.approx(CALLERS * AMOUNT + len(held)), view
    assert megabytes() - before < MEGABYTES_MOST
    assert max(waits) < STOP_SECONDS_MOST, waits
    assert all(one.ask("GET", "/agents/session/self").status_code == 401 for one in doomed)
    page = slow.http.get("/metrics").text
    assert 'valetkey_requests_under_way{lane="work"} 0.0' in page
    sent_away = page.partition('valetkey_over_capacity_total{lane="work"} ')[2].split()[0]
    assert float(sent_away) == told["503"]
    # A key that was answered while the storm was on answers the same for ever.
    again = buyer.ask(
        "POST", "/spends", {"amount": AMOUNT, "payee": "0x" + "22" * 20}, Idempotency_Key="storm 0"
    )
    assert again.json()["data"]["spendId"] == spends[0]


def test_lanes_do_not_fill_each_other_and_a_slow_body_gives_its_place_away() -> None:
    room = Room(sizes(2))
    with room.admit(Lane.WORK), room.admit(Lane.WORK):
        with pytest.raises(OverCapacity), room.admit(Lane.WORK):
            pass
        with room.admit(Lane.REPORT), room.admit(Lane.STOP), room.admit(Lane.PROOF):
            pass
        with room.aside(Lane.WORK):
            with room.admit(Lane.WORK):
                assert (room.taken(Lane.WORK), room.taken(Lane.BODY)) == (2, 1)
            with pytest.raises(OverCapacity), room.aside(Lane.WORK):
                raise AssertionError("one body is all there is room for")
        with pytest.raises(ValueError, match="broken"), room.aside(Lane.WORK):
            raise ValueError("broken")
    assert [room.taken(lane) for lane in Lane] == [0] * len(Lane)


def test_who_comes_back_with_a_body_finds_its_place_taken() -> None:
    sent_away: list[Lane] = []
    room = Room(sizes(1), sent_away.append)
    with ExitStack() as other, pytest.raises(OverCapacity), room.admit(Lane.WORK), room.aside(Lane.WORK):
        other.enter_context(room.admit(Lane.WORK))
    assert room.taken(Lane.WORK) == 0
    assert sent_away == [Lane.WORK]


def test_a_receiver_that_takes_nothing_stops_what_would_tell_it_more_and_nothing_else(start: Start) -> None:
    server = start(VALETKEY_WEBHOOKS_WAITING_MAX="3")
    owner, other = server.register(), server.register()
    for agent in (owner, other):
        agent.data("PUT", "/agents/webhook", {"url": "http://127.0.0.1:1/nobody"})
    asking, free = owner.session(approvalAboveUsdc=1, budgetUsdc=100_000), owner.session()
    deadline = time.monotonic() + 30
    promised = 0
    while (
        answer := asking.ask("POST", "/spends", {"amount": round(2 + promised / 100, 2)})
    ).status_code == 201:
        assert answer.json()["data"]["state"] == "pending_approval"
        promised += 1
        assert time.monotonic() < deadline, "nobody looked at the outbox"
    assert (answer.status_code, answer.json()["code"]) == (503, "over_capacity")
    assert answer.headers["retry-after"] == "30"
    assert promised > 3
    # It was refused before it was held, so there is one question for each promise.
    assert owner.data("GET", "/approvals?limit=1")["total"] == promised
    # Who needs not be asked spends on, and so do the sessions of others.
    assert free.ask("POST", "/spends", {"amount": 2}).status_code == 201
    assert other.session(approvalAboveUsdc=1).ask("POST", "/spends", {"amount": 2}).status_code == 201

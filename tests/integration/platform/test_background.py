"""Background tasks that something fails: they go on, and the log says what it was, once."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

from valetkey.core.errors import ChainUnavailable, EnvironmentFailure
from valetkey.platform.background import Outages, forever
from valetkey.platform.observing.logs import Lines, make_log
from valetkey.platform.observing.metrics import Metrics
from valetkey.stores.failures import StoreFailed, StoreFull

Run = Callable[[], Awaitable[None]]


class Task:
    """A background task that fails so often, with what it is told, and then runs until it is failed again."""

    def __init__(self, failure: Exception, times: int) -> None:
        self.failure = failure
        self.left = times
        self.failed = 0
        self.works = asyncio.Event()
        self.again = asyncio.Event()

    async def run(self) -> None:
        if self.left:
            self.left -= 1
            self.failed += 1
            raise self.failure
        self.works.set()
        await self.again.wait()
        self.failed += 1
        raise self.failure


def told(scenario: Callable[[Callable[..., asyncio.Task[None]]], Awaitable[None]]) -> list[dict[str, Any]]:
    """What a platform's log says while the scenario runs its tasks, which try again at once."""
    stream = io.StringIO()

    async def all_of_it() -> None:
        log = make_log(Lines(stream))
        outages, running = Outages(log, Metrics({})), list[asyncio.Task[None]]()

        def start(name: str, run: Run, steady_seconds: float = 60.0) -> asyncio.Task[None]:
            loop = forever(name, run, outages, restart_seconds=0, steady_seconds=steady_seconds)
            running.append(asyncio.create_task(loop))
            return running[-1]

        async with asyncio.timeout(20):
            await scenario(start)
        for one in running:
            assert not one.done(), "a background task never ends by itself"
            one.cancel()

    asyncio.run(all_of_it())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_database_that_is_away_is_told_once_for_all_tasks_and_all_their_turns() -> None:
    async def scenario(start: Callable[..., asyncio.Task[None]]) -> None:
        tasks = [Task(StoreFailed("the database is away: postgres://user:secret@host"), 20) for _ in range(3)]
        for number, one in enumerate(tasks):
            start(f"task {number}", one.run)
        await asyncio.gather(*(one.works.wait() for one in tasks))
        assert [one.failed for one in tasks] == [20, 20, 20]

    (line,) = told(scenario)
    assert (line["event"], line["level"], line["failure"]) == ("background_waits", "warning", "StoreFailed")
    assert (line["task"], line["where"].split()[0]) == ("task 0", "StoreFailed")
    assert "secret" not in json.dumps(line)


def test_the_end_of_an_outage_is_told_and_the_next_one_is_another() -> None:
    async def scenario(start: Callable[..., asyncio.Task[None]]) -> None:
        task = Task(StoreFailed("away"), 2)
        start("lapsing", task.run, steady_seconds=0.01)
        await task.works.wait()
        await asyncio.sleep(0.2)
        # From here on it fails at once, whenever it begins again.
        task.again.set()
        while task.failed < 10:
            await asyncio.sleep(0)

    lines = told(scenario)
    assert [one["event"] for one in lines] == ["background_waits", "background_goes_on", "background_waits"]
    assert [one["failure"] for one in lines] == ["StoreFailed"] * 3


def test_an_outage_is_over_when_the_last_task_goes_on() -> None:
    stream = io.StringIO()
    outages = Outages(make_log(Lines(stream)), Metrics({}))
    for task in ("reconciler", "webhooks", "reconciler"):
        outages.begins(task, StoreFailed("away"))
    outages.ends("reconciler")
    outages.ends("lapsing")
    assert "background_goes_on" not in stream.getvalue()
    outages.ends("webhooks")
    outages.ends("webhooks")
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["background_waits", "background_goes_on"]


def test_different_failures_are_told_apart() -> None:
    async def scenario(start: Callable[..., asyncio.Task[None]]) -> None:
        failures: list[EnvironmentFailure] = [StoreFailed("x"), StoreFull("y"), ChainUnavailable("z")]
        tasks = [Task(one, 3) for one in failures]
        for number, one in enumerate(tasks):
            start(str(number), one.run)
        await asyncio.gather(*(one.works.wait() for one in tasks))

    lines = told(scenario)
    assert {one["event"] for one in lines} == {"background_waits"}
    assert [one["failure"] for one in lines] == ["StoreFailed", "StoreFull", "ChainUnavailable"]


def test_a_bug_is_still_a_bug_each_time() -> None:
    async def scenario(start: Callable[..., asyncio.Task[None]]) -> None:
        task = Task(ValueError("what a client sent"), 2)
        start("webhooks", task.run)
        await task.works.wait()

    lines = told(scenario)
    assert [(one["event"], one["level"]) for one in lines] == [("background_task_broke", "error")] * 2
    assert lines[0]["where"].startswith("ValueError at test_background.py")
    assert "client" not in json.dumps(lines)

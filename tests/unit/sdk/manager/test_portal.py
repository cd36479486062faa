"""The thread of a manager that blocks: it answers, raises, ends, and is no use to a forked child."""

import asyncio
import os
import signal
import threading

import pytest

from valetkey.sdk.manager.portal import Portal, PortalClosed


async def named() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


def test_calls_of_many_threads_run_in_one() -> None:
    portal = Portal()
    found: list[str] = []
    callers = [threading.Thread(target=lambda: found.append(portal.call(named))) for _ in range(8)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert found == ["valetkey-portal"] * 8
    portal.close()


def test_an_error_comes_out_where_it_was_called() -> None:
    portal = Portal()

    async def fails() -> None:
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        portal.call(fails)
    with pytest.raises(ZeroDivisionError):
        portal.make(lambda: 1 // 0)
    portal.close()


def test_what_is_closed_says_so_and_leaves_no_thread() -> None:
    before = threading.active_count()
    portal = Portal()
    assert portal.call(named)
    portal.close()
    portal.close()
    assert not portal.is_open
    with pytest.raises(PortalClosed):
        portal.call(named)
    assert threading.active_count() == before


def test_what_still_runs_is_cancelled_at_the_end() -> None:
    portal = Portal()
    ended = threading.Event()

    async def begin() -> None:
        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        portal.kept = asyncio.create_task(forever())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    portal.call(begin)
    portal.close()
    assert ended.is_set()


def test_a_forked_child_is_told_to_open_its_own() -> None:
    portal = Portal()
    assert portal.call(named)
    # As it is when another thread calls at that moment: the child has the lock, and not the thread that lets it go.
    with portal._lock:
        child = os.fork()
    if child == 0:
        portal._lock.acquire(blocking=False)
        signal.alarm(10)
        portal.close()
        try:
            portal.call(named)
        except PortalClosed:
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    portal.close()

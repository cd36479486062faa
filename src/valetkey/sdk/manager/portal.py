"""The one thread through which sync callers reach engine and stores, which are async."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from valetkey.core.errors import ValetkeyError

T = TypeVar("T")


class PortalClosed(ValetkeyError):
    """It was closed, or opened before a fork: a child process opens a manager of its own."""

    code = "portal_closed"


class Portal:
    """An event loop in a thread of its own. Any number of threads may call; it ends with the process at the latest."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="valetkey-portal", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether it can be called here."""
        return not self._closed and os.getpid() == self._process

    def make(self, making: Callable[[], T]) -> T:
        """Make something in the thread. Raises PortalClosed, and what making it raises."""

        async def make() -> T:
            return making()

        return self.call(make)

    def call(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine to its end. One that is interrupted here (Ctrl-C) is cancelled there. Raises PortalClosed."""
        self._check_open()
        with self._lock:
            self._check_open()
            done = asyncio.run_coroutine_threadsafe(begin(), self._loop)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    def close(self) -> None:
        """End the thread. Closing twice is closing once."""
        # Asked before the lock as well: a thread that was not forked along may have held it.
        if not self.is_open:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _check_open(self) -> None:
        if not self.is_open:
            raise PortalClosed("this manager is closed here: open another one")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())

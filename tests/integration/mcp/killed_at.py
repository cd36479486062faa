"""A server that kills itself at the nth moment of a call: `python killed_at.py N [options]`, secrets as ever.

A moment is before and after everything that outlives a process: a file that gets its name or is removed, a request to
the platform. N is a number, or `answered`: after the first answer to a request that makes something.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from valetkey.mcp.command import main
from valetkey.mcp.server import McpServer
from valetkey.sdk._async.connection import AsyncConnection

WHERE = sys.argv.pop(1)


class Moments:
    armed = False
    count = 0

    def passes(self, *, answered: bool = False) -> None:
        if not self.armed:
            return
        if answered if WHERE == "answered" else self.count == int(WHERE):
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


moments = Moments()


def around(step: Any) -> Any:
    def wrapped(*given: Any, **named: Any) -> Any:
        moments.passes()
        found = step(*given, **named)
        moments.passes()
        return found

    return wrapped


def around_request(step: Any) -> Any:
    async def wrapped(self: Any, method: str, path: str, *given: Any) -> Any:
        moments.passes()
        found = await step(self, method, path, *given)
        moments.passes(answered=method == "POST" and isinstance(found, bytes))
        return found

    return wrapped


def armed(call: Any) -> Any:
    async def wrapped(*given: Any) -> Any:
        moments.armed = True
        try:
            return await call(*given)
        finally:
            moments.armed = False

    return wrapped


Path.replace = around(Path.replace)  # type: ignore[method-assign]
Path.unlink = around(Path.unlink)  # type: ignore[method-assign]
AsyncConnection._try = around_request(AsyncConnection._try)  # type: ignore[method-assign]
McpServer.call = armed(McpServer.call)  # type: ignore[method-assign]
main()

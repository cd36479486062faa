"""A server that kills itself at one place of a call that pays: `python killed.py PLACE [options]`, secrets as ever."""

import os
import signal
import sys
from typing import Any

from valetkey.mcp import calls
from valetkey.mcp.command import main
from valetkey.sdk._async.desk import AsyncDesk


def dies(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_after(step: Any) -> Any:
    async def wrapped(*given: Any, **named: Any) -> Any:
        await step(*given, **named)
        dies()

    return wrapped


PLACE = sys.argv.pop(1)
if PLACE == "begun":
    # Asked for, and nothing signed.
    calls.Calls.begin = dies  # type: ignore[method-assign]
elif PLACE == "sent":
    # In a block, and nobody was told.
    AsyncDesk.follow = dies_after(AsyncDesk.follow)  # type: ignore[method-assign]
elif PLACE == "paid":
    # Paid and proven, and not remembered.
    calls.Calls.done = dies  # type: ignore[method-assign]
else:
    raise SystemExit("where?")
main()

"""Platform processes to be killed: `python -m torture.serving CONFIG` forks them, and a new one for each that dies.

Each is the platform as `valetkey serve` runs it: settings, routes, background tasks, uvicorn with the bounded protocol.
Its machine's clock can be set. Forking from a process that has
imported everything makes a restart take a tenth of a second, so that a run has time for more than dying.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import web3  # noqa: F401 - what a platform imports late, every new one has from the beginning

from torture.clocks import Slots, jumping
from torture.stores import open_racy
from valetkey.cli.garbage import collect_seldom
from valetkey.cli.http_protocol import BoundedHttp
from valetkey.platform.app import create_app, open_stores
from valetkey.platform.settings import Settings

POLL_SECONDS = 0.02
AGAIN_SECONDS = 0.2
GRACE_SECONDS = 5
NOT_STARTED = 3
"""The exit code of a platform that did not start: its database was not there."""

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Config(msgspec.Struct):
    """What a nursery needs: its slots, its listening sockets, and the platform's settings."""

    racy: bool
    slots: str
    listeners: list[int]
    environ: dict[str, str]


def serve(config: Config, slot: int, slots: Slots) -> None:
    """Be one platform until a signal."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    time.time = jumping(slots, slot, time.time)
    slots.set_process(slot, os.getpid())
    app = create_app(Settings.from_env(config.environ), open_racy if config.racy else open_stores)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=BoundedHttp,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    server.run(sockets=[socket.socket(fileno=config.listeners[slot])])
    if not server.started:
        raise SystemExit(NOT_STARTED)


def nurse(config: Config) -> None:
    """Keep a platform alive in every slot until standard input ends."""
    slots = Slots(Path(config.slots), len(config.listeners))
    collect_seldom()
    living: dict[int, int] = {}
    waiting = dict.fromkeys(range(len(config.listeners)), 0.0)
    while not select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
        for slot, since in list(waiting.items()):
            if time.monotonic() >= since:
                living[_fork(config, slot, slots)] = slot
                del waiting[slot]
        for pid, status in _ended(living):
            slot = living.pop(pid)
            slots.set_process(slot, 0)
            was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            if not was_killed:
                print(f"ended by itself: {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
            waiting[slot] = time.monotonic() + (0 if was_killed else AGAIN_SECONDS)
    for pid in living:
        os.kill(pid, signal.SIGTERM)
    for pid in living:
        os.waitpid(pid, 0)


def _fork(config: Config, slot: int, slots: Slots) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        serve(config, slot, slots)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else code
    except BaseException as error:  # noqa: BLE001 - the process ends here in any case, and says why
        print(f"broke: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)
    raise AssertionError("unreachable")


def _ended(living: dict[int, int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for pid in living:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            found.append((pid, status))
    return found


def main(arguments: list[Any]) -> None:
    """Read the configuration that a file holds, and nurse."""
    nurse(msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Config))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Starting a studio: one process, on loopback unless told otherwise, until a signal."""

import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

from valetkey.sdk.errors import NotConfigured
from valetkey.studio.plan import Plan
from valetkey.studio.wizard.operator import Operator

TITLE = "valetkey-studio"
GRACE_SECONDS = 2
MESSAGE_BYTES_MAX = 262_144


def check_installed() -> None:
    """Raise NotConfigured unless NiceGUI is there."""
    missing = False
    try:
        import nicegui  # noqa: F401
    except ImportError:
        missing = True
    if missing:
        raise NotConfigured("the console needs an extra: pip install 'valetkey[studio]'")


def run(
    plan: Plan, listener: socket.socket, *, operator: Operator | None = None, stop_with_stdin: bool = False
) -> bool:
    """Serve until a signal, or the end of standard input; whether it ever served.

    Raises NotConfigured without `valetkey[studio]`.
    """
    check_installed()
    # NiceGUI would look for a folder of its own where the studio was started; nothing is kept there.
    os.environ.setdefault("NICEGUI_STORAGE_PATH", os.devnull)
    import uvicorn

    from valetkey.studio.app import create_app

    _take_title()
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    config = uvicorn.Config(
        create_app(plan, operator or Operator()),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=MESSAGE_BYTES_MAX,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    if stop_with_stdin:
        threading.Thread(target=_stop_at_end, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    return server.started


def _take_title() -> None:
    """What process lists call it, where the system has such a thing."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(TITLE)


def _stop_at_end(server: object) -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    server.should_exit = True  # type: ignore[attr-defined]  # a uvicorn.Server, which is imported late

"""Runs the platform as one uvicorn process, and ends it gracefully."""

import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

from valetkey.cli.complaint import Complaint
from valetkey.cli.garbage import collect_seldom
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    import uvicorn

    from valetkey.platform.settings import Settings

GRACE_SECONDS = 5
BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises Complaint when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror
        raise Complaint(
            f"cannot listen on {host}:{port}: {reason} (port 0 is any free one)", Exit.ENVIRONMENT
        ) from None
    return listener


def run_platform(listener: socket.socket, settings: "Settings", *, stop_with_stdin: bool = False) -> None:
    """Serve a platform until a signal, or the end of standard input."""
    import uvicorn

    from valetkey.cli.http_protocol import BoundedHttp
    from valetkey.platform.app import create_app
    from valetkey.platform.observing.logs import take_over_logging

    take_over_logging(settings.log_level)

    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        http=BoundedHttp,
        # The API has no use for them, and their frames would pass by every rule.
        ws="none",
        # Whose word about a caller's address counts: nobody's, unless the operator names a proxy.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    if stop_with_stdin:
        threading.Thread(target=_stop_at_end, args=(server,), daemon=True).start()
    collect_seldom()
    server.run(sockets=[listener])
    if not server.started:
        raise Complaint("the platform did not start; its log says why", Exit.ENVIRONMENT)


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that our parent opened."""
    return socket.socket(fileno=descriptor)


def _stop_at_end(server: "uvicorn.Server") -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    server.should_exit = True

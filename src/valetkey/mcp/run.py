"""Starting a server: over its standard input and output, or over HTTP, until it is told to end."""

import logging
import socket
import sys
from typing import Any

import anyio

from valetkey.mcp.plan import LOOPBACK, Plan
from valetkey.mcp.withholding import Withholding
from valetkey.sdk.errors import NotConfigured

PATH = "/mcp"
BODY_BYTES_MAX = 1_048_576
GRACE_SECONDS = 5
BACKLOG = 128


def run(plan: Plan) -> None:
    """Serve until the client is gone (stdio), or a signal comes (HTTP). Secrets come from the environment or files.

    Raises NotConfigured without a credential, without `valetkey[mcp]`, or where the port is taken; nothing is asked of
    the platform before the first call.
    """
    check_installed()
    from valetkey.mcp.server import McpServer

    served = McpServer(plan)
    _log_to_stderr(served.desk.withholding)
    anyio.run(_over_http if plan.http else _over_stdio, served)


def check_installed() -> None:
    """Raise NotConfigured unless the official package is there."""
    missing = False
    try:
        import mcp.server.lowlevel  # noqa: F401
    except ImportError:
        missing = True
    if missing:
        raise NotConfigured("the MCP server needs an extra: pip install 'valetkey[mcp]'")


async def _over_stdio(served: Any) -> None:
    from mcp.server.stdio import stdio_server

    try:
        async with stdio_server() as (reader, writer):
            await served.server.run(reader, writer, served.server.create_initialization_options())
    finally:
        await served.desk.close()


async def _over_http(served: Any) -> None:
    import uvicorn

    from valetkey.mcp.gate import token_of

    plan: Plan = served.desk.plan
    whose = served.desk.whose
    token, path = token_of(plan, whose)
    served.desk.withholding.add([token])
    listener = _listen(plan.host, plan.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving MCP at http://{shown}:{port}{PATH}", file=sys.stderr)
    print(f"its bearer token is in {path or plan.token_path(whose)}", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        http_app(served, plan, token),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    try:
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        await served.desk.close()


def http_app(served: Any, plan: Plan, token: Any) -> Any:
    """The ASGI application: the bearer token first, then names and origins, then MCP."""
    from mcp.server.transport_security import TransportSecuritySettings

    from valetkey.mcp.gate import Bearer

    names = ["127.0.0.1:*", "localhost:*", "[::1]:*"] if plan.host in LOOPBACK else []
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*names, *plan.hosts, *(f"{one}:*" for one in plan.hosts if ":" not in one)],
        # A web page has nothing to do here: no origin is allowed, whatever its name.
        allowed_origins=[],
    )
    app = served.server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        max_request_body_size=BODY_BYTES_MAX,
        transport_security=security,
        host=plan.host,
    )
    return Bearer(app, token)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises NotConfigured."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    problem = ""
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        problem = error.strerror or "unknown"
    listener.close()
    raise NotConfigured(f"cannot listen on port {port}: {problem}")


class _Withheld(logging.Filter):
    """Takes secrets out of every record, whoever wrote it."""

    def __init__(self, withholding: Withholding) -> None:
        super().__init__()
        self._withholding = withholding

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._withholding.text(record.getMessage()), None
        if record.exc_info:
            # A traceback quotes values that nobody has looked at; its kind is enough.
            kind = record.exc_info[0]
            record.msg += f" ({kind.__name__ if kind else 'unknown'})"
            record.exc_info = record.exc_text = None
        return True


def _log_to_stderr(withholding: Withholding) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(_Withheld(withholding))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)

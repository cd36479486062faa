"""Who may reach a server over HTTP: whoever has its bearer token, by a name that it answers to, from no web page."""

import hmac
import os
import secrets
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from valetkey.crypto.secret import Secret
from valetkey.mcp.plan import Plan
from valetkey.sdk.errors import NotConfigured

TOKEN_BYTES = 32
TOKEN_CHARS_MIN = 32
BEARER = b"bearer "


class Bearer:
    """Lets nobody pass who has not the token. Whoever reaches the server can spend."""

    def __init__(self, app: ASGIApp, token: Secret) -> None:
        self._app = app
        self._token = token.reveal().encode("utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401."""
        if scope["type"] == "http" and not self._knows(scope):
            told = {"error": "invalid_token", "error_description": "a bearer token is required"}
            refused = JSONResponse(told, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
            await refused(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        told = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        if len(told) != 1 or told[0][: len(BEARER)].lower() != BEARER:
            return False
        return hmac.compare_digest(told[0][len(BEARER) :].strip(), self._token)


def token_of(plan: Plan, whose: str) -> tuple[Secret, Path | None]:
    """The token of a server, and the file that it was written to now, if it was made now. Raises NotConfigured.

    whose: a name of the session, or of the owner, that is no secret.
    """
    found = plan.token(whose)
    if found is not None:
        if len(found.reveal()) < TOKEN_CHARS_MIN:
            raise NotConfigured(f"a bearer token has at least {TOKEN_CHARS_MIN} characters")
        return found, None
    made, path = secrets.token_urlsafe(TOKEN_BYTES), plan.token_path(whose)
    problem = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{made}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        # Another server was faster by a moment.
        kept = plan.token(whose)
        if kept is not None:
            return kept, None
        problem = "it is there and cannot be read"
    except OSError as error:
        problem = error.strerror or "unknown"
    if problem:
        raise NotConfigured(f"the file of the bearer token cannot be made: {problem}")
    return Secret(made), path

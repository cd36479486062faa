"""What is shown once: the page fetches it by a request of its own, and no second one is answered with it.

It never passes the socket of a page: NiceGUI keeps what it sent there, and sends it again to a socket that comes back.
"""

import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from valetkey.core.errors import ValetkeyError
from valetkey.studio.gate import sitting_of
from valetkey.studio.sittings import Sitting

HERE = "/once"
KEPT_NOWHERE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Give = Callable[[], Awaitable[str]]


def offer(sitting: Sitting, give: Give) -> str:
    """The address of a secret for one sitting: `give` makes it when it is fetched, and raises ValetkeyError.

    The address is good for one request, whatever comes of it.
    """
    name = secrets.token_urlsafe(24)
    sitting.offers[name] = give
    return f"{HERE}/{name}"


def withdraw(sitting: Sitting, address: str) -> None:
    """Nobody fetches it any more."""
    sitting.offers.pop(address.rpartition("/")[2], None)


def routes() -> list[Route]:
    """Where secrets are fetched."""
    return [Route(HERE + "/{name}", _serve, methods=["POST"])]


async def _serve(request: Request) -> Response:
    give = sitting_of(request.scope).offers.pop(request.path_params["name"], None)
    if give is None:
        return PlainTextResponse("It was shown before, and is not shown again.", 410, KEPT_NOWHERE)
    try:
        return PlainTextResponse(await give(), 200, KEPT_NOWHERE)
    except ValetkeyError as error:
        return PlainTextResponse(str(error), 409, KEPT_NOWHERE)

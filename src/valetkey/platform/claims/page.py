"""The page behind a claim's link, for people who open it in a browser: it says what the link is, and opens nothing."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.platform.http import ROUTE

PATH = "/claim/{id}"

PAGE = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>A session to claim</title><meta name="robots" content="noindex"></head>
<body>
<h1>This link is a key for a program</h1>
<p>It hands a spending session to an agent, once. Opening this page did not use it, and the part behind the # was not
sent anywhere. Give the whole link to the agent that it is meant for, and to nobody else:</p>
<pre>BuyerAgent().claim(link)</pre>
<p>If you did not expect it, tell the owner who sent it: the owner can take it back.</p>
</body>
</html>
"""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


async def page(request: Request) -> Response:
    """The same for every link, of claims that there are and that there are not; no claim is looked at."""
    request.scope[ROUTE] = PATH
    return Response(PAGE, media_type="text/html; charset=utf-8", headers=HEADERS)


ROUTES = [Route(PATH, page, methods=["GET"])]

"""Answers as bytes: every one, also to nonsense, is JSON, and nothing of it may be cached."""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.platform.head import head_of
from valetkey.platform.refusing import OverCapacity, RateLimited, RefusedRequest
from valetkey.wire.errors import error_body, refusal_body, row_of
from valetkey.wire.http import (
    JSON_TYPE,
    REQUEST_ID_HEADER,
    RETRY_AFTER_HEADER,
    InvalidRequest,
    Problem,
    encode,
)

RETRY_SECONDS = 2
"""What a caller is told to wait when the same request may succeed later."""

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names in lower case and values, none of them with a line break."""

AT_ONCE = "valetkey.at_once"
"""In an ASGI scope: a function of status, headers and body that sends all of an answer, or says False."""

_REQUEST_ID = REQUEST_ID_HEADER.lower().encode()
_ALWAYS = [(b"content-type", JSON_TYPE.encode()), (b"cache-control", b"no-store")]
_NO_HEADERS: Mapping[str, str] = {}


class JsonResponse(Response):
    """A JSON body, sent as it is. Starlette's own asks for every header what it may be."""

    def __init__(
        self, body: bytes, status: int, request_id: str, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            *_ALWAYS,
            (b"content-length", b"%d" % len(body)),
            (_REQUEST_ID, request_id.encode("latin-1")),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        at_once = scope.get(AT_ONCE)
        if at_once is not None and at_once(self.status_code, self.raw_headers, self.body):
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def error_response(error: ValetkeyError, request_id: str) -> Response:
    """The JSON of a typed error, with the status of its code."""
    if isinstance(error, RefusedRequest):
        body = refusal_body(error.refused, request_id, extra=error.extra)
    else:
        body = error_body(error.code, str(error), _details(error), request_id)
    row = row_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited | OverCapacity):
        headers[RETRY_AFTER_HEADER] = str(error.retry_after)
    elif row.retryable:
        headers[RETRY_AFTER_HEADER] = str(RETRY_SECONDS)
    return JsonResponse(encode(body), row.http_status, request_id, headers)


def _details(error: ValetkeyError) -> object:
    """What is wrong where, for who sent it; None when only the message says it."""
    if isinstance(error, InvalidRequest) and error.problems:
        return error.problems
    if isinstance(error, InvalidInput) and error.field is not None:
        return (Problem([error.field], str(error)),)
    return None


def method_not_allowed(request: Request, allowed: list[str]) -> Response:
    """405, and which methods there are."""
    request_id = head_of(request.scope).request_id
    body = error_body("method_not_allowed", "This method is not allowed here", None, request_id)
    return JsonResponse(encode(body), 405, request_id, {"Allow": ", ".join(allowed)})


async def http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path above all."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "invalid_input")
    message = {404: "There is nothing here", 405: "This method is not allowed here"}.get(
        status, "Bad request"
    )
    request_id = head_of(request.scope).request_id
    # The methods of a page, in no order of its own.
    allow = ", ".join(sorted((getattr(error, "headers", None) or {}).get("Allow", "").split(", ")))
    headers = {"Allow": allow} if allow else {}
    return JsonResponse(encode(error_body(code, message, None, request_id)), status, request_id, headers)


def internal_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - nothing of it is told
    """A bug of ours: the caller learns the request id and nothing else."""
    request_id = head_of(request.scope).request_id
    body = error_body("internal", "Something went wrong on our side", None, request_id)
    return JsonResponse(encode(body), 500, request_id)

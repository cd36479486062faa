"""JSON-RPC 2.0 of an embedded chain: from a request body to an answer body. One call at a time touches the chain."""

import inspect
import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from valetkey.chains.faults import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcFault,
    invalid_params,
)

BATCH_MAX = 1_000

Method = Callable[..., Any]


class Rpc:
    """Every method by its name, under one lock."""

    def __init__(self, methods: Mapping[str, Method], *, before: Callable[[], None] | None = None) -> None:
        """`before` is done before each call, under its lock."""
        self._before = before
        self.lock = threading.Lock()
        self._methods = {name: (method, inspect.signature(method)) for name, method in methods.items()}

    def answer(self, body: bytes) -> bytes:
        """The answer to one request or a batch; never raises."""
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            return _encode(_error(None, RpcFault(PARSE_ERROR, "parse error")))
        if not isinstance(request, list):
            answer = self._one(request)
            return b"" if answer is None else _encode(answer)
        if not request:
            return _encode(_error(None, RpcFault(INVALID_REQUEST, "empty batch")))
        if len(request) > BATCH_MAX:
            return _encode(_error(None, RpcFault(INVALID_REQUEST, "batch too large")))
        answers = [answer for one in request if (answer := self._one(one)) is not None]
        return _encode(answers) if answers else b""

    def _one(self, request: Any) -> dict[str, Any] | None:
        if not isinstance(request, dict):
            return _error(None, RpcFault(INVALID_REQUEST, "invalid request"))
        number = request.get("id")
        try:
            answer = {"jsonrpc": "2.0", "id": number, "result": self._call(request)}
        except RpcFault as fault:
            answer = _error(number, fault)
        except Exception as error:  # noqa: BLE001 - a client gets an answer whatever happens
            traceback.print_exc(file=sys.stderr)
            answer = _error(number, RpcFault(INTERNAL_ERROR, f"internal error: {type(error).__name__}"))
        # Without an id it asks for no answer, provided that it is a request at all.
        return answer if "id" in request or not isinstance(request.get("method"), str) else None

    def _call(self, request: dict[str, Any]) -> Any:
        name, params = request.get("method"), request.get("params", [])
        if not isinstance(name, str):
            raise RpcFault(INVALID_REQUEST, "invalid request")
        if name not in self._methods:
            raise RpcFault(METHOD_NOT_FOUND, f"the method {name} does not exist/is not available")
        if params is None:
            params = []
        if not isinstance(params, list):
            raise invalid_params("params must be a list")
        method, signature = self._methods[name]
        try:
            signature.bind(*params)
        except TypeError as error:
            raise invalid_params(f"{name}: {error}") from error
        with self.lock:
            if self._before is not None:
                self._before()
            return method(*params)


def _error(number: Any, fault: RpcFault) -> dict[str, Any]:
    error: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        error["data"] = fault.data
    return {"jsonrpc": "2.0", "id": number, "error": error}


def _encode(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()

"""What an embedded chain answers when it says no: the codes of JSON-RPC, and those that geth added."""

from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
EXECUTION_REVERTED = 3


class RpcFault(Exception):
    """An error answer of JSON-RPC 2.0: code, message and, for reverts, the returned bytes as data."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def invalid_params(message: str) -> RpcFault:
    return RpcFault(INVALID_PARAMS, message)


def refused(message: str) -> RpcFault:
    return RpcFault(SERVER_ERROR, message)

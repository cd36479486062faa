"""JSON-RPC and HTTP at their edges: batches, notifications, and bodies that are no requests."""

import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fixtures_chain import ACCOUNTS, CHAIN_ID, ChainRpc

ASK_ID = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}


def answer(chain: ChainRpc, body: Any) -> Any:
    response = chain.post(json.dumps(body).encode())
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_a_batch_is_answered_in_order(chain: ChainRpc) -> None:
    answers = answer(
        chain,
        [
            ASK_ID | {"id": 7},
            ASK_ID | {"id": "x", "method": "eth_nothing"},
            ASK_ID | {"id": None, "method": "net_version"},
            5,
        ],
    )
    assert [one["id"] for one in answers] == [7, "x", None, None]
    assert answers[0]["result"] == hex(CHAIN_ID)
    assert [one.get("error", {}).get("code") for one in answers] == [None, -32601, None, -32600]


def test_a_batch_may_send_and_read(chain: ChainRpc) -> None:
    send = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_sendTransaction",
        "params": [{"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"}],
    }
    sent, count = answer(
        chain,
        [send, {**ASK_ID, "id": 2, "method": "eth_getBlockTransactionCountByNumber", "params": ["latest"]}],
    )
    assert count["result"] == "0x1"
    assert chain("eth_getTransactionReceipt", sent["result"])["status"] == "0x1"


def test_what_asks_for_no_answer_gets_none(chain: ChainRpc) -> None:
    notification = {"jsonrpc": "2.0", "method": "evm_mine", "params": []}
    before = int(chain("eth_blockNumber"), 16)
    assert chain.post(json.dumps(notification).encode()).content == b""
    assert chain.post(json.dumps([notification, notification]).encode()).content == b""
    assert int(chain("eth_blockNumber"), 16) == before + 3
    assert len(answer(chain, [notification, ASK_ID])) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b"null", -32600),
        (b'"eth_chainId"', -32600),
        (b"{}", -32600),
        (b'{"id":1,"method":7}', -32600),
        (b'{"id":1,"method":"eth_nothing"}', -32601),
        (b'{"id":1,"method":"__init__"}', -32601),
        (b'{"id":1,"method":"eth_chainId","params":{"a":1}}', -32602),
        (b'{"id":1,"method":"eth_chainId","params":[1]}', -32602),
        (b'{"id":1,"method":"eth_getBalance","params":[]}', -32602),
        (b'{"id":1,"method":"eth_getBalance","params":["0x12"]}', -32602),
        (b'{"id":1,"method":"eth_getBalance","params":[null]}', -32602),
        (b'{"id":1,"method":"eth_getBlockByNumber","params":["soon",false]}', -32602),
        (b'{"id":1,"method":"eth_call","params":["0x"]}', -32602),
        (b'{"id":1,"method":"eth_call","params":[{"to":7}]}', -32602),
        (b'{"id":1,"method":"eth_call","params":[{"data":"0x1"}]}', -32602),
        (b'{"id":1,"method":"eth_call","params":[{},"latest",[]]}', -32602),
        (b'{"id":1,"method":"eth_getTransactionReceipt","params":["0x12"]}', -32602),
        (b'{"id":1,"method":"eth_sendRawTransaction","params":[7]}', -32602),
        (b'{"id":1,"method":"eth_feeHistory","params":["0x1","latest","all"]}', -32602),
        (b'{"id":1,"method":"eth_getFilterChanges","params":["0x7777"]}', -32000),
    ],
)
def test_what_is_no_request_is_answered_by_its_code(chain: ChainRpc, body: bytes, code: int) -> None:
    response = chain.post(body)
    assert response.status_code == 200
    assert response.json()["error"]["code"] == code
    assert chain("eth_chainId") == hex(CHAIN_ID)


def test_a_batch_has_an_end(chain: ChainRpc) -> None:
    assert len(answer(chain, [ASK_ID] * 1_000)) == 1_000
    assert answer(chain, [ASK_ID] * 1_001)["error"]["code"] == -32600


def test_params_may_be_missing(chain: ChainRpc) -> None:
    for params in ({}, {"params": None}, {"params": []}):
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"} | params
        assert answer(chain, body)["result"] == hex(CHAIN_ID)


def test_other_methods_of_http_are_refused(chain: ChainRpc) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert httpx.request(method, chain.rpc_url, trust_env=False).status_code == 405


def raw(chain: ChainRpc, request: bytes) -> bytes:
    """The answer to any bytes at all."""
    where = urlsplit(chain.rpc_url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_body_must_say_its_length(chain: ChainRpc) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    assert raw(chain, head + b"\r\n").startswith(b"HTTP/1.1 411")
    assert raw(chain, head + b"Content-Length: many\r\n\r\n").startswith(b"HTTP/1.1 411")
    assert raw(chain, head + b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert raw(chain, head + b"Content-Length: 100\r\n\r\n{}") == b""
    assert chain("eth_chainId") == hex(CHAIN_ID)


def test_many_callers_at_once(chain: ChainRpc) -> None:
    seen: list[str] = []
    failures: list[Exception] = []

    def ask() -> None:
        try:
            with httpx.Client(trust_env=False, timeout=30) as http:
                for _ in range(10):
                    send = [{"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"}]
                    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": send}
                    seen.append(http.post(chain.rpc_url, json=body).json()["result"])
        except Exception as error:  # noqa: BLE001 - told to the test, not to the thread
            failures.append(error)

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert failures == []
    assert len(set(seen)) == 80
    assert all(chain("eth_getTransactionReceipt", one)["status"] == "0x1" for one in seen)

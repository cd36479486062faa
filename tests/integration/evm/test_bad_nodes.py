"""The reader against nodes that are wrong, slow, broken or hostile: it never guesses, and never tells the URL."""

import asyncio
import gc
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.evm.conftest import MakeNetwork
from tests.integration.evm.nodes import Node
from tests.vectors.files import vectors
from valetkey.chains.evm import node as node_module
from valetkey.chains.evm.answers import TRANSFER_TOPIC
from valetkey.chains.evm.networks import KNOWN_ADDRESSES, Network
from valetkey.chains.evm.node import CONNECTIONS_MAX, AsyncNode, NodeRefused
from valetkey.chains.evm.reader import EvmReader
from valetkey.core.errors import ChainUnavailable
from valetkey.core.escrow import EscrowStatus
from valetkey.core.money import NATIVE
from valetkey.ports.chain import Transfer

KEY = "pr0vider-key-0123456789"
HASH = "0x" + "ab" * 32
BLOCK = {"number": "0x10", "timestamp": "0x65", "hash": "0x" + "11" * 32}
ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
ESCROW = KNOWN_ADDRESSES[84532].escrow

Look = Callable[[EvmReader], Awaitable[Any]]

LOOKS: dict[str, Look] = {
    "head": lambda reader: reader.head(),
    "final": lambda reader: reader.final(),
    "receipt": lambda reader: reader.receipt(HASH),
    "execution": lambda reader: reader.execution(HASH),
    "escrow": lambda reader: reader.escrow("txn_1"),
    "token_balance": lambda reader: reader.token_balance(ADDRESS),
    "native_balance": lambda reader: reader.native_balance(ADDRESS),
    "score": lambda reader: reader.score(ADDRESS),
}
every_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


def network(rpc_url: str) -> Network:
    known = KNOWN_ADDRESSES[84532]
    return Network("base-sepolia", "baseSepolia", 84532, rpc_url, known.escrow, known.score, known.usdc, 1)


def ask(url: str, look: Look, *, confirmations: int = 1, seconds: float = 5.0) -> Any:
    async def run() -> Any:
        reader = EvmReader(network(url), url, confirmations=confirmations, timeout_seconds=seconds)
        try:
            return await look(reader)
        finally:
            await reader.close()

    return asyncio.run(run())


def refused(url: str, look: Look, **how: Any) -> str:
    """Ask, and be told that there is no answer: the words, in which nothing of the URL may be."""
    with pytest.raises(ChainUnavailable) as caught:
        ask(url, look, **how)
    told = "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        told += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    assert KEY not in told
    assert "127.0.0.1" not in told
    assert caught.value.retryable
    return str(caught.value)


def keyed(url: str) -> str:
    """The URL as providers give it: with a key in its user part, path and query."""
    return url.replace("http://", f"http://user:{KEY}@") + f"/v3/{KEY}?key={KEY}"


GARBAGE = {
    "no json": b"<html>" + KEY.encode() + b"</html>",
    "empty": b"",
    "null": b"null",
    "a number": b"7",
    "a list": b"[]",
    "no result": b'{"jsonrpc":"2.0","id":2}',
    "another id": b'{"jsonrpc":"2.0","id":77,"result":"0x0"}',
    "an error that is a text": b'{"jsonrpc":"2.0","id":2,"error":"' + KEY.encode() + b'"}',
    "an error that quotes us": b'{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"'
    + KEY.encode()
    + b'"}}',
    "an error without a code": b'{"jsonrpc":"2.0","id":2,"error":{}}',
    "bytes that are no text": b"\xff\xfe\x00",
    "too deep": b"[" * 100_000,
    "too deep behind texts": b'["]",' * 100_000,
    "a result that is a number": b'{"jsonrpc":"2.0","id":2,"result":7}',
    "a result that is a text": b'{"jsonrpc":"2.0","id":2,"result":"' + KEY.encode() + b'"}',
    "a result that is a list": b'{"jsonrpc":"2.0","id":2,"result":[]}',
    "a result that is empty": b'{"jsonrpc":"2.0","id":2,"result":{}}',
    "a negative number": b'{"jsonrpc":"2.0","id":2,"result":"-0x1"}',
    "an odd number of digits": b'{"jsonrpc":"2.0","id":2,"result":"0xabc "}',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_no_answer(node: Node, body: bytes) -> None:
    node.body = body
    for look in LOOKS.values():
        refused(keyed(node.url), look)


@every_look
def test_a_null_result_is_no_answer_but_for_a_receipt(node: Node, look: Look) -> None:
    node.body = b'{"jsonrpc":"2.0","id":2,"result":null}'
    if look in (LOOKS["receipt"], LOOKS["execution"]):
        assert ask(node.url, look) is None
    else:
        refused(keyed(node.url), look)


@pytest.mark.parametrize("status", [301, 307, 401, 404, 429, 500, 503])
def test_a_bad_status_is_no_answer(node: Node, status: int) -> None:
    node.status = status
    node.headers = {"Location": f"/elsewhere/{KEY}"}
    for look in LOOKS.values():
        node.asked.clear()
        assert f"HTTP {status}" in refused(keyed(node.url), look)
        # Nothing was asked of where it pointed to, and nothing was asked twice.
        assert len(node.asked) == 2


@every_look
def test_a_node_that_hangs_is_given_up(node: Node, look: Look) -> None:
    node.delay = 30
    began = time.monotonic()
    assert "within 0.2 s" in refused(keyed(node.url), look, seconds=0.2)
    assert time.monotonic() - began < 3


def test_a_node_that_drips_is_given_up() -> None:
    """The whole answer has to be there in time, not just each of its bytes."""

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b" ")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        assert "within 0.3 s" in refused(keyed(url), LOOKS["head"], seconds=0.3)
        assert time.monotonic() - began < 3
        dripping.join()


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/{KEY}",
        f"http://{KEY}.invalid/",
        f"ftp://127.0.0.1/{KEY}",
        f"{KEY}",
        f"http://127.0.0.1:99999/{KEY}",
        f"http://[{KEY}]/",
        f"https://127.0.0.1:1/{KEY}",
    ],
)
def test_no_node_at_all(url: str) -> None:
    refused(url, LOOKS["head"], seconds=3)


def test_an_endless_answer_is_cut(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "ANSWER_BYTES_MAX", 100_000)
    node.body = b" " * 1_000_000
    assert "more than" in refused(keyed(node.url), LOOKS["head"])


def test_a_wrong_chain_is_told_and_asked_for_again(node: Node) -> None:
    node.results |= {"eth_chainId": "0x2105", "eth_getBlockByNumber": BLOCK}
    assert refused(node.url, LOOKS["head"]) == "the node serves chain 8453, not 84532"
    assert node.methods == ["eth_chainId"]

    async def run() -> None:
        reader = EvmReader(network(node.url), node.url, confirmations=1)
        with pytest.raises(ChainUnavailable):
            await reader.head()
        node.results["eth_chainId"] = "0x14a34"
        await asyncio.gather(*(reader.head() for _ in range(10)))
        await reader.close()

    asyncio.run(run())
    # Once more because it was wrong, and never again after it was right.
    assert node.methods.count("eth_chainId") == 3


def test_the_hash_reaches_no_node_when_it_is_none(node: Node) -> None:
    for text in ("", "0x12", HASH + "0", "0x" + "zz" * 32, HASH.replace("ab", "é", 1)):
        with pytest.raises(ValueError, match="64 hex digits"):
            ask(node.url, lambda reader, text=text: reader.receipt(text))  # type: ignore[misc]
        with pytest.raises(ValueError, match="64 hex digits"):
            ask(node.url, lambda reader, text=text: reader.execution(text))  # type: ignore[misc]
    assert node.asked == []


def receipt(**changes: Any) -> dict[str, Any]:
    return {
        "transactionHash": HASH,
        "blockNumber": "0x10",
        "blockHash": BLOCK["hash"],
        "status": "0x1",
        "from": ADDRESS,
        "logs": [],
    } | changes


def test_a_receipt_of_a_block_that_was_left_behind_counts_as_none(node: Node) -> None:
    node.results |= {"eth_getTransactionReceipt": receipt(), "eth_getBlockByNumber": BLOCK}
    assert ask(node.url, LOOKS["receipt"]).succeeded
    # Another block has this number now, or the chain is shorter, yet the node still tells of the receipt.
    for canonical in (BLOCK | {"hash": "0x" + "22" * 32}, None):
        node.results["eth_getBlockByNumber"] = canonical
        assert ask(node.url, LOOKS["receipt"]) is None


@pytest.mark.parametrize("gap", ["blockNumber", "blockHash"])
def test_a_receipt_without_a_block_is_pending(node: Node, gap: str) -> None:
    node.results |= {"eth_getTransactionReceipt": receipt(**{gap: None}), "eth_getBlockByNumber": BLOCK}
    assert ask(node.url, LOOKS["receipt"]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionHash": "0x" + "cd" * 32},
        {"transactionHash": None},
        {"status": None},
        {"status": "yes"},
        {"blockNumber": 16},
        {"logs": None},
        {"logs": ["0x"]},
        {"logs": [{"address": ESCROW}]},
        {"logs": [{"address": ESCROW, "topics": ["zz"]}]},
    ],
)
def test_a_receipt_that_is_none(node: Node, changes: dict[str, Any]) -> None:
    node.results |= {"eth_getTransactionReceipt": receipt(**changes), "eth_getBlockByNumber": BLOCK}
    refused(keyed(node.url), LOOKS["receipt"])
    node.results["eth_getTransactionByHash"] = SENT
    refused(keyed(node.url), LOOKS["execution"])


SENT = {"hash": HASH, "value": "0x5", "to": ESCROW}
TRANSFER = "0x" + TRANSFER_TOPIC.hex()
PAYER, PAYEE = "0x" + "00" * 12 + "aa" * 20, "0x" + "00" * 12 + "bb" * 20
UNITS = "0x" + (7).to_bytes(32, "big").hex()


@pytest.mark.parametrize(
    "changes",
    [
        {"eth_getTransactionByHash": None},
        {"eth_getTransactionByHash": SENT | {"hash": "0x" + "cd" * 32}},
        {"eth_getTransactionByHash": {"hash": HASH, "to": ESCROW}},
        {"eth_getTransactionByHash": SENT | {"value": 5}},
        {"eth_getTransactionByHash": SENT | {"to": "0x12"}},
        {"eth_getTransactionReceipt": receipt(**{"from": None})},
        {"eth_getTransactionReceipt": receipt(**{"from": "0x" + "12" * 21})},
        {
            "eth_getTransactionReceipt": receipt(
                logs=[{"address": ADDRESS, "topics": [TRANSFER, PAYER, PAYEE]}]
            )
        },
        {"eth_getBlockByNumber": BLOCK | {"number": "0x11"}},
    ],
)
def test_what_a_transaction_did_is_not_guessed(node: Node, changes: dict[str, Any]) -> None:
    sound = {
        "eth_getTransactionReceipt": receipt(),
        "eth_getBlockByNumber": BLOCK,
        "eth_getTransactionByHash": SENT,
    }
    node.results |= sound
    assert ask(node.url, LOOKS["execution"]).transfers == (Transfer(NATIVE, ADDRESS, ESCROW, 5),)
    node.results |= changes
    refused(keyed(node.url), LOOKS["execution"])


def test_logs_that_are_no_transfers(node: Node) -> None:
    sound = {"address": ADDRESS.lower(), "topics": [TRANSFER, PAYER, PAYEE], "data": UNITS}
    logs = [
        sound | {"topics": []},
        sound | {"topics": [TRANSFER, PAYER]},
        # A token that is one of a kind has its number as a fourth topic.
        sound | {"topics": [TRANSFER, PAYER, PAYEE, UNITS], "data": "0x"},
        sound | {"topics": [PAYER, TRANSFER, PAYEE]},
        sound | {"data": "0x"},
        sound | {"data": UNITS + "00"},
        sound | {"topics": [TRANSFER, PAYER, "0x" + "bb" * 20]},
        sound | {"removed": True},
    ]
    node.results |= {
        "eth_getTransactionReceipt": receipt(logs=logs),
        "eth_getBlockByNumber": BLOCK,
        "eth_getTransactionByHash": SENT | {"value": "0x0"},
    }
    assert ask(node.url, LOOKS["execution"]).transfers == ()
    logs.append(sound)
    (found,) = ask(node.url, LOOKS["execution"]).transfers
    assert (found.token, found.units) == (ADDRESS, 7)
    assert (found.payer.lower(), found.payee.lower()) == ("0x" + "aa" * 20, "0x" + "bb" * 20)


def test_what_reverted_moved_nothing_whatever_the_node_says(node: Node) -> None:
    sound = {"address": ADDRESS, "topics": [TRANSFER, PAYER, PAYEE], "data": UNITS}
    node.results |= {
        "eth_getTransactionReceipt": receipt(status="0x0", logs=[sound]),
        "eth_getBlockByNumber": BLOCK,
    }
    done = ask(node.url, LOOKS["execution"])
    assert (done.succeeded, done.transfers, done.sender) == (False, (), ADDRESS)


def test_logs_that_name_no_escrow(node: Node) -> None:
    from valetkey.chains.evm.contracts import event_topic

    topic = "0x" + event_topic("Escrow", "EscrowCreated").hex()
    one = "0x" + "01" * 32
    logs = [
        {"address": ESCROW, "topics": []},
        {"address": ESCROW, "topics": [topic]},
        {"address": ESCROW, "topics": [one, topic]},
        {"address": ADDRESS, "topics": [topic, one]},
        {"address": ESCROW, "topics": [topic, one], "removed": True},
    ]
    node.results |= {"eth_getTransactionReceipt": receipt(logs=logs), "eth_getBlockByNumber": BLOCK}
    assert ask(node.url, LOOKS["receipt"]).escrows_created == frozenset()
    logs.append({"address": ESCROW.lower(), "topics": [topic, one]})
    assert ask(node.url, LOOKS["receipt"]).escrows_created == {b"\x01" * 32}


def test_final_of_a_node_that_answers_another_block(node: Node) -> None:
    node.results["eth_getBlockByNumber"] = BLOCK
    assert ask(node.url, LOOKS["final"]).number == 16
    refused(keyed(node.url), LOOKS["final"], confirmations=2)
    node.results["eth_getBlockByNumber"] = lambda which, _: BLOCK if which == "latest" else None
    refused(keyed(node.url), LOOKS["final"], confirmations=2)


def test_the_third_party_clients_own_escrow(node: Node) -> None:
    case = vectors("chain")["getEscrow"]
    asked = case["rpc"][0]["params"][0]
    node.results["eth_call"] = lambda request, _: case["returnData"] if request == asked else "0x"
    found = ask(node.url, lambda reader: reader.escrow(case["transactionId"]))
    wanted = case["decoded"]
    assert (found.token, found.buyer, found.seller) == (wanted["token"], wanted["buyer"], wanted["seller"])
    assert str(found.locked_amount) == wanted["lockedAmount"]
    assert str(found.platform_fee) == wanted["platformFee"]
    assert found.status == EscrowStatus(wanted["status"])
    assert (found.created_at, found.deadline) == (wanted["createdAt"], wanted["deadline"])
    assert (found.dispute_window, found.abandonment_grace) == (
        wanted["disputeWindow"],
        wanted["abandonmentGrace"],
    )
    assert found.delivered_at == wanted["deliveredAt"]
    assert "0x" + found.proof_hash.hex() == wanted["proofHash"]


def test_an_unknown_status_is_no_escrow(node: Node) -> None:
    data = bytearray(bytes.fromhex(vectors("chain")["getEscrow"]["returnData"][2:]))
    data[5 * 32 + 31] = 8
    node.results["eth_call"] = "0x" + data.hex()
    refused(keyed(node.url), LOOKS["escrow"])


def test_a_connection_that_was_closed_meanwhile_is_opened_again(node: Node) -> None:
    node.results["eth_getBlockByNumber"] = BLOCK

    async def run() -> None:
        reader = EvmReader(network(node.url), node.url, confirmations=1)
        await reader.head()
        node.hang_up_first = 1
        assert (await reader.head()).number == 16
        node.hang_up_first = 2
        with pytest.raises(ChainUnavailable):
            await reader.head()
        assert (await reader.head()).number == 16
        await reader.close()

    asyncio.run(run())


def test_closing_ends_what_is_under_way(node: Node) -> None:
    node.delay = 30
    # What earlier tests of this process left behind is theirs to close.
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        async def run() -> None:
            reader = EvmReader(network(node.url), node.url, confirmations=1)
            waiting = asyncio.create_task(reader.head())
            await asyncio.sleep(0.2)
            await reader.close()
            with pytest.raises(ChainUnavailable):
                await waiting

        asyncio.run(run())
        gc.collect()
    port = str(urlsplit(node.url).port)
    told = [str(one.message) for one in caught]
    assert [text for text in told if "socket" not in text or port in text] == []


def test_connections_are_kept_and_bounded(node: Node) -> None:
    def slowly(*_: Any) -> dict[str, str]:
        time.sleep(0.02)
        return BLOCK

    node.results["eth_getBlockByNumber"] = slowly

    async def run() -> None:
        reader = EvmReader(network(node.url), node.url, confirmations=1)
        for _ in range(3):
            await asyncio.gather(*(reader.head() for _ in range(40)))
        await reader.close()

    asyncio.run(run())
    assert 1 < node.busiest <= CONNECTIONS_MAX
    assert node.connections <= CONNECTIONS_MAX


def test_the_loop_goes_on_while_a_node_is_slow(node: Node) -> None:
    node.delay = 0.5
    node.results["eth_getBlockByNumber"] = BLOCK

    async def run() -> int:
        reader = EvmReader(network(node.url), node.url, confirmations=1)
        waiting = asyncio.create_task(reader.head())
        turns = 0
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0.01)
        await waiting
        await reader.close()
        return turns

    assert asyncio.run(run()) > 20


def test_what_the_node_said_is_kept_apart(node: Node) -> None:
    async def run() -> NodeRefused:
        client = AsyncNode(node.url)
        try:
            await client.call("eth_nothing")
        except NodeRefused as error:
            return error
        finally:
            await client.close()
        raise AssertionError("the node has no such method")

    error = asyncio.run(run())
    assert (error.rpc_code, str(error)) == (-32601, "the node refused eth_nothing (code -32601)")
    assert node.url in error.said
    assert repr(AsyncNode(keyed(node.url))) == "<AsyncNode>"


def test_a_reader_shows_no_url(network: MakeNetwork) -> None:
    made = network(keyed("http://127.0.0.1:1"))
    reader = EvmReader(made, made.rpc_url, confirmations=1)
    assert KEY not in repr(reader) + repr(made) + str(made) + f"{made}"
    asyncio.run(reader.close())

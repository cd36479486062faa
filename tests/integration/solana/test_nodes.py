"""Nodes that lie, hang and break, and inputs that cannot be meant. No text quotes the URL, which holds a key."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.fixtures_solana import TOKEN_2022, ClusterRpc
from tests.integration.evm.nodes import Node
from tests.integration.solana.acting import BUDGET, Scene, act
from valetkey.chains.solana.errors import SessionClosed, TokenMismatch, WrongChain
from valetkey.chains.solana.node import NodeRefused, SolanaNode
from valetkey.chains.solana.reader import SolanaReader
from valetkey.core.chains import LOCAL_GENESIS_HASH, SOLANA, SOLANA_LOCAL
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.crypto import base58
from valetkey.crypto.ed25519 import SigningKey

SIGNATURE = base58.encode(bytes(range(1, 65)))


def ask(node: Node, story: Callable[[SolanaReader], Awaitable[Any]], *, timeout: float = 5) -> Any:
    async def run() -> Any:
        reader = SolanaReader(SOLANA_LOCAL, f"{node.url}/?key=SECRET", timeout_seconds=timeout)
        try:
            return await story(reader)
        finally:
            await reader.close()

    try:
        return asyncio.run(run())
    except Exception as error:
        shown = [str(one) for one in (error, error.__cause__, error.__context__) if one is not None]
        assert not any("SECRET" in one for one in shown)
        raise


def lying(**results: Any) -> Node:
    node = Node()
    node.results = {"getGenesisHash": LOCAL_GENESIS_HASH, **results}
    return node


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b'{"result":1}',
        b'{"jsonrpc":"2.0","id":999,"result":1}',
        b"[" * 100_000,
    ],
    ids=["nothing", "no json", "a list", "null", "no id", "another id", "deep"],
)
def test_answers_that_are_none(body: bytes) -> None:
    node = lying()
    node.body = body
    with node, pytest.raises(ChainUnavailable):
        ask(node, lambda reader: reader.head())


@pytest.mark.parametrize("status", [301, 302, 307, 401, 429, 500, 503])
def test_other_statuses_and_redirects_are_no_answers(status: int) -> None:
    node = lying()
    node.status = status
    node.headers = {"Location": "http://127.0.0.1:1/"}
    with node, pytest.raises(ChainUnavailable):
        ask(node, lambda reader: reader.head())


def test_a_node_that_hangs_is_not_waited_for() -> None:
    node = lying()
    node.delay = 30
    with node, pytest.raises(ChainUnavailable):
        ask(node, lambda reader: reader.head(), timeout=0.2)


def test_a_node_that_is_not_there() -> None:
    async def run() -> None:
        node = SolanaNode(SOLANA_LOCAL, "http://127.0.0.1:1/?key=SECRET")
        with pytest.raises(ChainUnavailable) as failed:
            await node.ask("getSlot")
        assert "SECRET" not in f"{failed.value!r} {node!r}"
        await node.close()
        with pytest.raises(ChainUnavailable):
            await node.ask("getSlot")

    asyncio.run(run())


def test_another_cluster_is_refused_before_anything_else() -> None:
    node = lying(getGenesisHash="5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d", getSlot=5)
    with node, pytest.raises(WrongChain):
        ask(node, lambda reader: reader.head())
    assert [method for method, _ in node.asked] == ["getGenesisHash"]
    with pytest.raises(InvalidInput):
        SolanaNode(8453, "http://127.0.0.1:1")
    assert repr(SolanaNode(SOLANA, "http://127.0.0.1:1/SECRET")) == "<SolanaNode solana>"


@pytest.mark.parametrize(
    ("results", "story"),
    [
        ({"getSlot": "5"}, lambda reader: reader.final()),
        ({"getSlot": 5, "getBlockTime": None}, lambda reader: reader.final()),
        ({"getBalance": 5}, lambda reader: reader.native_balance("1" * 32)),
        (
            {"getBalance": {"context": {"slot": 1}, "value": -1}},
            lambda reader: reader.native_balance("1" * 32),
        ),
        (
            {"getMultipleAccounts": {"context": {"slot": 1}, "value": []}},
            lambda reader: reader.token_balance("1" * 32),
        ),
        (
            {"getMultipleAccounts": {"context": {"slot": 1}, "value": [{"data": ["?", "base64"]}]}},
            lambda reader: reader.token_balance("1" * 32),
        ),
        ({"getSignaturesForAddress": {}}, lambda reader: reader.payments("hold_1")),
        ({"getTransaction": {}}, lambda reader: reader.execution(SIGNATURE)),
        ({"getTransaction": {"transaction": ["AAAA", "base64"]}}, lambda reader: reader.execution(SIGNATURE)),
    ],
)
def test_answers_of_another_shape(
    results: dict[str, Any], story: Callable[[SolanaReader], Awaitable[Any]]
) -> None:
    with lying(**results) as node, pytest.raises(ChainUnavailable):
        ask(node, story)


def test_a_node_cannot_make_up_a_transaction(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 5, name="hold_1")
        await scene.delegate.pay(payment, commitment="finalized")
        told = scene.rpc("getTransaction", payment.signature, {"encoding": "base64"})
        other = await scene.delegate.sign(SigningKey.generate().address, 6, name="hold_2")
        raw = payment.raw
        forged = raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]
        for text in (other.transaction, base64.b64encode(forged).decode()):
            with lying(getTransaction={**told, "transaction": [text, "base64"]}) as node:
                reader = SolanaReader(SOLANA_LOCAL, node.url)
                with pytest.raises(ChainUnavailable):
                    await reader.execution(payment.signature)
                await reader.close()

    act(cluster, story)


@pytest.mark.parametrize("text", ["", "0" * 88, SIGNATURE[:-5], "0x" + "a" * 64, SIGNATURE + "111"])
def test_names_that_no_transaction_has(text: str) -> None:
    with lying() as node, pytest.raises(InvalidInput):
        ask(node, lambda reader: reader.execution(text))
    assert node.asked == []


def test_errors_of_a_node_keep_their_code() -> None:
    node = lying()
    answer = {"jsonrpc": "2.0", "error": {"code": -32005, "message": "behind http://SECRET"}}
    node.body = lambda request: json.dumps({**answer, "id": request["id"]}).encode()
    with node, pytest.raises(NodeRefused) as refused:
        ask(node, lambda reader: reader.head())
    assert refused.value.rpc_code == -32005


def extension(kind: int, size: int = 4) -> bytes:
    return kind.to_bytes(2, "little") + size.to_bytes(2, "little") + bytes(size)


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (extension(1, 108), "a transfer fee"),
        (extension(14, 64), "a transfer hook"),
        (extension(12, 32), "a permanent delegate"),
        (extension(18, 64) + extension(4, 65), "confidential transfers"),
        (extension(25), "scaled amounts"),
        (extension(99), "not known (type 99)"),
        (extension(3, 32) + extension(18, 64) + extension(19, 40), None),
        (b"", None),
    ],
)
def test_mints_whose_extensions_take_part_in_transfers_are_refused(
    cluster: ClusterRpc, rest: bytes, says: str | None
) -> None:
    mint = cluster.mint(6, TOKEN_2022)
    account = cluster("getAccountInfo", mint, {"encoding": "base64", "commitment": "processed"})["value"]
    data = base64.b64decode(account["data"][0]).ljust(165, b"\0") + b"\1" + rest
    cluster("valetkey_setAccount", mint, {**account, "data": [base64.b64encode(data).decode(), "base64"]})
    cluster.settle()

    async def story(scene: Scene) -> None:
        if says is None:
            assert (await scene.owner.mint(mint, 6)).decimals == 6
            return
        with pytest.raises(TokenMismatch) as refused:
            await scene.owner.mint(mint, 6)
        assert says in str(refused.value)

    act(cluster, story, is_open=False)


def test_bad_inputs(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        owner, mint, delegate = scene.owner, scene.mint, scene.delegate
        off_curve, key = str(scene.session.home), scene.key.address
        # Base58 has no 0 and no checksum: another letter in its place may well be somebody's address.
        misspelt = key[:10] + "0" + key[11:]
        for wrong in (
            "",
            "0x" + "a" * 40,
            "1" * 32,
            off_curve,
            key + "1",
            misspelt,
            None,
            scene.owner_key.address,
        ):
            with pytest.raises(InvalidInput):
                await owner.open(wrong, mint, BUDGET)  # type: ignore[arg-type]
        for units in (0, -1, 2**64, 1.5, True, None, "5"):
            with pytest.raises(InvalidInput):
                await owner.open(SigningKey.generate().address, mint, units)  # type: ignore[arg-type]
            with pytest.raises(InvalidInput):
                await delegate.sign(SigningKey.generate().address, units, name="hold_1")  # type: ignore[arg-type]
        for lamports in (-1, 10**12, 1.5, True):
            with pytest.raises(InvalidInput):
                await owner.open(key, mint, 5, fee_lamports=lamports)  # type: ignore[arg-type]
        for name in ("", "x" * 201):
            with pytest.raises(InvalidInput):
                await delegate.sign(scene.owner_key.address, 1, name=name)
        # A token account, a mint, a program's address: none of them is a wallet.
        for payee in (scene.home, str(mint.address), off_curve, "1" * 32, "0x" + "a" * 40, misspelt):
            with pytest.raises(InvalidInput):
                await delegate.sign(payee, 1, name="hold_1")
        with pytest.raises(InvalidInput) as refused:
            await delegate.sign(SigningKey.generate().address, 1, name="hold_1", create_account=False)
        assert refused.value.code == "no_token_account"
        with pytest.raises(SessionClosed):
            await owner.presign_revocation(owner.accounts(SigningKey.generate().address, mint))

    act(cluster, story)


def test_an_owner_without_enough_of_the_token_opens_nothing(cluster: ClusterRpc) -> None:
    from valetkey.chains.solana.errors import TransactionRefused

    async def story(scene: Scene) -> None:
        with pytest.raises(TransactionRefused) as refused:
            await scene.owner.open(scene.key.address, scene.mint, 10**15)
        assert refused.value.custom == 1
        assert scene.rpc("getAccountInfo", scene.account, {"commitment": "processed"})["value"] is None

    act(cluster, story, is_open=False)

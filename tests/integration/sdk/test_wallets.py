"""Both twins of the wallet client meet a node that fails in the same way: with our errors, which quote no URL."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.sdk.canned import Canned, Reply
from tests.vectors.leaks import parts_told
from valetkey import ChainUnavailable
from valetkey.chains.evm._async.wallet import AsyncEvmWallet
from valetkey.chains.evm._sync.wallet import EvmWallet
from valetkey.chains.evm.errors import CallReverts, NotAccepted, WrongChain
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.wallet import SignedTransaction
from valetkey.wire import calls

SECRET = "sk0123456789abcdefghij"
ESCROW = "0x1Aed68edafC24cc936cFabEcF88012CdF5DA0601"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
SOMEBODY = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
SIGNED = SignedTransaction(b"\x02", "0x" + "ab" * 32, 0, 1)
CHAIN = Reply(b'{"jsonrpc":"2.0","id":0,"result":"0x14a34"}')

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "native_balance": lambda wallet: wallet.native_balance(SOMEBODY),
    "token_balance": lambda wallet: wallet.token_balance(USDC, SOMEBODY),
    "allowance": lambda wallet: wallet.allowance(USDC, SOMEBODY, ESCROW),
    "escrow": lambda wallet: wallet.escrow("txn_1"),
    "block_time": lambda wallet: wallet.block_time(),
    "nonce": lambda wallet: wallet.nonce(),
    "fee_per_gas": lambda wallet: wallet.fee_per_gas(),
    "sign": lambda wallet: wallet.sign(calls.transfer(USDC, SOMEBODY, 1)),
    "sign_sweep": lambda wallet: wallet.sign_sweep(SOMEBODY),
    "send": lambda wallet: wallet.send(SIGNED),
    "mined": lambda wallet: wallet.mined(SIGNED.tx_hash),
    "wait": lambda wallet: wallet.wait(SIGNED.tx_hash, 0.1),
}

FAILURES = {
    "hang up": Reply(hang_up=True),
    "html": Reply(b"<html>", 200),
    "bad gateway": Reply(b"<html>", 502),
    "too many requests": Reply(b"{}", 429),
    "empty": Reply(b""),
    "no utf-8": Reply(b"\xff\xfe"),
    "an error": Reply(b'{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"out of order"}}'),
}


@pytest.fixture(params=[EvmWallet, AsyncEvmWallet], ids=["sync", "async"])
def ask(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, Callable[[Any], Any]], Any]]:
    """The answer of a wallet at a URL, of either twin. The library's own pauses before it asks anew are left out."""
    passing = asyncio.sleep
    monkeypatch.setattr("web3.providers.rpc.rpc.time.sleep", lambda seconds: None)
    monkeypatch.setattr("web3.providers.rpc.async_rpc.asyncio.sleep", lambda seconds: passing(0))
    signer = LocalSigner(PrivateKey.generate())
    with asyncio.Runner() as runner:

        def value(answer: Any) -> Any:
            return runner.run(answer) if inspect.iscoroutine(answer) else answer

        def answered(url: str, question: Callable[[Any], Any]) -> Any:
            wallet = request.param(f"{url}/{SECRET}", 84532, ESCROW, signer)
            try:
                return value(question(wallet))
            finally:
                value(wallet.close())

        yield answered


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_nobody_listens(ask: Any, question: Callable[[Any], Any]) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        ask("http://127.0.0.1:1", question)
    assert caught.value.retryable
    assert not parts_told(caught.value, SECRET)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("greeted", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_node_that_fails(ask: Any, failure: Reply, greeted: bool) -> None:
    for question in ("native_balance", "token_balance", "mined", "nonce"):
        with Canned(*([CHAIN] if greeted else []), failure) as node:
            with pytest.raises(ChainUnavailable) as caught:
                ask(node.url, QUESTIONS[question])
            assert not parts_told(caught.value, SECRET)


def test_another_chain(ask: Any) -> None:
    with Canned(Reply(b'{"jsonrpc":"2.0","id":0,"result":"0x1"}')) as node:
        with pytest.raises(WrongChain) as caught:
            ask(node.url, QUESTIONS["nonce"])
    assert not caught.value.retryable


def test_a_call_that_reverts_is_told_apart(ask: Any) -> None:
    reverted = Reply(
        b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted: not delivered","data":"0x"}}'
    )
    # The library asks for the chain again before and after it lets a call be estimated.
    with Canned(CHAIN, CHAIN, reverted, CHAIN) as node:
        with pytest.raises(CallReverts, match="not delivered"):
            ask(node.url, QUESTIONS["sign"])


def test_bytes_that_no_node_takes(ask: Any) -> None:
    low = Reply(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"nonce too low"}}')
    nobody = Reply(b'{"jsonrpc":"2.0","id":2,"result":null}')
    with Canned(CHAIN, low, nobody) as node:
        with pytest.raises(NotAccepted, match="nonce too low"):
            ask(node.url, QUESTIONS["send"])


@pytest.mark.parametrize("result", ["0x", "0x" + "0" * 62, "0x" + "0" * 128])
@pytest.mark.parametrize("question", ["token_balance", "escrow"])
def test_what_answers_is_no_contract_of_ours(ask: Any, result: str, question: str) -> None:
    with Canned(CHAIN, Reply(b'{"jsonrpc":"2.0","id":1,"result":"%s"}' % result.encode())) as node:
        with pytest.raises(ChainUnavailable):
            ask(node.url, QUESTIONS[question])

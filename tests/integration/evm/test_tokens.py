"""Decimals as a real chain tells them: contracts that say the known ones, others, nothing, or refuse."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from web3 import Web3

from tests.fixtures_chain import CHAIN_ID, ChainRpc
from tests.integration.devchain.programs import ECHO_REVERT, deploy
from tests.integration.evm.conftest import MakeNetwork
from valetkey.chains.evm._async.wallet import AsyncEvmWallet
from valetkey.chains.evm._sync.wallet import EvmWallet
from valetkey.chains.evm.deploy import Deployed
from valetkey.chains.evm.errors import WrongChain
from valetkey.chains.evm.reader import EvmReader
from valetkey.core.errors import ChainUnavailable
from valetkey.core.money import NATIVE, Asset
from valetkey.core.tokens import TokenMismatch
from valetkey.crypto.keys import checksum_address
from valetkey.engine.tokens import TokenChecks
from valetkey.ports.wallet import Call

NOWHERE = "http://127.0.0.1:9"


def says(number: int) -> bytes:
    """A contract that answers a number to everything: PUSH32 number, PUSH0 MSTORE, PUSH1 32 PUSH0 RETURN."""
    return b"\x7f" + number.to_bytes(32, "big") + bytes.fromhex("5f5260205ff3")


PROGRAMS = {
    "other decimals": says(18),
    "decimals of no token": says(2**255),
    "none": says(0),
    "one too many": says(7),
    "nothing": bytes.fromhex("00"),
    "a byte": bytes.fromhex("60065f5360015ff3"),  # PUSH1 6 PUSH0 MSTORE8 PUSH1 1 PUSH0 RETURN
    "a refusal": ECHO_REVERT,
}


@pytest.fixture
def contract(chain: ChainRpc) -> Callable[[bytes], Asset]:
    """What claims to be USDC, with this code."""
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))

    def make(code: bytes) -> Asset:
        return Asset("USDC", CHAIN_ID, deploy(web3, code), 6)

    return make


@pytest.fixture(params=["engine", "async wallet", "wallet"])
def check(request: pytest.FixtureRequest, chain: ChainRpc, network: MakeNetwork) -> Callable[..., Asset]:
    """Check an asset in each of the ways there are."""

    def ask(asset: Asset, rpc_url: str = chain.rpc_url) -> Asset:
        if request.param == "wallet":
            wallet = EvmWallet(rpc_url, CHAIN_ID, NATIVE)
            try:
                return wallet.checked(asset)
            finally:
                wallet.close()

        async def run() -> Asset:
            asked: Any = AsyncEvmWallet(rpc_url, CHAIN_ID, NATIVE)
            answer: Awaitable[Asset] = asked.checked(asset)
            if request.param == "engine":
                answer.close()  # type: ignore[attr-defined]
                asked = EvmReader(network(rpc_url), rpc_url, confirmations=1)
                answer = TokenChecks().checked(asset, asked)
            try:
                return await answer
            finally:
                await asked.close()

        return asyncio.run(run())

    return ask


def test_the_real_token_is_what_it_is_said_to_be(deployed: Deployed, check: Callable[..., Asset]) -> None:
    usdc = Asset("USDC", CHAIN_ID, deployed.usdc, 6)
    assert check(usdc) is usdc


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS)
def test_a_contract_that_says_otherwise_is_refused(
    code: bytes, contract: Callable[[bytes], Asset], check: Callable[..., Asset]
) -> None:
    with pytest.raises(TokenMismatch) as refused:
        check(contract(code))
    assert refused.value.code == "token_mismatch"


def test_what_makes_the_machine_stumble_is_no_answer(
    contract: Callable[[bytes], Asset], check: Callable[..., Asset]
) -> None:
    with pytest.raises(ChainUnavailable):
        check(contract(bytes.fromhex("fe")))  # INVALID


def test_an_account_without_code_is_refused(check: Callable[..., Asset]) -> None:
    with pytest.raises(TokenMismatch, match="is no token"):
        check(Asset("USDC", CHAIN_ID, checksum_address("0x" + "ab" * 20), 6))


def test_so_is_a_token_of_other_decimals_than_the_configuration_has(
    deployed: Deployed, check: Callable[..., Asset]
) -> None:
    with pytest.raises(TokenMismatch, match="has 6 decimals on its chain, not 18"):
        check(Asset("USDC", CHAIN_ID, deployed.usdc, 18))


def test_a_coin_is_no_contract(check: Callable[..., Asset]) -> None:
    coin = Asset("ETH", CHAIN_ID, NATIVE, 18)
    assert check(coin) is coin


def test_a_node_that_does_not_answer_says_nothing_about_a_token(
    deployed: Deployed, check: Callable[..., Asset]
) -> None:
    with pytest.raises(ChainUnavailable):
        check(Asset("USDC", CHAIN_ID, deployed.usdc, 6), NOWHERE)


def test_a_wallet_knows_tokens_of_its_own_chain_only(deployed: Deployed) -> None:
    with pytest.raises(TokenMismatch, match="is not of chain 84532"):
        EvmWallet(NOWHERE, CHAIN_ID, NATIVE).checked(Asset("USDC", 1, deployed.usdc, 6))


def test_a_wallet_asks_no_node_of_another_chain(deployed: Deployed, chain: ChainRpc) -> None:
    wallet = EvmWallet(chain.rpc_url, 8453, NATIVE)
    with pytest.raises(WrongChain):
        wallet.checked(Asset("USDC", 8453, deployed.usdc, 6))


class Counting:
    """A chain that counts what it is asked."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    async def view(self, call: Call) -> bytes:
        return self.answers.pop(0)


def test_a_chain_is_asked_until_it_says_yes_and_then_no_more() -> None:
    usdc = Asset("USDC", CHAIN_ID, checksum_address("0x" + "ab" * 20), 6)
    six, sound = (6).to_bytes(32, "big"), TokenChecks()
    chain = Counting(b"", six, six)

    async def run() -> None:
        with pytest.raises(TokenMismatch):
            await sound.checked(usdc, chain)
        for _ in range(3):
            assert await sound.checked(usdc, chain) is usdc
        assert len(chain.answers) == 1
        # Another asset is another question, also at the same address.
        with pytest.raises(TokenMismatch):
            await sound.checked(Asset("USDC", CHAIN_ID, usdc.address, 18), chain)

    asyncio.run(run())

"""Chains with other numbers: a development chain is whichever chain it is told to be, in every place that tells it."""

from collections.abc import Iterator

import pytest
from web3 import Web3

from tests.fixtures_chain import CHAIN_ID, PRIVATE_KEYS, ChainRpc, RpcError
from tests.integration.devchain.programs import CHAIN, deploy
from valetkey.chains.devchain import DevChain
from valetkey.chains.devchain.engines import find_anvil
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey, checksum_address

ENGINES = ["py-evm", *(["anvil"] if find_anvil() else [])]
"""anvil where it is installed."""

PAYEE = checksum_address("0x" + "5b" * 20)
SENDER = PrivateKey.from_hex(PRIVATE_KEYS[3])


@pytest.fixture(
    scope="module", params=[(engine, number) for engine in ENGINES for number in (8453, 1, 137)], ids=str
)
def rpc(request: pytest.FixtureRequest) -> Iterator[ChainRpc]:
    engine, number = request.param
    with DevChain.start(engine=engine, chain_id=number) as running:
        assert (running.chain_id, running.engine) == (number, engine)
        found = ChainRpc(running)
        yield found
        found.close()


def signed(rpc: ChainRpc, chain_id: int, value: int = 7) -> str:
    """A payment that is signed for a chain."""
    nonce = int(rpc("eth_getTransactionCount", SENDER.address, "latest"), 16)
    raw = LocalSigner(SENDER).sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "to": PAYEE,
            "value": value,
            "data": b"",
            "gas": 21_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    return "0x" + raw.hex()


def test_it_tells_its_number(rpc: ChainRpc) -> None:
    assert int(rpc("eth_chainId"), 16) == int(rpc("net_version")) == rpc.chain_id


def test_contracts_see_its_number(rpc: ChainRpc) -> None:
    contract = deploy(Web3(Web3.HTTPProvider(rpc.rpc_url)), CHAIN)
    assert int(rpc("eth_call", {"to": contract}, "latest"), 16) == rpc.chain_id


def test_it_takes_what_is_signed_for_it_and_nothing_else(rpc: ChainRpc) -> None:
    for other in (CHAIN_ID, 5):
        with pytest.raises(RpcError):
            rpc("eth_sendRawTransaction", signed(rpc, other))
    before = int(rpc("eth_getBalance", PAYEE, "latest"), 16)
    sent = rpc("eth_sendRawTransaction", signed(rpc, rpc.chain_id))
    assert int(rpc("eth_getTransactionReceipt", sent)["status"], 16) == 1
    assert int(rpc("eth_getTransactionByHash", sent)["chainId"], 16) == rpc.chain_id
    assert int(rpc("eth_getBalance", PAYEE, "latest"), 16) == before + 7

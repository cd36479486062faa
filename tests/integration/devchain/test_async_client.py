"""A whole round trip with web3.py's async client, as agents make it."""

import asyncio
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import ContractLogicError, TransactionNotFound

from tests.fixtures_chain import CHAIN_ID, PRIVATE_KEYS, ChainRpc
from tests.integration.devchain.programs import COUNTER, ECHO_REVERT, creation, error

GWEI = 10**9
ABI: Any = [
    {
        "type": "event",
        "name": "Counted",
        "anonymous": False,
        "inputs": [
            {"name": "who", "type": "address", "indexed": True},
            {"name": "count", "type": "uint256", "indexed": False},
        ],
    },
    {"type": "function", "name": "count", "stateMutability": "nonpayable", "inputs": [], "outputs": []},
]


def run(chain: ChainRpc, what: Any) -> None:
    async def connected() -> None:
        web3 = AsyncWeb3(AsyncHTTPProvider(chain.rpc_url))
        try:
            await what(web3)
        finally:
            await web3.provider.disconnect()

    asyncio.run(connected())


@pytest.mark.parametrize("kind", ["type 2", "legacy"])
def test_sign_send_and_wait(chain: ChainRpc, kind: str) -> None:
    account = Account.from_key(PRIVATE_KEYS[6])

    async def trip(web3: Any) -> None:
        assert await web3.is_connected()
        assert await web3.eth.chain_id == CHAIN_ID
        nonce = await web3.eth.get_transaction_count(account.address)
        fees: dict[str, Any] = {"gasPrice": await web3.eth.gas_price}
        if kind == "type 2":
            tip = await web3.eth.max_priority_fee
            base = (await web3.eth.get_block("latest"))["baseFeePerGas"]
            fees = {"type": 2, "maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}
        body = {"chainId": CHAIN_ID, "nonce": nonce, "value": 0, **fees}
        made = account.sign_transaction({**body, "gas": 200_000, "data": creation(COUNTER)})
        receipt = await web3.eth.wait_for_transaction_receipt(
            await web3.eth.send_raw_transaction(made.raw_transaction), timeout=10
        )
        assert receipt["status"] == 1

        counter = web3.eth.contract(receipt["contractAddress"], abi=ABI)
        request = await counter.functions.count().build_transaction({"from": account.address, **fees})
        assert request["chainId"] == CHAIN_ID
        signed = account.sign_transaction({**request, "nonce": nonce + 1})
        sent = await web3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = await web3.eth.wait_for_transaction_receipt(sent, timeout=10)
        assert receipt["type"] == (2 if kind == "type 2" else 0)
        (event,) = counter.events.Counted().process_receipt(receipt)
        assert (event["args"]["who"], event["args"]["count"]) == (account.address, 1)
        (log,) = await counter.events.Counted().get_logs(from_block=receipt["blockNumber"])
        assert log["transactionHash"] == sent
        transaction = await web3.eth.get_transaction(sent)
        assert (transaction["from"], transaction["nonce"]) == (account.address, nonce + 1)
        assert await web3.eth.get_transaction_count(account.address) == nonce + 2

    run(chain, trip)


def test_many_transactions_in_flight(chain: ChainRpc) -> None:
    account = Account.from_key(PRIVATE_KEYS[7])

    async def trip(web3: Any) -> None:
        nonce = await web3.eth.get_transaction_count(account.address)
        raws = [
            account.sign_transaction(
                {
                    "type": 2,
                    "chainId": CHAIN_ID,
                    "nonce": nonce + index,
                    "to": "0x" + "78" * 20,
                    "value": 1,
                    "gas": 21_000,
                    "maxFeePerGas": 5 * GWEI,
                    "maxPriorityFeePerGas": GWEI,
                }
            ).raw_transaction
            for index in range(20)
        ]
        # In any order: whatever is ahead of its turn waits for the others.
        sent = await asyncio.gather(*(web3.eth.send_raw_transaction(raw) for raw in reversed(raws)))
        receipts = await asyncio.gather(*(web3.eth.wait_for_transaction_receipt(one, 10) for one in sent))
        assert all(receipt["status"] == 1 for receipt in receipts)
        assert await web3.eth.get_balance("0x" + "78" * 20) == 20

    run(chain, trip)


def test_refusals_have_the_types_that_clients_catch(chain: ChainRpc) -> None:
    async def trip(web3: Any) -> None:
        made = chain("eth_sendTransaction", {"data": "0x" + creation(ECHO_REVERT).hex()})
        contract = (await web3.eth.get_transaction_receipt(made))["contractAddress"]
        with pytest.raises(ContractLogicError, match="not the seller"):
            await web3.eth.call({"to": contract, "data": error("not the seller")})
        with pytest.raises(ContractLogicError, match="not the seller"):
            await web3.eth.estimate_gas({"to": contract, "data": error("not the seller")})
        for look in (web3.eth.get_transaction, web3.eth.get_transaction_receipt):
            with pytest.raises(TransactionNotFound):
                await look("0x" + "11" * 32)

    run(chain, trip)


def test_typed_data_is_signed_for_the_chain_that_answers(chain: ChainRpc) -> None:
    account = Account.from_key(PRIVATE_KEYS[6])
    typed = {
        "types": {
            "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
            "Note": [{"name": "n", "type": "uint8"}],
        },
        "primaryType": "Note",
        "domain": {"chainId": int(chain("eth_chainId"), 16)},
        "message": {"n": 1},
    }
    message = encode_typed_data(full_message=typed)
    signed = account.sign_message(message)
    assert Account.recover_message(message, signature=signed.signature) == account.address
    typed["domain"] = {"chainId": 1}
    assert encode_typed_data(full_message=typed).header != message.header

"""The reader against a real chain with the real contracts."""

import asyncio
import gc
import logging
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from tests.fixtures_chain import ACCOUNTS, ChainRpc
from tests.integration.evm.conftest import OWNER, MakeNetwork, OwnWallets
from tests.integration.platform.onchain import ETHER, Chain, calldata
from valetkey.chains.devchain import DevChain, dev_private_key
from valetkey.chains.evm.deploy import DEVELOPMENT_TREASURY, Deployed, deploy
from valetkey.chains.evm.reader import EvmReader
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.escrow import EscrowStatus
from valetkey.core.money import NATIVE
from valetkey.crypto.errors import InvalidAddress
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.chain import ChainReader, Transfer
from valetkey.wire.proofs import escrow_id

T = TypeVar("T")
Read = Callable[..., Any]

PURCHASE = "txn_00000000000000000001"
SELLER = ACCOUNTS[4]
PRICE = 5_100_000


@pytest.fixture
def read(chain: ChainRpc, network: MakeNetwork) -> Read:
    """Ask a fresh reader one thing."""

    def ask(look: Callable[[EvmReader], Awaitable[T]], confirmations: int = 1, **changes: Any) -> T:
        async def run() -> T:
            reader = EvmReader(network(chain.rpc_url, **changes), chain.rpc_url, confirmations=confirmations)
            try:
                return await look(reader)
            finally:
                await reader.close()

        return asyncio.run(run())

    return ask


@pytest.fixture
def buyer(onchain: Chain) -> PrivateKey:
    key = PrivateKey.generate()
    onchain.supply(key.address, PRICE)
    return key


def made(units: int = PRICE, purchase: str = PURCHASE) -> Any:
    """The payment instructions of a purchase."""
    pay = {"escrowId": "0x" + escrow_id(purchase).hex(), "totalWithFee": str(units), "sellerAddress": SELLER}
    return {"paymentInstructions": pay}


def test_it_is_a_reader(network: MakeNetwork) -> None:
    reader: ChainReader = EvmReader(network("http://127.0.0.1:1"), "http://127.0.0.1:1", confirmations=1)
    assert reader.escrow_id(PURCHASE) == escrow_id(PURCHASE)
    asyncio.run(reader.close())


def test_head_is_the_newest_block(read: Read, chain: ChainRpc) -> None:
    block = chain("eth_getBlockByNumber", "latest", False)
    head = read(lambda reader: reader.head())
    assert (head.number, head.timestamp) == (int(block["number"], 16), int(block["timestamp"], 16))


@pytest.mark.parametrize("confirmations", [1, 2, 5])
def test_final_is_as_deep_as_the_network_asks(read: Read, chain: ChainRpc, confirmations: int) -> None:
    chain("anvil_mine", 6, 12)
    number = int(chain("eth_blockNumber"), 16) - (confirmations - 1)
    block = chain("eth_getBlockByNumber", hex(number), False)
    final = read(lambda reader: reader.final(), confirmations=confirmations)
    assert (final.number, final.timestamp) == (number, int(block["timestamp"], 16))


def test_final_never_goes_below_the_first_block(read: Read) -> None:
    assert read(lambda reader: reader.final(), confirmations=1_000_000).number == 0


def test_an_escrow_from_payment_to_release(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    assert read(lambda reader: reader.escrow(PURCHASE)) is None
    onchain.pay(buyer, made())
    funded = read(lambda reader: reader.escrow(PURCHASE))
    assert (funded.buyer, funded.seller, funded.token) == (buyer.address, SELLER, onchain.usdc)
    assert (funded.locked_amount, funded.platform_fee, funded.amount) == (5_000_000, 100_000, PRICE)
    assert funded.status is EscrowStatus.FUNDED
    assert (funded.dispute_window, funded.abandonment_grace, funded.delivered_at) == (3_600, 172_800, 0)
    assert funded.deadline >= funded.created_at + 3_600
    assert (funded.proof_hash, funded.criteria_hash) == (bytes(32), bytes(32))

    seller = PrivateKey(dev_private_key(4))
    onchain.act(seller, "submitDelivery(bytes32,bytes32)", PURCHASE, b"\x07" * 32)
    delivered = read(lambda reader: reader.escrow(PURCHASE))
    assert delivered.status is EscrowStatus.DELIVERED
    assert delivered.proof_hash == b"\x07" * 32
    assert delivered.delivered_at > 0

    before = read(lambda reader: reader.token_balance(SELLER))
    onchain.act(buyer, "accept(bytes32)", PURCHASE)
    assert read(lambda reader: reader.escrow(PURCHASE)).status is EscrowStatus.RELEASED
    assert read(lambda reader: reader.token_balance(SELLER)) == before + 5_000_000
    assert read(lambda reader: reader.token_balance(DEVELOPMENT_TREASURY)) >= 100_000
    assert read(lambda reader: reader.score(buyer.address)) == 1


def test_an_escrow_as_it_was(read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey) -> None:
    onchain.pay(buyer, made())
    funded_at = int(chain("eth_blockNumber"), 16)
    onchain.act(PrivateKey(dev_private_key(4)), "submitDelivery(bytes32,bytes32)", PURCHASE, b"\x07" * 32)
    assert read(lambda reader: reader.escrow(PURCHASE, at_block=funded_at - 1)) is None
    assert read(lambda reader: reader.escrow(PURCHASE, at_block=funded_at)).status is EscrowStatus.FUNDED
    assert (
        read(lambda reader: reader.escrow(PURCHASE, at_block=funded_at + 1)).status is EscrowStatus.DELIVERED
    )
    with pytest.raises(ChainUnavailable):
        read(lambda reader: reader.escrow(PURCHASE, at_block=funded_at + 1_000))


def test_a_receipt_names_the_escrows_that_were_made(
    read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey
) -> None:
    paid = onchain.pay(buyer, made())
    receipt = read(lambda reader: reader.receipt(paid))
    assert receipt.tx_hash == paid
    assert receipt.succeeded
    assert receipt.block_number == int(chain("eth_blockNumber"), 16)
    assert receipt.escrows_created == {escrow_id(PURCHASE)}
    assert read(lambda reader: reader.receipt("0x" + paid[2:].upper())) == receipt


def test_a_receipt_of_something_else_names_none(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    sent = onchain.send(buyer, onchain.usdc, calldata("transfer(address,uint256)", SELLER, 5))
    receipt = read(lambda reader: reader.receipt(sent["transactionHash"].to_0x_hex()))
    assert receipt.succeeded
    assert receipt.escrows_created == frozenset()


def test_what_a_transaction_did(read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey) -> None:
    sent = onchain.send(buyer, onchain.usdc, calldata("transfer(address,uint256)", SELLER, 5))
    tx_hash = sent["transactionHash"].to_0x_hex()
    done = read(lambda reader: reader.execution(tx_hash))
    block = chain("eth_getBlockByNumber", "latest", False)
    assert (done.tx_hash, done.sender, done.succeeded) == (tx_hash, buyer.address, True)
    assert (done.block.number, done.block.timestamp) == (
        int(block["number"], 16),
        int(block["timestamp"], 16),
    )
    assert done.transfers == (Transfer(onchain.usdc, buyer.address, SELLER, 5),)
    assert read(lambda reader: reader.execution("0x" + "77" * 32)) is None
    paid = onchain.pay(buyer, made(100))
    # The buyer pays the escrow, which pays its fee at once.
    first, *_ = read(lambda reader: reader.execution(paid)).transfers
    assert first == Transfer(onchain.usdc, buyer.address, onchain.escrow, 100)


def test_the_chain_s_own_coin_is_a_transfer_too(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    sent = {"from": onchain.rich, "to": buyer.address, "value": 7}
    tx_hash = onchain.web3.eth.send_transaction(sent).to_0x_hex()  # type: ignore[arg-type]
    onchain.web3.eth.wait_for_transaction_receipt(tx_hash, 20)  # type: ignore[arg-type]
    done = read(lambda reader: reader.execution(tx_hash))
    assert done.transfers == (Transfer(NATIVE, onchain.rich, buyer.address, 7),)


def test_what_reverted_moved_nothing(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    sent = onchain.send(buyer, onchain.usdc, calldata("transfer(address,uint256)", SELLER, PRICE + 1))
    done = read(lambda reader: reader.execution(sent["transactionHash"].to_0x_hex()))
    assert (done.succeeded, done.sender, done.transfers) == (False, buyer.address, ())


def test_a_reverted_transaction_proves_nothing(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    sent = onchain.send(buyer, onchain.escrow, calldata("accept(bytes32)", escrow_id(PURCHASE)))
    receipt = read(lambda reader: reader.receipt(sent["transactionHash"].to_0x_hex()))
    assert (receipt.succeeded, receipt.escrows_created) == (False, frozenset())


def test_a_contract_that_looks_like_the_escrow_proves_nothing(
    read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey
) -> None:
    # Another owner's contracts: the same code, another address.
    theirs = deploy(chain.rpc_url, LocalSigner(PrivateKey(dev_private_key(3))))
    assert theirs.escrow != onchain.escrow
    impostor = OwnWallets(chain.rpc_url, theirs.escrow, theirs.score, theirs.usdc)
    impostor.supply(buyer.address, PRICE)
    paid = impostor.pay(buyer, made())
    receipt = read(lambda reader: reader.receipt(paid))
    assert (receipt.succeeded, receipt.escrows_created) == (True, frozenset())
    assert read(lambda reader: reader.escrow(PURCHASE)) is None
    seen = read(lambda reader: reader.receipt(paid), escrow=theirs.escrow)
    assert seen.escrows_created == {escrow_id(PURCHASE)}


def test_pending_and_unknown_transactions_have_no_receipt(
    read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey
) -> None:
    assert read(lambda reader: reader.receipt("0x" + "ab" * 32)) is None
    chain("evm_setAutomine", False)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[7], "to": ACCOUNTS[8], "value": "0x1"})
    assert read(lambda reader: reader.receipt(sent)) is None
    chain("evm_mine")
    assert read(lambda reader: reader.receipt(sent)).succeeded


def test_a_reorganised_payment_is_gone(
    read: Read, onchain: Chain, chain: ChainRpc, buyer: PrivateKey
) -> None:
    before = chain("evm_snapshot")
    paid = onchain.pay(buyer, made())
    assert read(lambda reader: reader.receipt(paid)) is not None
    chain("evm_revert", before)
    chain("anvil_mine", 3)
    assert read(lambda reader: reader.receipt(paid)) is None
    assert read(lambda reader: reader.escrow(PURCHASE)) is None


@pytest.mark.parametrize(
    "tx_hash", ["", "0x", "ab" * 32, "0x" + "ab" * 31, "0x" + "g" * 64, "0x" + "ab" * 32 + "\n"]
)
def test_what_is_no_hash_is_refused(read: Read, tx_hash: str) -> None:
    with pytest.raises(InvalidInput):
        read(lambda reader: reader.receipt(tx_hash))


def test_balances(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    assert read(lambda reader: reader.token_balance(buyer.address)) == PRICE
    assert read(lambda reader: reader.token_balance(buyer.address.lower())) == PRICE
    assert read(lambda reader: reader.native_balance(buyer.address)) == ETHER
    nobody = PrivateKey.generate().address
    assert read(lambda reader: reader.token_balance(nobody)) == 0
    assert read(lambda reader: reader.native_balance(nobody)) == 0
    with pytest.raises(InvalidAddress):
        read(lambda reader: reader.token_balance("0x12"))
    with pytest.raises(InvalidAddress):
        read(lambda reader: reader.native_balance("0x12"))
    with pytest.raises(InvalidAddress):
        read(lambda reader: reader.score("0x12"))


def test_a_score_may_be_below_zero(read: Read, onchain: Chain, buyer: PrivateKey) -> None:
    assert read(lambda reader: reader.score(SELLER)) == 0
    onchain.send(OWNER, onchain.score, calldata("setRecorder(address,bool)", OWNER.address, True))
    onchain.send(OWNER, onchain.score, calldata("recordAbandonment(address,uint256)", SELLER, 1))
    assert read(lambda reader: reader.score(SELLER)) == -5


@pytest.mark.parametrize("change", ["escrow", "usdc", "score"])
def test_an_address_without_the_contract_answers_nothing(read: Read, change: str) -> None:
    looks: dict[str, Callable[[EvmReader], Awaitable[Any]]] = {
        "escrow": lambda reader: reader.escrow(PURCHASE),
        "usdc": lambda reader: reader.token_balance(SELLER),
        "score": lambda reader: reader.score(SELLER),
    }
    with pytest.raises(ChainUnavailable):
        read(looks[change], **{change: ACCOUNTS[9]})


def test_another_chain_is_refused_by_its_id(read: Read) -> None:
    for look in (lambda reader: reader.head(), lambda reader: reader.receipt("0x" + "ab" * 32)):
        with pytest.raises(ChainUnavailable, match="the node serves chain 84532, not 8453"):
            read(look, chain_id=8453)


def test_it_leaves_nothing_open_and_logs_no_url(
    devchain: DevChain, deployed: Deployed, network: MakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        reader = EvmReader(network(devchain.rpc_url), devchain.rpc_url, confirmations=1)
        await asyncio.gather(*(reader.head() for _ in range(20)))
        await reader.close()
        await reader.close()
        with pytest.raises(ChainUnavailable, match="closed"):
            await reader.head()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(run(), debug=True)
        gc.collect()
    assert [str(one.message) for one in caught] == []
    assert devchain.rpc_url not in caplog.text
    assert devchain.rpc_url not in repr(network(devchain.rpc_url))

"""Deploying: at the addresses that clients know on a development chain, anywhere else on others."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fixtures_chain import ACCOUNTS, ChainRpc
from tests.integration.evm.conftest import OWNER, OwnWallets
from tests.integration.evm.nodes import Node
from tests.integration.platform.onchain import Chain, calldata
from valetkey.chains.devchain import DevChain, dev_private_key
from valetkey.chains.evm import contracts, create2
from valetkey.chains.evm.contracts import event_topic
from valetkey.chains.evm.deploy import DEVELOPMENT_TREASURY, Deployed, DeploymentFailed, deploy
from valetkey.chains.evm.networks import KNOWN_ADDRESSES
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import PrivateKey, checksum_address, keccak256

KNOWN = KNOWN_ADDRESSES[84532]
ALLOWANCE = create2.address_of(contracts.bytecode("SessionAllowance"))
"""Wherever it is deployed."""
SIGNER = LocalSigner(OWNER)
ANOTHER = LocalSigner(PrivateKey(dev_private_key(2)))

View = Callable[..., bytes]


@pytest.fixture
def view(chain: ChainRpc) -> View:
    """What a view of a contract answers now."""
    return lambda contract, function, *arguments: look(chain, contract, function, *arguments)


def look(chain: ChainRpc, contract: str, function: str, *arguments: Any) -> bytes:
    request = {"to": contract, "data": calldata(function, *arguments)}
    return bytes.fromhex(chain("eth_call", request, "latest")[2:])


def address(word: bytes) -> str:
    return checksum_address("0x" + word[-20:].hex())


def code(chain: ChainRpc, contract: str) -> bytes:
    return bytes.fromhex(chain("eth_getCode", contract, "latest")[2:])


def head(chain: ChainRpc) -> int:
    return int(chain("eth_blockNumber"), 16)


def configured(chain: ChainRpc, made: Deployed, owner: str, treasury: str) -> None:
    """Everything that deploying promises."""
    assert address(look(chain, made.escrow, "owner()")) == owner
    assert address(look(chain, made.escrow, "treasury()")) == treasury
    assert address(look(chain, made.escrow, "resolver()")) == owner
    assert address(look(chain, made.escrow, "score()")) == made.score
    assert address(look(chain, made.score, "owner()")) == owner
    assert any(look(chain, made.escrow, "isTokenSupported(address)", made.usdc))
    assert any(look(chain, made.score, "isRecorder(address)", made.escrow))
    assert address(look(chain, made.escrow, "allowance()")) == made.allowance == ALLOWANCE
    assert code(chain, made.allowance) == contracts.runtime_code("SessionAllowance")
    assert not any(look(chain, made.escrow, "paused()"))
    assert int.from_bytes(look(chain, made.usdc, "decimals()"), "big") == 6


def test_they_stand_where_clients_know_them(deployed: Deployed, chain: ChainRpc) -> None:
    assert deployed == Deployed(KNOWN.escrow, KNOWN.score, KNOWN.usdc, ALLOWANCE)
    configured(chain, deployed, OWNER.address, DEVELOPMENT_TREASURY)
    assert DEVELOPMENT_TREASURY not in ACCOUNTS


def test_their_code_is_the_code_that_a_deployment_makes(deployed: Deployed, chain: ChainRpc) -> None:
    plain = deploy(chain.rpc_url, ANOTHER)
    for here, there in (
        (deployed.escrow, plain.escrow),
        (deployed.score, plain.score),
        (deployed.usdc, plain.usdc),
    ):
        assert here != there
        assert code(chain, here) == code(chain, there) != b""


def test_their_events_are_there_from_the_start(deployed: Deployed, chain: ChainRpc) -> None:
    def logged(contract: str, topic: bytes) -> list[str]:
        wanted = {"address": contract, "fromBlock": "earliest", "topics": ["0x" + topic.hex()]}
        return [checksum_address("0x" + log["topics"][1][-40:]) for log in chain("eth_getLogs", wanted)]

    assert logged(deployed.escrow, event_topic("Escrow", "TokenSupportChanged")) == [deployed.usdc]
    assert logged(deployed.score, event_topic("Score", "RecorderChanged")) == [deployed.escrow]
    assert len(logged(deployed.escrow, event_topic("Escrow", "OwnershipTransferred"))) == 1


def test_the_token_signs_for_its_own_address(deployed: Deployed, view: View) -> None:
    fields = [
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
        keccak256(b"USDC"),
        keccak256(b"2"),
        (84532).to_bytes(32, "big"),
        bytes(12) + bytes.fromhex(deployed.usdc[2:]),
    ]
    assert view(deployed.usdc, "DOMAIN_SEPARATOR()") == keccak256(b"".join(fields))


def test_deploying_again_changes_nothing(onchain: Chain, chain: ChainRpc, view: View) -> None:
    onchain.supply(ACCOUNTS[6], 7)
    before = head(chain)
    for _ in range(2):
        assert deploy(chain.rpc_url, SIGNER) == Deployed(KNOWN.escrow, KNOWN.score, KNOWN.usdc, ALLOWANCE)
    assert head(chain) == before
    assert int.from_bytes(view(onchain.usdc, "balanceOf(address)", ACCOUNTS[6]), "big") == 7


def test_what_an_interrupted_deployment_left_is_completed(onchain: OwnWallets, chain: ChainRpc) -> None:
    made = Deployed(KNOWN.escrow, KNOWN.score, KNOWN.usdc, ALLOWANCE)
    onchain.supply(ACCOUNTS[6], 7)
    # Between the steps of placing Score: it has its creation code, and nobody may record.
    argument = bytes(12) + bytes.fromhex(OWNER.address[2:])
    chain("anvil_setCode", made.score, "0x" + (contracts.bytecode("Score") + argument).hex())
    chain("anvil_setCode", made.escrow, "0x")
    assert deploy(chain.rpc_url, SIGNER) == made
    configured(chain, made, OWNER.address, DEVELOPMENT_TREASURY)
    # Between the last two transactions.
    onchain.send(OWNER, made.score, calldata("setRecorder(address,bool)", made.escrow, False))
    onchain.send(OWNER, made.escrow, calldata("setTokenSupported(address,bool)", made.usdc, False))
    assert deploy(chain.rpc_url, SIGNER) == made
    configured(chain, made, OWNER.address, DEVELOPMENT_TREASURY)
    assert int.from_bytes(look(chain, made.usdc, "balanceOf(address)", ACCOUNTS[6]), "big") == 7


@pytest.mark.parametrize("taken", [KNOWN.escrow, KNOWN.score, KNOWN.usdc])
def test_what_somebody_else_put_there_stays(deployed: Deployed, chain: ChainRpc, taken: str) -> None:
    chain("anvil_setCode", taken, "0x6001")
    made = deploy(chain.rpc_url, SIGNER)
    assert not {made.escrow, made.score, made.usdc} & {KNOWN.escrow, KNOWN.score, KNOWN.usdc}
    assert code(chain, taken) == bytes.fromhex("6001")
    configured(chain, made, OWNER.address, DEVELOPMENT_TREASURY)


def test_another_owner_gets_contracts_of_its_own(deployed: Deployed, chain: ChainRpc) -> None:
    first, second = deploy(chain.rpc_url, ANOTHER), deploy(chain.rpc_url, ANOTHER)
    assert len({deployed.escrow, first.escrow, second.escrow}) == 3
    configured(chain, first, ANOTHER.address, DEVELOPMENT_TREASURY)
    configured(chain, deployed, OWNER.address, DEVELOPMENT_TREASURY)


def test_on_a_development_chain_with_another_id_they_are_deployed_plainly() -> None:
    with DevChain.start(engine="py-evm", chain_id=31337) as other:
        made = deploy(other.rpc_url, SIGNER)
        assert made.escrow != KNOWN.escrow
        rpc = ChainRpc(other)
        configured(rpc, made, OWNER.address, DEVELOPMENT_TREASURY)
        rpc.close()


def forward(node: Node, chain: ChainRpc, without: tuple[str, ...]) -> None:
    """Let a node be the chain, but for the methods with these beginnings."""

    def answer(request: Any) -> bytes:
        if request["method"].startswith(without):
            error = {"code": -32601, "message": "method not found"}
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()
        return httpx.post(chain.rpc_url, json=request, trust_env=False).content

    node.body = answer


def test_on_a_chain_of_strangers_the_owner_is_the_treasury(
    deployed: Deployed, chain: ChainRpc, node: Node
) -> None:
    forward(node, chain, ("anvil_", "hardhat_", "evm_", "eth_maxPriorityFeePerGas"))
    made = deploy(node.url, SIGNER)
    assert made.escrow != KNOWN.escrow
    configured(chain, made, OWNER.address, OWNER.address)
    assert not {"eth_sendTransaction", "eth_accounts"} & set(node.methods)


def test_hardhats_name_of_the_method_will_do(deployed: Deployed, chain: ChainRpc, node: Node) -> None:
    chain("anvil_setCode", KNOWN.escrow, "0x")
    forward(node, chain, ("anvil_",))
    assert deploy(node.url, SIGNER).escrow == KNOWN.escrow
    assert "hardhat_setCode" in node.methods
    configured(chain, deployed, OWNER.address, DEVELOPMENT_TREASURY)


def test_it_waits_for_blocks(deployed: Deployed, chain: ChainRpc) -> None:
    chain("evm_setAutomine", False)
    done = threading.Event()

    def mine() -> None:
        with httpx.Client(trust_env=False) as http:
            while not done.wait(0.05):
                http.post(chain.rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []})

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        made = deploy(chain.rpc_url, ANOTHER)
    finally:
        done.set()
        miner.join()
    configured(chain, made, ANOTHER.address, DEVELOPMENT_TREASURY)


def test_without_ether_it_says_so(deployed: Deployed, chain: ChainRpc) -> None:
    key = PrivateKey.generate()
    before = head(chain)
    with pytest.raises(DeploymentFailed, match="insufficient funds") as caught:
        deploy(chain.rpc_url, LocalSigner(key))
    assert not caught.value.retryable
    assert key.to_hex(prefix=False) not in str(caught.value)
    assert head(chain) == before


def test_a_reverting_deployment_is_told(deployed: Deployed, chain: ChainRpc, node: Node) -> None:
    forward(node, chain, ("anvil_", "hardhat_"))
    forwarded = node.body
    assert callable(forwarded)

    def with_too_little_gas(request: Any) -> bytes:
        if request["method"] == "eth_estimateGas":
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": hex(150_000)}).encode()
        return forwarded(request)

    node.body = with_too_little_gas
    with pytest.raises(DeploymentFailed, match="reverted"):
        deploy(node.url, SIGNER)


def test_without_a_node_nothing_answers() -> None:
    with pytest.raises(ChainUnavailable) as caught:
        deploy("http://127.0.0.1:1/s3cret", SIGNER)
    assert "s3cret" not in str(caught.value)


def test_a_refusal_that_quotes_the_url_is_not_repeated(node: Node) -> None:
    # The node's own error message names its URL.
    with pytest.raises(DeploymentFailed) as caught:
        deploy(node.url, SIGNER)
    assert str(caught.value) == "the node refused eth_estimateGas: code -32601"

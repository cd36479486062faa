"""The networks and the compiled contracts as they are shipped."""

from typing import get_args

import pytest

from tests.vectors.files import vectors
from valetkey.chains.evm import contracts
from valetkey.chains.evm.contracts import Name
from valetkey.chains.evm.networks import BASE, BASE_SEPOLIA, KNOWN_ADDRESSES, Network
from valetkey.crypto.keys import checksum_address, keccak256

CHAIN = vectors("chain")
NAMES: tuple[Name, ...] = get_args(Name)
CLIENT_VIEWS = {
    "getScore(address)": "Score",
    "getMaxJobValue(address)": "Score",
    "getAgentStats(address)": "Score",
}
CLIENT_TOKEN = {
    "approve(address,uint256)",
    "transfer(address,uint256)",
    "balanceOf(address)",
    "allowance(address,address)",
}
OF_ANOTHER_CONTRACT = {"submitResolution(bytes32,uint8,uint256,uint256,string)"}


@pytest.mark.parametrize("chain_id", [BASE, BASE_SEPOLIA])
def test_known_addresses_are_those_of_the_third_party_client(chain_id: int) -> None:
    known = KNOWN_ADDRESSES[chain_id]
    assert known.escrow == CHAIN["addresses"]["escrow"][str(chain_id)]
    assert known.score == CHAIN["addresses"]["score"][str(chain_id)]
    for address in (known.escrow, known.score, known.usdc):
        assert checksum_address(address) == address
    assert KNOWN_ADDRESSES[BASE_SEPOLIA].usdc == CHAIN["addresses"]["usdcBaseSepolia"]


def test_a_network_does_not_show_its_url() -> None:
    known = KNOWN_ADDRESSES[BASE]
    network = Network(
        "base", "base", BASE, "https://node/v3/s3cret", known.escrow, known.score, known.usdc, 3
    )
    assert "s3cret" not in repr(network)
    assert known.escrow in repr(network)
    assert network.rpc_url == "https://node/v3/s3cret"


@pytest.mark.parametrize("name", NAMES)
def test_artifacts_are_whole(name: Name) -> None:
    assert len(contracts.bytecode(name)) > 1_000
    assert {"function", "event"} <= {entry["type"] for entry in contracts.abi(name)}


def test_constructors_take_what_deploying_gives() -> None:
    assert contracts.constructor_types("Score") == ("address",)
    assert contracts.constructor_types("TestUSDC") == ()
    assert contracts.constructor_types("Escrow") == ("address", "address", "address", "address", "address[]")


def test_every_function_that_the_third_party_client_calls_is_there() -> None:
    for signature, selector in CHAIN["selectors"].items():
        assert "0x" + keccak256(signature.encode())[:4].hex() == selector
        if signature in OF_ANOTHER_CONTRACT:
            continue
        name: Name = (
            "TestUSDC" if signature in CLIENT_TOKEN else "Score" if signature in CLIENT_VIEWS else "Escrow"
        )
        assert signature in signatures(name), f"{name} has no {signature}"


def test_the_id_of_an_escrow_is_the_first_topic_after_the_name() -> None:
    (event,) = (one for one in contracts.abi("Escrow") if one.get("name") == "EscrowCreated")
    first = event["inputs"][0]
    assert (first["type"], first["indexed"]) == ("bytes32", True)
    types = ",".join(one["type"] for one in event["inputs"])
    assert contracts.event_topic("Escrow", "EscrowCreated") == keccak256(f"EscrowCreated({types})".encode())


def signatures(name: Name) -> set[str]:
    return {
        f"{entry['name']}({','.join(one['type'] for one in entry['inputs'])})"
        for entry in contracts.abi(name)
        if entry["type"] == "function"
    }

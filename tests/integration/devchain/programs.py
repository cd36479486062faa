"""Small contracts for these tests, written in the EVM's own instructions."""

from eth_abi import encode
from web3 import Web3

from valetkey.crypto.keys import keccak256

COUNTED = keccak256(b"Counted(address,uint256)")

_RETURN_TOP = bytes.fromhex("5f5260205ff3")  # PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
CLOCK = bytes.fromhex("42") + _RETURN_TOP
"""Answers block.timestamp."""
NUMBER = bytes.fromhex("43") + _RETURN_TOP
"""Answers block.number."""
CHAIN = bytes.fromhex("46") + _RETURN_TOP
"""Answers chain id."""
CALLER = bytes.fromhex("33") + _RETURN_TOP
"""Answers msg.sender."""
READER = bytes.fromhex("5f54") + _RETURN_TOP
"""Answers what slot 0 holds."""
ECHO_REVERT = bytes.fromhex("365f5f37365ffd")
"""Reverts with its call data."""
BOTTOMLESS = bytes.fromhex("5f5f5f5f5f305af1") + _RETURN_TOP
"""Calls itself with all its gas, as deep as the machine lets it."""
COUNTER = (
    bytes.fromhex("5f5460010180")  # PUSH0 SLOAD PUSH1 1 ADD DUP1
    + bytes.fromhex("5f55")  # PUSH0 SSTORE
    + bytes.fromhex("5f52")  # PUSH0 MSTORE
    + bytes.fromhex("33")  # CALLER
    + b"\x7f"
    + COUNTED  # PUSH32
    + bytes.fromhex("60205fa2")  # PUSH1 32 PUSH0 LOG2
    + bytes.fromhex("00")
)
"""Adds one to slot 0 and logs Counted(caller, count)."""


def creation(code: bytes) -> bytes:
    """The call data that deploys this code."""
    # PUSH2 size DUP1 PUSH1 11 PUSH0 CODECOPY PUSH0 RETURN
    head = bytes([0x61]) + len(code).to_bytes(2, "big") + bytes.fromhex("80600a5f395ff3")
    return head + code


def deploy(web3: Web3, code: bytes) -> str:
    """The address of a new contract with this code."""
    made = web3.eth.send_transaction({"from": web3.eth.accounts[0], "data": creation(code)})
    address = web3.eth.get_transaction_receipt(made)["contractAddress"]
    assert address is not None
    assert bytes(web3.eth.get_code(address)) == code
    return str(address)


def error(reason: str) -> bytes:
    """Error(string), as Solidity and Vyper revert."""
    return keccak256(b"Error(string)")[:4] + encode(["string"], [reason])

"""What a node answered, read strictly: a shape that is not the specification's counts as no answer."""

import re
from typing import Any

from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.chain import Block, Log, Transfer
from valetkey.ports.outcome import Outcome

WORD_BYTES = 32
ADDRESS_BYTES = 20
TRANSFER_TOPIC = keccak256(b"Transfer(address,address,uint256)")
"""The first topic of a token's transfers (ERC-20)."""

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


def read_block(answer: Any) -> Block:
    """A block's number and time."""
    return Block(quantity(member(answer, "number")), quantity(member(answer, "timestamp")))


def member(answer: Any, name: str) -> Any:
    """A member that must be there."""
    if not isinstance(answer, dict) or answer.get(name) is None:
        raise ChainUnavailable(f"the node's answer has no {name}")
    return answer[name]


def quantity(text: Any) -> int:
    """A number in hex."""
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise ChainUnavailable("the node answered something that is no number")
    return int(text, 16)


def data(text: Any) -> bytes:
    """Bytes in hex."""
    if not isinstance(text, str) or not _DATA.fullmatch(text):
        raise ChainUnavailable("the node answered something that is no hex data")
    return bytes.fromhex(text[2:])


def address(text: Any) -> str:
    """An address, EIP-55."""
    found = data(text)
    if len(found) != ADDRESS_BYTES:
        raise ChainUnavailable("the node answered something that is no address")
    return checksum_address("0x" + found.hex())


def read_transfers(logs: Any) -> tuple[Transfer, ...]:
    """The transfers of tokens in a receipt's logs, in their order. What only resembles one is none."""
    if not isinstance(logs, list):
        raise ChainUnavailable("the node answered a receipt without logs")
    found: list[Transfer] = []
    for log in logs:
        topics = [data(one) for one in member(log, "topics")]
        moved = data(member(log, "data"))
        if topics[:1] != [TRANSFER_TOPIC] or len(topics) != 3 or len(moved) != WORD_BYTES:
            # Three topics and a word; a token that is no ERC-20 may use the same event otherwise.
            continue
        if log.get("removed") is True or any(len(topic) != WORD_BYTES for topic in topics):
            continue
        payer, payee = (checksum_address("0x" + topic[-ADDRESS_BYTES:].hex()) for topic in topics[1:])
        found.append(Transfer(address(member(log, "address")), payer, payee, int.from_bytes(moved, "big")))
    return tuple(found)


def read_logged(logs: Any) -> tuple[Transfer, ...]:
    """The transfers of tokens in logs as web3.py has them."""
    return read_transfers(
        [
            {
                "address": str(one["address"]),
                "topics": ["0x" + bytes(topic).hex() for topic in one["topics"]],
                "data": "0x" + bytes(one["data"]).hex(),
            }
            for one in logs
        ]
    )


def read_outcome(tx_hash: str, receipt: Any) -> Outcome:
    """What became of a transaction, from a receipt as web3.py has it: numbers, and bytes instead of hex."""
    succeeded = int(receipt["status"]) == 1
    gas = int(receipt["gasUsed"])
    return Outcome(
        tx_hash=tx_hash,
        succeeded=succeeded,
        block_number=int(receipt["blockNumber"]),
        gas_used=gas,
        fee_wei=gas * int(receipt.get("effectiveGasPrice", 0)),
        transfers=read_logged(receipt["logs"]) if succeeded else (),
    )


def read_logs(answer: Any, contract: str, first: int, last: int) -> list[Log]:
    """The logs of a contract in these blocks, in their order. One that is none of them counts as no answer at all."""
    if not isinstance(answer, list):
        raise ChainUnavailable("the node answered something that is no list of logs")
    found = [_log(one, contract, first, last) for one in answer]
    return sorted(found, key=lambda one: (one.block, one.index))


def _log(answer: Any, contract: str, first: int, last: int) -> Log:
    log = Log(
        block=quantity(member(answer, "blockNumber")),
        tx_hash="0x" + data(member(answer, "transactionHash")).hex(),
        index=quantity(member(answer, "logIndex")),
        topics=tuple(data(one) for one in member(answer, "topics")),
        data=data(member(answer, "data")),
    )
    is_other = address(member(answer, "address")) != checksum_address(contract)
    if is_other or not first <= log.block <= last or answer.get("removed") is True:
        raise ChainUnavailable("the node answered logs that were not asked for")
    if len(log.tx_hash) != 66 or any(len(topic) != WORD_BYTES for topic in log.topics):
        raise ChainUnavailable("the node answered a log without a proper hash or topic")
    return log

"""What the platform reads of an EVM network (ports/chain.py): blocks, receipts, escrows, balances, scores.

A node is not believed blindly: its chain id, and the shape of every answer, are checked before they count.
"""

import asyncio
import re
from typing import Any

from valetkey.chains.evm.contracts import event_topic
from valetkey.chains.evm.networks import Network
from valetkey.chains.evm.node import TIMEOUT_SECONDS, AsyncNode, NodeRefused
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.escrow import Escrow, Resolution
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.chain import Block, Receipt
from valetkey.ports.wallet import Call
from valetkey.wire import calls, proofs
from valetkey.wire.escrow import read_escrow, read_resolution

_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)

EXECUTION_REVERTED = 3
"""The code of JSON-RPC for a call that the contract refused."""


class EvmReader:
    """One network's contracts, read only. Used by one event loop; `close` it."""

    def __init__(
        self, network: Network, rpc_url: str, *, confirmations: int, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """`confirmations` count blocks: with 1 the newest block is final. A call takes at most the timeout."""
        assert confirmations >= 1, "a block confirms itself"
        self._network = network
        self._depth = confirmations - 1
        self._node = AsyncNode(rpc_url, timeout_seconds=timeout_seconds)
        self._known_chain = False
        self._checking = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<EvmReader {self._network.name}>"

    async def head(self) -> Block:
        """The newest block. Raises ChainUnavailable."""
        return _read_block(await self._ask("eth_getBlockByNumber", "latest", False))

    async def final(self) -> Block:
        """The newest block with enough confirmations; on a young chain its first. Raises ChainUnavailable."""
        head = await self.head()
        if self._depth == 0 or head.number == 0:
            return head
        number = max(head.number - self._depth, 0)
        block = _read_block(await self._ask("eth_getBlockByNumber", hex(number), False))
        if block.number != number:
            raise ChainUnavailable("the node answered another block than it was asked for")
        return block

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of a transaction in a block of the chain; None while there is none.

        A block that a reorganisation left behind counts as none, even if the node still tells of it.
        Raises InvalidInput for a text that is no hash, before any node is asked, and ChainUnavailable.
        """
        if not isinstance(tx_hash, str) or not _HASH.fullmatch(tx_hash):
            raise InvalidInput("a transaction hash is 0x and 64 hex digits")
        found = await self._ask("eth_getTransactionReceipt", tx_hash.lower())
        if found is None:
            return None
        if not isinstance(found, dict) or _data(found.get("transactionHash")).hex() != tx_hash[2:].lower():
            raise ChainUnavailable("the node answered another receipt than it was asked for")
        if found.get("blockNumber") is None or found.get("blockHash") is None:
            return None
        number = _quantity(found["blockNumber"])
        block = await self._ask("eth_getBlockByNumber", hex(number), False)
        if block is None or _data(_member(block, "hash")) != _data(found["blockHash"]):
            return None
        succeeded = _quantity(found.get("status")) == 1
        return Receipt(tx_hash.lower(), succeeded, number, self._escrows_created(found.get("logs")))

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        """The escrow of a marketplace transaction at a block (None = newest); None when there is none.

        Raises ChainUnavailable, also when the node does not remember that block.
        """
        answer = await self._view(calls.get_escrow(self._network.escrow, transaction_id), at_block)
        try:
            return read_escrow(answer)
        except InvalidInput as error:
            raise ChainUnavailable("what answers at the escrow's address is no escrow contract") from error

    async def resolution(self, transaction_id: str, *, at_block: int | None = None) -> Resolution | None:
        """How the dispute about a transaction was decided; None when none was, or the contract does not tell."""
        call = calls.get_resolution(self._network.escrow, transaction_id)
        try:
            return read_resolution(await self._view(call, at_block))
        except NodeRefused as refused:
            # A contract of the third party has no such view.
            if refused.rpc_code == EXECUTION_REVERTED or "revert" in refused.said.lower():
                return None
            raise
        except InvalidInput as error:
            raise ChainUnavailable("what answers at the escrow's address is no escrow contract") from error

    def escrow_id(self, transaction_id: str) -> bytes:
        """The 32 bytes under which the contract knows a marketplace transaction."""
        return proofs.escrow_id(transaction_id)

    async def token_balance(self, address: str) -> int:
        """Base units of the network's USDC. Raises InvalidAddress and ChainUnavailable."""
        return int.from_bytes(await self._word(calls.balance_of(self._network.usdc, address)), "big")

    async def native_balance(self, address: str) -> int:
        """Wei. Raises InvalidAddress and ChainUnavailable."""
        return _quantity(await self._ask("eth_getBalance", checksum_address(address), "latest"))

    async def score(self, address: str) -> int:
        """The score of an agent's account, which may be below zero. Raises InvalidAddress and ChainUnavailable."""
        account = bytes.fromhex(checksum_address(address)[2:]).rjust(calls.WORD_BYTES, b"\0")
        call = Call(self._network.score, keccak256(b"getScore(address)")[:4] + account)
        return int.from_bytes(await self._word(call), "big", signed=True)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._node.close()

    # Inside

    async def _ask(self, method: str, *params: Any) -> Any:
        if not self._known_chain:
            await self._check_chain()
        return await self._node.call(method, *params)

    async def _check_chain(self) -> None:
        """Once: another chain's escrows would prove nothing here."""
        async with self._checking:
            if self._known_chain:
                return
            met = _quantity(await self._node.call("eth_chainId"))
            if met != self._network.chain_id:
                raise ChainUnavailable(f"the node serves chain {met}, not {self._network.chain_id}")
            self._known_chain = True

    async def _view(self, call: Call, at_block: int | None = None) -> bytes:
        request = {"to": call.to, "data": "0x" + call.data.hex()}
        return _data(await self._ask("eth_call", request, "latest" if at_block is None else hex(at_block)))

    async def _word(self, call: Call) -> bytes:
        answer = await self._view(call)
        if len(answer) != calls.WORD_BYTES:
            raise ChainUnavailable(f"what answers at {call.to} is not the contract that was meant")
        return answer

    def _escrows_created(self, logs: Any) -> frozenset[bytes]:
        """The ids that the escrow contract itself logged; a contract that only looks like it proves nothing."""
        if not isinstance(logs, list):
            raise ChainUnavailable("the node answered a receipt without logs")
        topic = event_topic("Escrow", "EscrowCreated")
        contract = bytes.fromhex(self._network.escrow[2:])
        created = set()
        for log in logs:
            topics = [_data(one) for one in _member(log, "topics")]
            if _data(_member(log, "address")) == contract and topics[:1] == [topic]:
                if len(topics) < 2 or log.get("removed") is True:
                    continue
                created.add(topics[1])
        return frozenset(created)


def _read_block(answer: Any) -> Block:
    return Block(_quantity(_member(answer, "number")), _quantity(_member(answer, "timestamp")))


def _member(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict) or answer.get(name) is None:
        raise ChainUnavailable(f"the node's answer has no {name}")
    return answer[name]


def _quantity(text: Any) -> int:
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise ChainUnavailable("the node answered something that is no number")
    return int(text, 16)


def _data(text: Any) -> bytes:
    if not isinstance(text, str) or not _DATA.fullmatch(text):
        raise ChainUnavailable("the node answered something that is no hex data")
    return bytes.fromhex(text[2:])

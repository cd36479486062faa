"""What the platform reads of an EVM network (ports/chain.py): blocks, receipts, escrows, balances, scores.

A node is not believed blindly: its chain id, and the shape of every answer, are checked before they count.
"""

import asyncio
import re
from typing import Any

from valetkey.chains.evm.answers import (
    address,
    data,
    member,
    quantity,
    read_block,
    read_logs,
    read_transfers,
)
from valetkey.chains.evm.contracts import event_topic
from valetkey.chains.evm.networks import Network
from valetkey.chains.evm.node import TIMEOUT_SECONDS, AsyncNode, NodeRefused, is_revert
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.escrow import Escrow, Resolution
from valetkey.core.money import NATIVE
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.chain import Block, Execution, Log, Receipt, Transfer
from valetkey.ports.following import Place
from valetkey.ports.wallet import Call
from valetkey.wire import calls, grant_calls, proofs
from valetkey.wire.escrow import read_escrow, read_resolution

_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


class EvmReader:
    """One network's contracts, read only. Used by one event loop; `close` it."""

    def __init__(
        self, network: Network, rpc_url: str, *, confirmations: int, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """`confirmations` count blocks: with 1 the newest block is final. A call takes at most the timeout."""
        assert confirmations >= 1, "a block confirms itself"
        self._network = network
        self._depth = confirmations - 1
        self._node = AsyncNode(rpc_url, chain_id=network.chain_id, timeout_seconds=timeout_seconds)
        self._known_chain = False
        self._checking = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<EvmReader {self._network.name}>"

    async def head(self) -> Block:
        """The newest block. Raises ChainUnavailable."""
        return read_block(await self._ask("eth_getBlockByNumber", "latest", False))

    async def final(self) -> Block:
        """The newest block with enough confirmations; on a young chain its first. Raises ChainUnavailable."""
        head = await self.head()
        if self._depth == 0 or head.number == 0:
            return head
        number = max(head.number - self._depth, 0)
        block = read_block(await self._ask("eth_getBlockByNumber", hex(number), False))
        if block.number != number:
            raise ChainUnavailable("the node answered another block than it was asked for")
        return block

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of a transaction in a block of the chain; None while there is none.

        A block that a reorganisation left behind counts as none, even if the node still tells of it.
        Raises InvalidInput for a text that is no hash, before any node is asked, and ChainUnavailable.
        """
        mined = await self._mined(tx_hash)
        if mined is None:
            return None
        found, block = mined
        succeeded = quantity(found.get("status")) == 1
        return Receipt(tx_hash.lower(), succeeded, block.number, self._escrows_created(found.get("logs")))

    async def execution(self, tx_hash: str) -> Execution | None:
        """What a transaction in a block of the chain did; None while there is none. Raises as `receipt` does."""
        mined = await self._mined(tx_hash)
        if mined is None:
            return None
        found, block = mined
        tx_hash, sender = tx_hash.lower(), address(found.get("from"))
        if quantity(found.get("status")) != 1:
            return Execution(tx_hash, sender, False, block)
        asked = await self._ask("eth_getTransactionByHash", tx_hash)
        if data(member(asked, "hash")).hex() != tx_hash[2:]:
            raise ChainUnavailable("the node answered another transaction than it was asked for")
        moved = read_transfers(found.get("logs"))
        value = quantity(member(asked, "value"))
        if value and asked.get("to") is not None:
            moved = (Transfer(NATIVE, sender, address(asked["to"]), value), *moved)
        return Execution(tx_hash, sender, True, block, moved)

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
            if is_revert(refused):
                return None
            raise
        except InvalidInput as error:
            raise ChainUnavailable("what answers at the escrow's address is no escrow contract") from error

    def escrow_id(self, transaction_id: str) -> bytes:
        """The 32 bytes under which the contract knows a marketplace transaction."""
        return proofs.escrow_id(transaction_id)

    async def session_key(self, transaction_id: str) -> str | None:
        """Whose key acts for the buyer of an escrow that a grant paid, EIP-55; None for one that its buyer paid."""
        call = grant_calls.session_key(self._network.escrow, self.escrow_id(transaction_id))
        return grant_calls.account(await self._word(call))

    async def place(self, number: int) -> Place | None:
        """A block of the chain with its hash; None when the chain is not that long. Raises ChainUnavailable."""
        answer = await self._ask("eth_getBlockByNumber", hex(number), False)
        if answer is None:
            return None
        block = read_block(answer)
        if block.number != number:
            raise ChainUnavailable("the node answered another block than it was asked for")
        return Place(number, data(member(answer, "hash")), block.timestamp)

    async def logs(
        self, contract: str, first: int, last: int, topics: tuple[bytes | None, ...] = ()
    ) -> list[Log]:
        """What a contract told from one block to another, both included, in order. Raises ChainUnavailable.

        `topics`: those that a log has in these places, None for any. A log without them counts as no answer at all.
        """
        asked: dict[str, Any] = {"address": contract, "fromBlock": hex(first), "toBlock": hex(last)}
        if topics:
            asked["topics"] = [None if one is None else "0x" + one.hex() for one in topics]
        found = read_logs(await self._ask("eth_getLogs", asked), contract, first, last)
        for log in found:
            met = log.topics[: len(topics)]
            if len(met) < len(topics) or any(
                one not in (None, is_) for one, is_ in zip(topics, met, strict=True)
            ):
                raise ChainUnavailable("the node answered logs that were not asked for")
        return found

    async def view(self, call: Call, *, at_block: int | None = None) -> bytes:
        """What a contract answers to a call at a block; nothing for one that refuses, and for an account without code.

        Raises ChainUnavailable, also when the node does not remember that block.
        """
        try:
            return await self._view(call, at_block)
        except NodeRefused as refused:
            if is_revert(refused):
                return b""
            raise

    async def token_allowance(self, token: str, owner: str, spender: str) -> int:
        """Base units of a token that a spender may still take. Raises InvalidAddress and ChainUnavailable."""
        return int.from_bytes(await self._word(calls.allowance(token, owner, spender)), "big")

    async def token_balance(self, address: str) -> int:
        """Base units of the network's USDC. Raises InvalidAddress and ChainUnavailable."""
        return int.from_bytes(await self._word(calls.balance_of(self._network.usdc, address)), "big")

    async def native_balance(self, address: str) -> int:
        """Wei. Raises InvalidAddress and ChainUnavailable."""
        return quantity(await self._ask("eth_getBalance", checksum_address(address), "latest"))

    async def score(self, address: str) -> int:
        """The score of an agent's account, which may be below zero. Raises InvalidAddress and ChainUnavailable."""
        account = bytes.fromhex(checksum_address(address)[2:]).rjust(calls.WORD_BYTES, b"\0")
        call = Call(self._network.score, keccak256(b"getScore(address)")[:4] + account)
        return int.from_bytes(await self._word(call), "big", signed=True)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._node.close()

    # Inside

    async def _mined(self, tx_hash: str) -> tuple[dict[str, Any], Block] | None:
        """The node's receipt of a transaction, and its block, which is one of the chain."""
        if not isinstance(tx_hash, str) or not _HASH.fullmatch(tx_hash):
            raise InvalidInput("a transaction hash is 0x and 64 hex digits")
        found = await self._ask("eth_getTransactionReceipt", tx_hash.lower())
        if found is None:
            return None
        if not isinstance(found, dict) or data(found.get("transactionHash")).hex() != tx_hash[2:].lower():
            raise ChainUnavailable("the node answered another receipt than it was asked for")
        if found.get("blockNumber") is None or found.get("blockHash") is None:
            return None
        number = quantity(found["blockNumber"])
        answer = await self._ask("eth_getBlockByNumber", hex(number), False)
        if answer is None or data(member(answer, "hash")) != data(found["blockHash"]):
            return None
        block = read_block(answer)
        if block.number != number:
            raise ChainUnavailable("the node answered another block than it was asked for")
        return found, block

    async def _ask(self, method: str, *params: Any) -> Any:
        if not self._known_chain:
            await self._check_chain()
        return await self._node.call(method, *params)

    async def _check_chain(self) -> None:
        """Once: another chain's escrows would prove nothing here."""
        async with self._checking:
            if self._known_chain:
                return
            met = quantity(await self._node.call("eth_chainId"))
            if met != self._network.chain_id:
                raise ChainUnavailable(f"the node serves chain {met}, not {self._network.chain_id}")
            self._known_chain = True

    async def _view(self, call: Call, at_block: int | None = None) -> bytes:
        request = {"to": call.to, "data": "0x" + call.data.hex()}
        return data(await self._ask("eth_call", request, "latest" if at_block is None else hex(at_block)))

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
            topics = [data(one) for one in member(log, "topics")]
            if data(member(log, "address")) == contract and topics[:1] == [topic]:
                if len(topics) < 2 or log.get("removed") is True:
                    continue
                created.add(topics[1])
        return frozenset(created)

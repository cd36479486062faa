"""An account of the platform on one chain (ports/sender.py). Light to import: no web3.py; signing loads eth_account."""

from typing import Any

from valetkey.chains.evm.answers import data, member, quantity
from valetkey.chains.evm.errors import WrongChain
from valetkey.chains.evm.node import TIMEOUT_SECONDS, AsyncNode, NodeRefused, is_revert
from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import keccak256
from valetkey.ports.sender import Sent
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call, CallReverts, NotAccepted, SignedTransaction

PRIORITY_FEE_WEI = 1_000_000
"""What is offered to a block's maker when the node suggests nothing."""

REASON_CHARS_MAX = 200


class EvmSender:
    """Signs and sends for one account. Used by one event loop; `close` it."""

    def __init__(
        self, rpc_url: str, chain_id: int, signer: Signer, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._node = AsyncNode(rpc_url, chain_id=chain_id, timeout_seconds=timeout_seconds)
        self._chain_id = chain_id
        self._signer = signer
        self._is_known = False

    def __repr__(self) -> str:
        return f"<EvmSender {self.address}>"

    @property
    def address(self) -> str:
        """EIP-55."""
        return self._signer.address

    async def estimate(self, call: Call) -> int:
        """Gas that a call takes now. Raises CallReverts with the contract's reason, NotAccepted, ChainUnavailable."""
        request = {
            "from": self.address,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": hex(call.value),
        }
        problem, reverts = "", False
        try:
            return quantity(await self._ask("eth_estimateGas", request))
        except NodeRefused as refused:
            problem, reverts = _reason(refused.said), is_revert(refused)
        # Out of gas, or out of the node's time: the contract said nothing.
        raise CallReverts(problem) if reverts else NotAccepted(problem)

    async def fees(self) -> tuple[int, int]:
        """Wei per gas: the most that is offered now, and what of it goes to the block's maker."""
        base = quantity(member(await self._ask("eth_getBlockByNumber", "latest", False), "baseFeePerGas"))
        try:
            tip = quantity(await self._ask("eth_maxPriorityFeePerGas")) or PRIORITY_FEE_WEI
        except NodeRefused:
            tip = PRIORITY_FEE_WEI
        return 2 * base + tip, tip

    async def nonce(self) -> int:
        """How many transactions of the account are in blocks."""
        return quantity(await self._ask("eth_getTransactionCount", self.address, "latest"))

    async def sign(self, call: Call, *, nonce: int, gas: int, fee: int, tip: int) -> SignedTransaction:
        """Sign a call; nothing is sent."""
        raw = self._signer.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": call.to,
                "value": call.value,
                "data": call.data,
                "gas": gas,
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": min(tip, fee),
            }
        )
        return SignedTransaction(raw, "0x" + keccak256(raw).hex(), nonce, gas * fee + call.value)

    async def send(self, signed: bytes) -> None:
        """Send signed bytes; sending them again is harmless. Raises NotAccepted when the node does not take them."""
        problem = ""
        try:
            await self._ask("eth_sendRawTransaction", "0x" + signed.hex())
        except NodeRefused as refused:
            problem = _reason(refused.said)
        # A node that knows it already refuses it too.
        if problem and await self._ask("eth_getTransactionByHash", "0x" + keccak256(signed).hex()) is None:
            raise NotAccepted(problem)

    async def sent(self, tx_hash: str) -> Sent | None:
        """What became of a transaction; None while it is in no block of the chain."""
        found = await self._ask("eth_getTransactionReceipt", tx_hash)
        if found is None or not isinstance(found, dict) or found.get("blockNumber") is None:
            return None
        if data(member(found, "transactionHash")).hex() != tx_hash[2:].lower():
            raise ChainUnavailable("the node answered another receipt than it was asked for")
        number = quantity(found["blockNumber"])
        block = await self._ask("eth_getBlockByNumber", hex(number), False)
        if block is None or data(member(block, "hash")) != data(member(found, "blockHash")):
            # A reorganisation left that block behind.
            return None
        gas, price = quantity(member(found, "gasUsed")), quantity(member(found, "effectiveGasPrice"))
        # OP stack chains (Base) take a fee for layer 1 beside gas.
        layer1 = quantity(found["l1Fee"]) if found.get("l1Fee") is not None else 0
        return Sent(tx_hash, quantity(member(found, "status")) == 1, number, gas * price + layer1)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._node.close()

    async def _ask(self, method: str, *params: Any) -> Any:
        if not self._is_known:
            met = quantity(await self._node.call("eth_chainId"))
            if met != self._chain_id:
                raise WrongChain(f"the node serves chain {met}, not {self._chain_id}")
            self._is_known = True
        return await self._node.call(method, *params)


def _reason(said: str) -> str:
    """A node's words about a call, which are the contract's; cut, and left out where they may quote a URL."""
    return "no reason that can be told" if "://" in said else said[:REASON_CHARS_MAX]

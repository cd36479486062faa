"""The account that puts contracts on a chain, and how their creation and the calls that set them up are encoded.

Light to import: no web3.py. Signing loads eth_account (0.5 s), which a caller may import in the meantime.
"""

import asyncio
import time
from typing import Any

from valetkey.chains.evm import contracts, create2
from valetkey.chains.evm.contracts import Name
from valetkey.chains.evm.node import AsyncNode, NodeRefused
from valetkey.core.errors import EnvironmentFailure
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.signer import Signer

RECEIPT_SECONDS = 120.0
GAS_MARGIN_PERCENT = 120
INVALID_PARAMS = -32602
CALL_SECONDS = 60.0
PRIORITY_FEE_WEI = 1_000_000
"""What is offered to a block's maker when the node suggests nothing."""

UNPROTECTED_WORDS = ("eip-155", "eip155", "replay-protected")
"""Of nodes that refuse a transaction that is signed for no chain in particular: geth's "only replay-protected (EIP-155)
transactions allowed over RPC". One that says it otherwise is noticed once the proxy's maker was paid."""


class DeploymentFailed(EnvironmentFailure):
    """The contracts could not be put on the chain; what was put there before stays."""

    code = "deployment_failed"
    retryable = False


class Deployer:
    """The signer's account on the node's chain."""

    def __init__(self, node: AsyncNode, signer: Signer, chain_id: int) -> None:
        self._node = node
        self._signer = signer
        self._chain_id = chain_id

    @property
    def address(self) -> str:
        return self._signer.address

    async def ask(self, method: str, *params: Any) -> Any:
        """One call of the node. Raises ChainUnavailable, and DeploymentFailed when the node refuses."""
        try:
            return await self._node.call(method, *params)
        except NodeRefused as refused:
            problem = f"the node refused {method}: {_reason(refused)}"
        raise DeploymentFailed(problem)

    async def code_setter(self) -> str | None:
        """The method by which a development chain sets an account's code; None on any other chain."""
        for method in ("anvil_setCode", "hardhat_setCode"):
            try:
                # Without parameters it does nothing, and only a node that has it misses them.
                await self._node.call(method)
            except NodeRefused as refused:
                if refused.rpc_code == INVALID_PARAMS:
                    return method
        return None

    async def has_proxy(self) -> bool:
        """Whether the deployment proxy is on the chain. Raises DeploymentFailed for anything else in its place."""
        code = await self.code(create2.PROXY)
        if code not in (b"", create2.PROXY_CODE):
            raise DeploymentFailed(f"at {create2.PROXY} is another contract than the deployment proxy")
        return code == create2.PROXY_CODE

    async def bring_proxy(self) -> None:
        """Put the deterministic deployment proxy on the chain when it is not there. Its maker is paid by us.

        Raises DeploymentFailed, with nothing paid, for a chain that takes no transaction of before EIP-155.
        """
        if await self.has_proxy():
            return
        set_code = await self.code_setter()
        if set_code is not None:
            await self.ask(set_code, create2.PROXY, "0x" + create2.PROXY_CODE.hex())
            return
        has = int(await self.ask("eth_getBalance", create2.PROXY_MAKER, "latest"), 16)
        if has < create2.PROXY_WEI:
            # Offered before it is paid for: what its maker gets, nobody ever gets back.
            await self._offer_proxy(is_paid=False)
            await self.send(create2.PROXY_MAKER, b"", value=create2.PROXY_WEI - has)
        await self._offer_proxy(is_paid=True)
        await self._mined(create2.PROXY_TRANSACTION_HASH)

    async def _offer_proxy(self, *, is_paid: bool) -> None:
        """Send the proxy's own transaction; one that is not paid for yet is refused, and that is well."""
        try:
            await self._node.call("eth_sendRawTransaction", "0x" + create2.PROXY_TRANSACTION.hex())
            return
        except NodeRefused as refused:
            said, reason = refused.said.lower(), _reason(refused)
        if any(word in said for word in UNPROTECTED_WORDS):
            raise DeploymentFailed(
                f"the deployment proxy {create2.PROXY} is missing, and this node takes no transaction without a chain "
                "id (EIP-155), which is the only way to bring it: use a node that does, or ask who runs the chain"
            )
        # A node that has it already, from an earlier run or from anybody, refuses it as well.
        if is_paid and await self.ask("eth_getTransactionByHash", create2.PROXY_TRANSACTION_HASH) is None:
            raise DeploymentFailed(f"the node refused the transaction of the deployment proxy: {reason}")

    async def settled(self) -> bool:
        """Wait until nothing that the account sent before is still on its way; whether anything was.

        Raises DeploymentFailed when that takes too long.
        """
        deadline = time.monotonic() + RECEIPT_SECONDS
        pause = 0.02
        waited = False
        while (left := await self._nonce("pending") - await self._nonce("latest")) > 0:
            if time.monotonic() > deadline:
                raise DeploymentFailed(
                    f"{left} transactions of {self.address} are in no block yet: try again later"
                )
            waited = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        return waited

    async def code(self, address: str) -> bytes:
        return _bytes(await self.ask("eth_getCode", address, "latest"))

    async def balance(self) -> int:
        """Wei of the account."""
        return int(await self.ask("eth_getBalance", self.address, "latest"), 16)

    async def fee_per_gas(self) -> int:
        """Wei per gas that a transaction offers at most now."""
        block = await self.ask("eth_getBlockByNumber", "latest", False)
        return 2 * int(block["baseFeePerGas"], 16) + await self._tip()

    async def creation_gas(self, creation: bytes) -> int:
        """Gas that creating a contract takes."""
        request = {"from": self.address, "data": "0x" + creation.hex()}
        return int(await self.ask("eth_estimateGas", request), 16)

    async def would_create(self, address: str, creation: bytes) -> bytes:
        """The code that a contract created at this address would have, its immutables included."""
        request = {"from": self.address, "to": address}
        override = {address: {"code": "0x" + creation.hex()}}
        return _bytes(await self.ask("eth_call", request, "latest", override))

    async def view(self, contract: str, function: str, argument: bytes = b"") -> bytes:
        """What a view of a contract answers."""
        data = "0x" + (selector(function) + argument).hex()
        return _bytes(await self.ask("eth_call", {"to": contract, "data": data}, "latest"))

    async def create(self, name: Name, *arguments: Any) -> str:
        """Deploy a contract; its address, EIP-55."""
        receipt = await self.send(None, creation_of(name, list(arguments)))
        return checksum_address(receipt["contractAddress"])

    async def send(self, to: str | None, data: bytes, *, value: int = 0) -> dict[str, Any]:
        """Sign, send and wait; the receipt. Raises DeploymentFailed when the transaction reverts."""
        request = {"from": self.address, "data": "0x" + data.hex(), "value": hex(value)}
        request |= {} if to is None else {"to": to}
        gas = await self.ask("eth_estimateGas", request)
        nonce = await self._nonce("pending")
        block = await self.ask("eth_getBlockByNumber", "latest", False)
        tip = await self._tip()
        raw = self._signer.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": to or b"",
                "value": value,
                "data": data,
                "gas": int(gas, 16) * GAS_MARGIN_PERCENT // 100,
                "maxFeePerGas": 2 * int(block["baseFeePerGas"], 16) + tip,
                "maxPriorityFeePerGas": tip,
            }
        )
        tx_hash = await self.ask("eth_sendRawTransaction", "0x" + raw.hex())
        return await self._mined(tx_hash)

    async def _nonce(self, block: str) -> int:
        return int(await self.ask("eth_getTransactionCount", self.address, block), 16)

    async def _tip(self) -> int:
        try:
            return int(await self._node.call("eth_maxPriorityFeePerGas"), 16)
        except NodeRefused:
            return PRIORITY_FEE_WEI

    async def _mined(self, tx_hash: str) -> dict[str, Any]:
        deadline = time.monotonic() + RECEIPT_SECONDS
        pause = 0.02
        while (receipt := await self.ask("eth_getTransactionReceipt", tx_hash)) is None:
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"transaction {tx_hash} is not in a block after {RECEIPT_SECONDS:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        if int(receipt["status"], 16) != 1:
            raise DeploymentFailed(f"transaction {tx_hash} of the deployment reverted")
        found: dict[str, Any] = receipt
        return found


def creation_of(name: Name, arguments: list[Any]) -> bytes:
    # Imported with eth_account anyway, but not when this module is.
    from eth_abi.abi import encode

    return contracts.bytecode(name) + encode(contracts.constructor_types(name), arguments)


def switch(function: str, address: str) -> bytes:
    """The call that says yes to an address."""
    return selector(function) + word(address) + (1).to_bytes(32, "big")


def selector(function: str) -> bytes:
    return keccak256(function.encode("ascii"))[:4]


def word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _reason(refused: NodeRefused) -> str:
    """The node's words, unless they may quote a URL."""
    said = refused.said
    return f"code {refused.rpc_code}" if "://" in said else said[:200]

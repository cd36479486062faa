"""Puts the contracts on a chain. On a development chain they stand where clients expect them.

Light to import: no web3.py. Signing loads eth_account (0.5 s), which a caller may import in the meantime.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from valetkey.chains.evm import contracts, create2
from valetkey.chains.evm.contracts import Name
from valetkey.chains.evm.networks import BASE_SEPOLIA, KNOWN_ADDRESSES, Addresses
from valetkey.chains.evm.node import AsyncNode, NodeRefused
from valetkey.core.errors import EnvironmentFailure
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.signer import Signer

RECEIPT_SECONDS = 120.0
CALL_SECONDS = 60.0
GAS_MARGIN_PERCENT = 120
INVALID_PARAMS = -32602
PRIORITY_FEE_WEI = 1_000_000
"""What is offered to a block's maker when the node suggests nothing."""

DEVELOPMENT_TREASURY = checksum_address("0x" + keccak256(b"treasury of a development chain")[-20:].hex())
"""Where fees go on a development chain: none of the actors, so that a ledger of everybody's money adds up."""


class DeploymentFailed(EnvironmentFailure):
    """The contracts could not be put on the chain; what was put there before stays."""

    code = "deployment_failed"
    retryable = False


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the contracts are, EIP-55."""

    escrow: str
    score: str
    usdc: str
    allowance: str


def deploy(rpc_url: str, signer: Signer) -> Deployed:
    """Deploy the contracts, let the escrow write scores, and answer where they are.

    The signer becomes owner and resolver and pays the gas. On a development chain with the id of Base Sepolia the
    contracts stand at the addresses that clients know there, and are left as they are when they stand there already;
    on any other chain every call deploys new ones. Not to be called inside an event loop.
    Raises ChainUnavailable and DeploymentFailed.
    """
    return asyncio.run(_deploy(rpc_url, signer))


async def _deploy(rpc_url: str, signer: Signer) -> Deployed:
    node = AsyncNode(rpc_url, timeout_seconds=CALL_SECONDS)
    try:
        chain_id = int(await node.call("eth_chainId"), 16)
        deployer = _Deployer(node, signer, chain_id)
        set_code = await deployer.code_setter()
        if set_code is None:
            return await _anew(deployer, signer.address)
        known = KNOWN_ADDRESSES[BASE_SEPOLIA]
        if chain_id != BASE_SEPOLIA or not await _place(deployer, set_code, known):
            return await _anew(deployer, DEVELOPMENT_TREASURY)
        return Deployed(known.escrow, known.score, known.usdc, await _allow(deployer, known.escrow))
    finally:
        await node.close()


async def _anew(deployer: "_Deployer", treasury: str) -> Deployed:
    """Deploy in the way of every chain. The fees go to the treasury."""
    owner = deployer.address
    score = await deployer.create("Score", owner)
    usdc = await deployer.create("TestUSDC")
    escrow = await deployer.create("Escrow", owner, treasury, owner, score, [usdc])
    await deployer.send(score, _switch("setRecorder(address,bool)", escrow))
    return Deployed(escrow, score, usdc, await _allow(deployer, escrow))


async def _allow(deployer: "_Deployer", escrow: str) -> str:
    """SessionAllowance at the address that it has on every chain, and the escrow told of it; its address."""
    creation = _creation("SessionAllowance", [])
    address = create2.address_of(creation)
    if not await deployer.code(address):
        await deployer.bring_proxy()
        await deployer.send(create2.PROXY, create2.SALT + creation)
    if await deployer.view(escrow, "allowance()") != _word(address):
        await deployer.send(escrow, _selector("setAllowance(address)") + _word(address))
    return address


async def _place(deployer: "_Deployer", set_code: str, at: Addresses) -> bool:
    """Put the contracts at fixed addresses, or what is missing of them; False when something else stands there.

    The creation code runs *at* the address, as an ordinary transaction: so storage, immutables that hold the
    contract's own address, and events are those of a contract that was created there.
    """
    owner = deployer.address
    wanted: list[tuple[Name, str, list[Any]]] = [
        ("Score", at.score, [owner]),
        ("TestUSDC", at.usdc, []),
        ("Escrow", at.escrow, [owner, DEVELOPMENT_TREASURY, owner, at.score, [at.usdc]]),
    ]
    for name, address, arguments in wanted:
        creation = _creation(name, arguments)
        before = await deployer.code(address)
        if before in (b"", creation):
            continue
        # The same code under another owner is not ours to use either.
        ours = before == await deployer.would_create(address, creation)
        if not ours or (name != "TestUSDC" and await deployer.view(address, "owner()") != _word(owner)):
            return False
    for name, address, arguments in wanted:
        creation = _creation(name, arguments)
        made = await deployer.would_create(address, creation)
        if await deployer.code(address) == made:
            continue
        await deployer.ask(set_code, address, "0x" + creation.hex())
        await deployer.send(address, b"")
        await deployer.ask(set_code, address, "0x" + made.hex())
    if not any(await deployer.view(at.escrow, "isTokenSupported(address)", _word(at.usdc))):
        await deployer.send(at.escrow, _switch("setTokenSupported(address,bool)", at.usdc))
    if not any(await deployer.view(at.score, "isRecorder(address)", _word(at.escrow))):
        await deployer.send(at.score, _switch("setRecorder(address,bool)", at.escrow))
    return True


class _Deployer:
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

    async def bring_proxy(self) -> None:
        """Put the deterministic deployment proxy on the chain when it is not there. Its maker is paid by us."""
        if await self.code(create2.PROXY):
            return
        set_code = await self.code_setter()
        if set_code is not None:
            await self.ask(set_code, create2.PROXY, "0x" + create2.PROXY_CODE.hex())
            return
        has = int(await self.ask("eth_getBalance", create2.PROXY_MAKER, "latest"), 16)
        if has < create2.PROXY_WEI:
            await self.send(create2.PROXY_MAKER, b"", value=create2.PROXY_WEI - has)
        await self._mined(await self.ask("eth_sendRawTransaction", "0x" + create2.PROXY_TRANSACTION.hex()))

    async def code(self, address: str) -> bytes:
        return _bytes(await self.ask("eth_getCode", address, "latest"))

    async def would_create(self, address: str, creation: bytes) -> bytes:
        """The code that a contract created at this address would have, its immutables included."""
        request = {"from": self.address, "to": address}
        override = {address: {"code": "0x" + creation.hex()}}
        return _bytes(await self.ask("eth_call", request, "latest", override))

    async def view(self, contract: str, function: str, argument: bytes = b"") -> bytes:
        """What a view of a contract answers."""
        data = "0x" + (_selector(function) + argument).hex()
        return _bytes(await self.ask("eth_call", {"to": contract, "data": data}, "latest"))

    async def create(self, name: Name, *arguments: Any) -> str:
        """Deploy a contract; its address, EIP-55."""
        receipt = await self.send(None, _creation(name, list(arguments)))
        return checksum_address(receipt["contractAddress"])

    async def send(self, to: str | None, data: bytes, *, value: int = 0) -> dict[str, Any]:
        """Sign, send and wait; the receipt. Raises DeploymentFailed when the transaction reverts."""
        request = {"from": self.address, "data": "0x" + data.hex(), "value": hex(value)}
        request |= {} if to is None else {"to": to}
        gas = await self.ask("eth_estimateGas", request)
        nonce = await self.ask("eth_getTransactionCount", self.address, "pending")
        block = await self.ask("eth_getBlockByNumber", "latest", False)
        tip = await self._tip()
        raw = self._signer.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": int(nonce, 16),
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


def _creation(name: Name, arguments: list[Any]) -> bytes:
    # Imported with eth_account anyway, but not when this module is.
    from eth_abi.abi import encode

    return contracts.bytecode(name) + encode(contracts.constructor_types(name), arguments)


def _switch(function: str, address: str) -> bytes:
    """The call that says yes to an address."""
    return _selector(function) + _word(address) + (1).to_bytes(32, "big")


def _selector(function: str) -> bytes:
    return keccak256(function.encode("ascii"))[:4]


def _word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _reason(refused: NodeRefused) -> str:
    """The node's words, unless they may quote a URL."""
    said = refused.said
    return f"code {refused.rpc_code}" if "://" in said else said[:200]

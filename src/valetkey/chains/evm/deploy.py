"""Puts the contracts on a chain. On a development chain they stand where clients expect them.

Light to import: no web3.py. Signing loads eth_account (0.5 s), which a caller may import in the meantime.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from valetkey.chains.evm import create2
from valetkey.chains.evm.contracts import Name
from valetkey.chains.evm.deployer import CALL_SECONDS, creation_of, selector, switch, word
from valetkey.chains.evm.deployer import Deployer as Deployer
from valetkey.chains.evm.deployer import DeploymentFailed as DeploymentFailed
from valetkey.chains.evm.networks import BASE_SEPOLIA, KNOWN_ADDRESSES, Addresses
from valetkey.chains.evm.node import AsyncNode
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.signer import Signer

DEVELOPMENT_TREASURY = checksum_address("0x" + keccak256(b"treasury of a development chain")[-20:].hex())
"""Where fees go on a development chain: none of the actors, so that a ledger of everybody's money adds up."""


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
        deployer = Deployer(node, signer, chain_id)
        set_code = await deployer.code_setter()
        if set_code is None:
            return await _anew(deployer, signer.address)
        known = KNOWN_ADDRESSES[BASE_SEPOLIA]
        if chain_id != BASE_SEPOLIA or not await _place(deployer, set_code, known):
            return await _anew(deployer, DEVELOPMENT_TREASURY)
        return Deployed(known.escrow, known.score, known.usdc, await _allow(deployer, known.escrow))
    finally:
        await node.close()


async def _anew(deployer: Deployer, treasury: str) -> Deployed:
    """Deploy in the way of every chain. The fees go to the treasury."""
    owner = deployer.address
    score = await deployer.create("Score", owner)
    usdc = await deployer.create("TestUSDC")
    escrow = await deployer.create("Escrow", owner, treasury, owner, score, [usdc])
    await deployer.send(score, switch("setRecorder(address,bool)", escrow))
    return Deployed(escrow, score, usdc, await _allow(deployer, escrow))


async def _allow(deployer: Deployer, escrow: str) -> str:
    """SessionAllowance at the address that it has on every chain, and the escrow told of it; its address."""
    creation = creation_of("SessionAllowance", [])
    address = create2.address_of(creation)
    if not await deployer.code(address):
        await deployer.bring_proxy()
        await deployer.send(create2.PROXY, create2.SALT + creation)
    if await deployer.view(escrow, "allowance()") != word(address):
        await deployer.send(escrow, selector("setAllowance(address)") + word(address))
    return address


async def _place(deployer: Deployer, set_code: str, at: Addresses) -> bool:
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
        creation = creation_of(name, arguments)
        before = await deployer.code(address)
        if before in (b"", creation):
            continue
        # The same code under another owner is not ours to use either.
        ours = before == await deployer.would_create(address, creation)
        if not ours or (name != "TestUSDC" and await deployer.view(address, "owner()") != word(owner)):
            return False
    for name, address, arguments in wanted:
        creation = creation_of(name, arguments)
        made = await deployer.would_create(address, creation)
        if await deployer.code(address) == made:
            continue
        await deployer.ask(set_code, address, "0x" + creation.hex())
        await deployer.send(address, b"")
        await deployer.ask(set_code, address, "0x" + made.hex())
    if not any(await deployer.view(at.escrow, "isTokenSupported(address)", word(at.usdc))):
        await deployer.send(at.escrow, switch("setTokenSupported(address,bool)", at.usdc))
    if not any(await deployer.view(at.score, "isRecorder(address)", word(at.escrow))):
        await deployer.send(at.score, switch("setRecorder(address,bool)", at.escrow))
    return True

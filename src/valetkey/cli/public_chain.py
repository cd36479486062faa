"""A public chain for one job of the command line. Part of run.py, and as that may name concrete chains."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from valetkey.chains.evm.contracts import runtime_code
from valetkey.chains.evm.deployer import CALL_SECONDS, Deployer
from valetkey.chains.evm.networks import KNOWN_ADDRESSES, Addresses
from valetkey.chains.evm.node import AsyncNode
from valetkey.chains.evm.public import Check, Roles, Survey, carry_out, survey, verify
from valetkey.chains.evm.signer import LocalSigner
from valetkey.cli.complaint import Complaint
from valetkey.cli.contracts import address_of, read_entry
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.networks import chain_id_of
from valetkey.wire.errors import Exit

__all__ = ["OnChain", "Roles", "Survey", "on_public_chain"]


class OnChain:
    """The chain behind a node, as cli/contracts.py asks for it."""

    def __init__(
        self,
        deployer: Deployer,
        chain_id: int,
        roles: Roles | None,
        config: Path | None,
        wanted: dict[str, str | None],
    ) -> None:
        self._deployer = deployer
        self._chain_id = chain_id
        self._roles = roles
        self._config = config
        self._wanted = wanted

    async def survey(self) -> Survey:
        assert self._roles is not None
        return await survey(self._deployer, self._chain_id, self._roles)

    async def carry_out(self, found: Survey, said: Callable[[str], None]) -> None:
        await carry_out(self._deployer, found, said)

    async def verify(self, addresses: dict[str, str | None]) -> list[Check]:
        entry = read_entry(self._config, self._chain_id, chain_id_of) if self._config else {}
        known = KNOWN_ADDRESSES.get(self._chain_id)
        found = {name: given or entry.get(name) for name, given in addresses.items()}
        if found["usdc"] is None and known is not None:
            found["usdc"] = known.usdc
        for name in ("escrow", "score", "usdc"):
            if found[name] is None:
                raise Complaint(f"--{name}, or a --config that has it, is needed", Exit.INPUT)
        at = {name: address_of(str(one), f"--{name}") for name, one in found.items() if one is not None}
        checks = await verify(
            self._deployer, Addresses(at["escrow"], at["score"], at["usdc"]), at.get("allowance"), None
        )
        return [self._as_wanted(one) for one in checks]

    async def is_test_token(self, address: str) -> bool:
        """Whether what is there is our token for tests, which anybody may mint."""
        return await self._deployer.code(address) == runtime_code("TestUSDC")

    def _as_wanted(self, check: Check) -> Check:
        """A role that the caller named is expected to be that one."""
        role = self._wanted.get(check.what.partition(": ")[2])
        return check if role is None else Check(check.what, address_of(role, "a role"), check.found)


async def on_public_chain(
    rpc_url: str,
    key: PrivateKey,
    roles: Roles | None,
    config: Path | None,
    wanted: dict[str, str | None],
    work: Callable[[OnChain], Awaitable[Any]],
) -> Any:
    """Do a job with the chain behind a node. Raises ChainUnavailable."""
    node = AsyncNode(rpc_url, timeout_seconds=CALL_SECONDS)
    try:
        chain_id = int(await node.call("eth_chainId"), 16)
        deployer = Deployer(node, LocalSigner(key), chain_id)
        return await work(OnChain(deployer, chain_id, roles, config, wanted))
    finally:
        await node.close()

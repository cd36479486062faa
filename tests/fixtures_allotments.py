"""A platform that serves an embedded cluster of Solana, and owners with sessions there, over real HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.fixtures_solana import TOKEN, ClusterRpc
from valetkey.chains.devsolana import DevSolana
from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.delegate import SolanaDelegate
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.crypto.ed25519 import SigningKey

if TYPE_CHECKING:
    from tests.integration.platform.serving import Agent, Server
    from valetkey.chains.solana.accounts import Mint

USDC = 10**6
WEALTH = 1_000 * USDC
FEES = 20_000_000
T = TypeVar("T")


@dataclass
class World:
    """The cluster and its money."""

    cluster: DevSolana
    program: str = TOKEN
    rpc: ClusterRpc = field(init=False)
    usdc: str = field(init=False)

    def __post_init__(self) -> None:
        self.rpc = ClusterRpc(self.cluster)
        self.usdc = self.rpc.mint(6, self.program)

    def networks(self, rpc_url: str | None = None, **first: Any) -> str:
        """The setting that names it, after an EVM chain."""
        evm = {"network": "base-sepolia", "rpcUrl": "http://127.0.0.1:1", "usdc": "0x" + "03" * 20, **first}
        entry = {"network": "solanaLocal", "rpcUrl": rpc_url or self.rpc.rpc_url, "usdc": self.usdc}
        return json.dumps([evm, entry])

    def wallet(self) -> SigningKey:
        """An owner's wallet with a thousand USDC."""
        key = self.rpc.wallet()
        self.rpc.give(key.address, self.usdc, WEALTH)
        return key

    def act(self, work: Callable[[SolanaNode], Awaitable[T]]) -> T:
        """Something on the cluster."""

        async def run() -> T:
            node = SolanaNode(self.rpc.chain_id, self.rpc.rpc_url)
            try:
                return await work(node)
            finally:
                await node.close()

        return asyncio.run(run())

    def delegate(self, account: str) -> str | None:
        """Who may move what is in an account, and is not its owner; None for nobody and for no account."""
        found = self.rpc("getAccountInfo", account, {"encoding": "base64", "commitment": "confirmed"})[
            "value"
        ]
        if found is None:
            return None
        import base64

        from valetkey.crypto import base58

        data = base64.b64decode(found["data"][0])
        return base58.encode(data[76:108]) if data[72] else None

    def session(self, owner: "Agent", wallet: SigningKey, budget: int = 50, **rules: Any) -> "Session":
        """A session that is registered and open; its allotment is not given yet."""
        key = SigningKey.generate()
        asked = {
            "budgetUsdc": budget,
            "expiry": 3_600,
            "allowedServiceIds": [],
            "allowedChains": [self.rpc.chain_id],
            "sessionWallet": key.address,
            "sessionPublicKey": key.public_key.hex(),
            "funding": "allotment",
            **rules,
        }
        made = owner.data("POST", "/agents/session", asked)

        async def opened(node: SolanaNode) -> tuple["Mint", SessionAccounts]:
            acting = SolanaOwner(node, wallet)
            mint = await acting.mint(self.usdc, 6)
            return mint, await acting.open(key.address, mint, budget * USDC, fee_lamports=FEES)

        mint, accounts = self.act(opened)
        from tests.integration.platform.serving import Agent

        agent = Agent(owner.server, made["token"], owner.agent_id, owner.key, made["sessionId"])
        return Session(self, owner, wallet, key, agent, mint, accounts)


@dataclass
class Session:
    """A session on the cluster, with everything that belongs to it."""

    world: World
    owner: "Agent"
    wallet: SigningKey
    key: SigningKey
    agent: "Agent"
    mint: "Mint"
    accounts: SessionAccounts

    @property
    def id(self) -> str:
        return self.agent.session_id

    @property
    def path(self) -> str:
        return f"/agents/session/{self.id}/allotment"

    def presigned(self) -> str:
        """The revocation that the owner signs in advance, as it is sent to the platform."""

        async def sign(node: SolanaNode) -> str:
            found = await SolanaOwner(node, self.wallet).presign_revocation(self.accounts)
            return found.payment.transaction

        self.world.rpc.settle()
        return self.world.act(sign)

    def give(self) -> Any:
        """The allotment, given to the platform."""
        return self.owner.data("POST", self.path, {"revocation": self.presigned()})

    def shown(self) -> Any:
        return self.owner.data("GET", self.path)

    def steal(self, units: int, thief: str | None = None) -> str:
        """The key pays without asking the gate."""
        to = thief or self.world.rpc.wallet(0).address

        async def pay(node: SolanaNode) -> str:
            acting = SolanaDelegate(node, self.key, self.wallet.address, self.mint)
            payment = await acting.sign(to, units, name=f"theft of {units}")
            return (await acting.pay(payment)).signature

        return self.world.act(pay)

    def delegate(self) -> str | None:
        return self.world.delegate(str(self.accounts.account))


def restarted(start: Callable[..., "Server"], server: "Server") -> "Server":
    """Another platform on the database of one."""
    return start(
        VALETKEY_DATABASE=str(server.settings.database),
        VALETKEY_NETWORKS=json.dumps([_entry(one) for one in server.settings.networks]),
    )


def _entry(network: Any) -> dict[str, Any]:
    return {"network": network.name, "rpcUrl": network.rpc_url, "usdc": network.usdc}

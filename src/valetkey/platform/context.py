"""What every domain of the platform works with: settings, stores, chains, the gate. Made once, by app.py."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code
from valetkey.core.tokens import COIN_DECIMALS
from valetkey.crypto.keys import checksum_address
from valetkey.engine.gate import SpendGate
from valetkey.engine.settlement import Settlement
from valetkey.engine.tokens import TokenChecks
from valetkey.platform.callers import Recent
from valetkey.platform.limits import RateLimiter
from valetkey.platform.networks import NetworkSettings
from valetkey.platform.observing.metrics import Metrics
from valetkey.platform.refusing import refused
from valetkey.platform.room import Room, sizes
from valetkey.platform.settings import REQUESTS_MAX, Settings
from valetkey.platform.streaming import Streams
from valetkey.ports.accounts import AccountStore
from valetkey.ports.alerts import AlertStore
from valetkey.ports.allotments import AllotmentChain, AllotmentStore
from valetkey.ports.auditing import AuditStore
from valetkey.ports.chain import ChainReader
from valetkey.ports.claims import ClaimStore
from valetkey.ports.clock import Clock
from valetkey.ports.enrollments import EnrollmentStore
from valetkey.ports.following import FollowingStore
from valetkey.ports.grants import GrantStore
from valetkey.ports.ledger import LedgerStore
from valetkey.ports.market import MarketStore
from valetkey.ports.measuring import MeasuringStore
from valetkey.ports.outbox import OutboxStore
from valetkey.ports.overview import OverviewStore
from valetkey.ports.relays import RelayLimits, RelayStore
from valetkey.ports.sender import ChainSender
from valetkey.wire.network import Contracts, NetworkView, network_for


class Stores(
    LedgerStore,
    AccountStore,
    AuditStore,
    MarketStore,
    OutboxStore,
    GrantStore,
    RelayStore,
    FollowingStore,
    AllotmentStore,
    EnrollmentStore,
    ClaimStore,
    AlertStore,
    OverviewStore,
    MeasuringStore,
    Protocol,
):
    """One database that answers every store's port."""

    @property
    def clock(self) -> Clock: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is served: its facts, and how to read its chain."""

    name: str
    asset: Asset
    coin: Asset
    reader: ChainReader
    view: NetworkView
    escrow: str | None
    """Where the money of purchases is held; None where nothing is sold."""

    @property
    def escrow_address(self) -> str:
        """The escrow contract of a network on which something is sold, EIP-55."""
        assert self.escrow is not None, "what is bought and sold is so on a network with an escrow"
        return self.escrow


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of Solana that is served: its facts, and how to read it. Nothing is sold on one."""

    name: str
    asset: Asset
    coin: Asset
    reader: AllotmentChain
    view: NetworkView


Served = Network | Cluster


@dataclass(frozen=True, slots=True)
class RelayDesk:
    """Who sends transactions on a chain for owners and sessions, and how much of its own money it may spend."""

    sender: ChainSender
    reader: ChainReader
    limits: RelayLimits
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something new is in its queue."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything a request may need."""

    settings: Settings
    store: Stores
    clock: Clock
    networks: Mapping[str, Network]
    gate: SpendGate
    settlement: Settlement
    limiter: RateLimiter
    metrics: Metrics
    started_at: int
    relayers: Mapping[int, RelayDesk] = field(default_factory=dict)
    """By chain id; a chain without one is paid for by whoever signs."""
    tokens: TokenChecks = field(default_factory=TokenChecks)
    resolvers: Mapping[int, RelayDesk] = field(default_factory=dict)
    """By chain id: the account that decides disputes, where the platform has its key."""
    recent: Recent = field(default_factory=Recent)
    room: Room = field(default_factory=lambda: Room(sizes(REQUESTS_MAX)))
    exports: Streams = field(default_factory=lambda: Streams(owner_max=2, total_max=16))
    event_streams: Streams = field(default_factory=lambda: Streams(owner_max=8, total_max=256))
    crowded: set[str] = field(default_factory=set)
    """Agents whose receiver takes no webhooks: as many wait as may. Looked up every few seconds."""
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    """Of Solana. `networks` are EVM chains."""

    @property
    def main_network(self) -> Network:
        """The first network of the settings, that of whoever names none."""
        return next(iter(self.networks.values()))

    @property
    def served(self) -> list[Served]:
        """All that is served, the network of those who name none first."""
        return [*self.networks.values(), *self.clusters.values()]

    @property
    def desks(self) -> list[tuple[int, RelayDesk]]:
        """Every account that sends, each once, with its chain's id."""
        found = {(chain, desk.sender.address): desk for chain, desk in self.resolvers.items()}
        found |= {(chain, desk.sender.address): desk for chain, desk in self.relayers.items()}
        return [(chain, desk) for (chain, _), desk in found.items()]

    def network(self, name: str) -> Network:
        """A network by its name. Raises a refusal when it is not served."""
        found = self.networks.get(name)
        if found is None:
            raise refused(Code.NETWORK_MISMATCH, "network", "this platform does not serve that network")
        return found

    def marketplace(self, name: str) -> Network:
        """A network by its name, on which things are sold. Raises a refusal when there is none."""
        found = self.network(name)
        if found.escrow is None:
            raise refused(Code.NETWORK_MISMATCH, "network", "nothing is sold on that network")
        return found

    @property
    def scored_network(self) -> Network:
        """The first network whose chain keeps scores. Raises a refusal when none does."""
        for network in self.networks.values():
            if network.view.contracts.score is not None:
                return network
        raise refused(Code.NETWORK_MISMATCH, "network", "this platform serves no network with scores")

    def network_of_chain(self, chain_id: int) -> Network | None:
        """The network of a chain; None when it is not served."""
        return next((one for one in self.networks.values() if one.asset.chain_id == chain_id), None)

    def cluster_of_chain(self, chain_id: int) -> Cluster | None:
        """The cluster of a chain; None when it is not served, or is none."""
        return next((one for one in self.clusters.values() if one.asset.chain_id == chain_id), None)

    def network_of_session(self, policy: Policy) -> Served:
        """The network on which a session lives: see network_for."""
        found = network_for((one.view for one in self.served), policy.allowed_chains)
        assert found is not None, "the settings name at least one network"
        return self.networks.get(found.network) or self.clusters[found.network]


def make_network(
    settings: NetworkSettings, reader: ChainReader, test_mode: bool, relayer: str | None = None
) -> Network:
    """A network from its settings, its chain's reader, and the relayer's address."""
    chain = settings.chain
    chain_id, usdc, escrow = chain.chain_id, checksum_address(settings.usdc), _address(settings.escrow)
    told = settings.public_rpc_url or (settings.rpc_url if test_mode else None)
    return Network(
        name=settings.name,
        asset=Asset("USDC", chain_id, usdc, CURRENCY_DECIMALS["USDC"]),
        coin=Asset(chain.coin, chain_id, NATIVE, COIN_DECIMALS),
        escrow=escrow,
        reader=reader,
        view=NetworkView(
            network=settings.name,
            chain=chain.name,
            chain_id=chain_id,
            rpc_url=told,
            contracts=Contracts(
                escrow=escrow,
                score=_address(settings.score),
                usdc=usdc,
                allowance=_address(settings.allowance),
            ),
            confirmations=settings.confirmations,
            test_mode=test_mode,
            relayer=relayer,
        ),
    )


def make_cluster(settings: NetworkSettings, reader: AllotmentChain, test_mode: bool) -> Cluster:
    """A cluster from its settings and its reader."""
    chain = settings.chain
    told = settings.public_rpc_url or (settings.rpc_url if test_mode else None)
    return Cluster(
        name=settings.name,
        asset=Asset("USDC", chain.chain_id, settings.usdc, CURRENCY_DECIMALS["USDC"]),
        coin=Asset(chain.coin, chain.chain_id, NATIVE, CURRENCY_DECIMALS[chain.coin]),
        reader=reader,
        view=NetworkView(
            network=settings.name,
            chain=chain.name,
            chain_id=chain.chain_id,
            rpc_url=told,
            contracts=Contracts(usdc=settings.usdc),
            confirmations=settings.confirmations,
            test_mode=test_mode,
        ),
    )


def _address(given: str | None) -> str | None:
    return None if given is None else checksum_address(given)

"""What anybody may ask about the market: services, agents, scores, figures; and how a dispute stands."""

from typing import Any

import msgspec

from valetkey.sdk._async.agent import AsyncAgent, segment
from valetkey.sdk.amounts import Amount, usdc_of
from valetkey.wire import js_json
from valetkey.wire.agents import AgentSummary, DiscoveryScore, FeeTier, Score
from valetkey.wire.market import MarketplacePulse, Software
from valetkey.wire.services import ServicePage, ServiceView
from valetkey.wire.transactions import DisputeView, EvidenceRequest, EvidenceResult


class AsyncDirectory(AsyncAgent):
    """Searches and figures. None of it needs a wallet."""

    async def find_services(
        self,
        query: str = "",
        *,
        category: str | None = None,
        currency: str | None = None,
        max_price: Amount | None = None,
        min_rating: float | None = None,
        sort_by: str | None = None,
        network: str | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> list[ServiceView]:
        """Active services that fit; see `search_services` for the total count. `max_price` is USDC."""
        page = await self.search_services(
            query,
            category=category,
            currency=currency,
            max_price=max_price,
            min_rating=min_rating,
            sort_by=sort_by,
            network=network,
            limit=limit,
            offset=offset,
        )
        return page.services

    async def search_services(
        self, query: str = "", *, max_price: Amount | None = None, **filters: Any
    ) -> ServicePage:
        """A page of active services and the total. `sort_by`: newest price_asc price_desc rating response_time."""
        asked = {"q": query or None, "max_price": None if max_price is None else usdc_of(max_price)}
        return await self._client.get("/services", ServicePage, asked | filters)

    async def get_service(self, service_id: str) -> ServiceView:
        """One service, also a paused or archived one. Raises NotFound."""
        return await self._client.get(f"/services/{segment(service_id)}", ServiceView)

    async def list_agents(
        self, search: str | None = None, *, category: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[AgentSummary]:
        """Agents in the directory, newest first."""
        query = {"search": search, "category": category, "limit": limit, "offset": offset}
        return await self._client.get("/agents", list[AgentSummary], query)

    async def get_fee_tier(self) -> FeeTier:
        """The fee that the caller pays."""
        return await self._client.get("/agents/fee-tier", FeeTier)

    async def get_score(self, address: str | None = None) -> Score:
        """The on-chain score of a wallet, of the caller's own without an address."""
        return await self._client.get("/agents/score", Score, {"address": address})

    async def get_discovery_score(self, agent_id: str) -> DiscoveryScore:
        """How high an agent ranks, 0 to 1."""
        return await self._client.get(f"/agents/{segment(agent_id)}/discovery-score", DiscoveryScore)

    async def platform_version(self) -> str:
        """The version of the software that the platform runs. Raises NotFound of one that is too old to tell."""
        return (await self._client.get("/version", Software)).version

    async def get_marketplace_pulse(self) -> MarketplacePulse:
        """Figures about the whole market."""
        return await self._client.get("/marketplace/pulse", MarketplacePulse)

    # Disputes: both sides look and argue

    async def get_dispute(self, transaction_id: str) -> DisputeView:
        """Where a dispute stands."""
        return await self._client.get(f"/transactions/{segment(transaction_id)}/dispute", DisputeView)

    async def submit_evidence(
        self,
        transaction_id: str,
        evidence_type: str,
        description: str,
        *,
        content_hash: str | None = None,
        ipfs_hash: str | None = None,
        metadata: Any = None,
    ) -> str:
        """Add evidence to an open dispute; returns its id."""
        asked = EvidenceRequest(
            evidence_type=evidence_type,
            description=description,
            content_hash=content_hash,
            ipfs_hash=ipfs_hash,
            metadata=msgspec.UNSET
            if metadata is None
            else msgspec.Raw(js_json.stringify(metadata).encode("utf-8")),
        )
        path = f"/transactions/{segment(transaction_id)}/dispute/evidence"
        return (await self._client.send("POST", path, EvidenceResult, asked)).evidence_id

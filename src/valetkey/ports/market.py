"""The store of what is on offer: services, evidence of disputes, and figures about the market."""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.service import Service, ServiceQuery, ServiceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """Fields of a service to set; None leaves a field as it is, `endpoint_url=""` removes the URL."""

    title: str | None = None
    description: str | None = None
    category: str | None = None
    price: int | None = None
    price_unit: str | None = None
    delivery_type: str | None = None
    callback_required: bool | None = None
    endpoint_url: str | None = None
    status: ServiceStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of evidence in a dispute; `metadata` is the JSON that was sent, untouched."""

    id: str
    transaction_id: str
    submitted_by: str
    evidence_type: str
    description: str
    content_hash: str | None
    ipfs_hash: str | None
    metadata: bytes | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Counts over the whole market; `volume_24h` is base units of USDC."""

    services_total: int
    services_last_24h: int
    categories: tuple[tuple[str, int], ...]
    completed_total: int
    completed_last_24h: int
    volume_24h: int
    agents_total: int
    agents_active_7d: int


class MarketStore(Protocol):
    async def add_service(self, service: Service) -> None: ...

    async def service(self, service_id: str) -> Service | None: ...

    async def change_service(self, service_id: str, change: ServiceChange) -> Service: ...

    async def services(self, query: ServiceQuery) -> tuple[list[Service], int]:
        """One page of active services and the total; `query.text` is searched in title and description."""
        ...

    async def offered_by(self, agent_id: str) -> frozenset[str]:
        """The ids of an agent's active services."""
        ...

    async def add_evidence(self, evidence: Evidence, *, pieces_max: int, bytes_max: int) -> bool:
        """Keep a piece; False, and nothing is kept, when its sender would have more about this transaction."""
        ...

    async def evidence(self, transaction_id: str) -> list[Evidence]: ...

    async def evidence_count(self, transaction_id: str) -> int: ...

    async def pulse(self) -> Pulse: ...

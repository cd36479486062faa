"""What is asked about agents: the directory, fees, scores and the keys that payloads are encrypted to."""

from valetkey.core.agent import Agent
from valetkey.core.api_key import granted
from valetkey.core.errors import InvalidInput
from valetkey.core.fees import FEE_BPS
from valetkey.core.ids import Kind, is_id
from valetkey.core.session import Role, Status, status
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound
from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.wire.agents import AgentSummary, DiscoveryScore, FeeTier, OwnerView, PublicKey, Score
from valetkey.wire.timestamps import iso_timestamp
from valetkey.wire.transactions import PageQuery

SESSIONS_LOOKED_AT = 100


async def directory(platform: Platform, query: PageQuery) -> list[AgentSummary]:
    """Agents by text and by the category of what they offer, newest first."""
    found, _ = await platform.store.agents(
        query.search, query.category, page_limit(query.limit), query.offset
    )
    return [
        AgentSummary(
            id=agent.id,
            agent_name=agent.name,
            wallet_address=agent.wallet_address,
            created_at=iso_timestamp(agent.created_at),
            agent_description=agent.description or None,
        )
        for agent in found
    ]


def itself(caller: Caller) -> OwnerView:
    """The owner that calls, as its key was looked up for this very request."""
    assert caller.key is not None, "an owner calls with a key"
    agent, key = caller.agent, caller.key
    return OwnerView(
        agent_id=agent.id,
        agent_name=agent.name,
        wallet_address=agent.wallet_address,
        scopes=sorted(granted(key.scopes)),
        key_id=key.id,
        key_name=key.name,
        key_expires_at=None if key.expires_at is None else iso_timestamp(key.expires_at),
        frozen_at=None if agent.frozen_at is None else iso_timestamp(agent.frozen_at),
    )


def fee_tier() -> FeeTier:
    """There is one tier."""
    return FeeTier(
        fee_bps=FEE_BPS,
        fee_percent=FEE_BPS / 100,
        tier_name="Standard",
        monthly_volume=0,
        next_tier_volume=None,
        next_tier_fee_bps=None,
        volume_to_next_tier=None,
    )


async def score(platform: Platform, address: str) -> Score:
    """The on-chain score of a wallet, where trading is free: the first network that keeps scores."""
    if not is_address(address):
        raise InvalidInput(
            "this is not an address, or its checksum is wrong", code="invalid_address", field="address"
        )
    address = checksum_address(address)
    value = await platform.scored_network.reader.score(address)
    required = platform.settings.graduation_score
    return Score(address=address, score=value, required=required, graduated=value >= required)


async def discovery_score(platform: Platform, agent_id: str) -> DiscoveryScore:
    """A figure from 0 to 1 that grows with the on-chain score."""
    agent = await platform.store.agent(agent_id)
    if agent is None:
        raise NotFound("Agent not found")
    value = await platform.scored_network.reader.score(agent.wallet_address)
    return DiscoveryScore(
        agent_id=agent.id,
        discovery_score=max(0, value) / (max(0, value) + platform.settings.graduation_score),
        on_chain_score=value,
        last_synced=iso_timestamp(platform.clock.now()),
    )


async def public_key(platform: Platform, agent_id: str, service_id: str | None = None) -> PublicKey:
    """The key to encrypt to. A buyer's alias answers its session's key.

    A seller's is that of its newest seller session that serves the service; without a service, one that serves
    all that the seller offers, because the buyer may buy any of it, or else its only one. Otherwise it is the
    seller's own. The owner has a copy of every session's key and opens what no session can.
    """
    key: bytes | None = None
    if is_id(Kind.BUYER_ALIAS, agent_id):
        record = await platform.store.session_of_alias(agent_id)
        if record is None:
            raise NotFound("Agent not found")
        key = record.e2e_public_key or (await _agent(platform, record.session.owner_id)).public_key
    else:
        agent = await _agent(platform, agent_id)
        session = await _seller_session(platform, agent.id, service_id)
        key = session.e2e_public_key if session else agent.public_key
    assert key is not None
    return PublicKey(agent_id=agent_id, public_key=key.hex())


async def _agent(platform: Platform, agent_id: str) -> Agent:
    agent = await platform.store.agent(agent_id)
    if agent is None:
        raise NotFound("Agent not found")
    return agent


async def _seller_session(platform: Platform, agent_id: str, service_id: str | None) -> SessionRecord | None:
    now = platform.clock.now()
    served = frozenset({service_id}) if service_id else await platform.store.offered_by(agent_id)
    records, _ = await platform.store.sessions(SessionQuery(agent_id, limit=SESSIONS_LOOKED_AT))
    living = [record for record in records if _reads_for_its_owner(record, now)]
    for record in living:
        allowed = record.session.policy.allowed_services
        if allowed is None or (bool(served) and served <= allowed):
            return record
    # Who does not say what it buys most likely buys what the only session serves; the owner opens the rest.
    return living[0] if service_id is None and len(living) == 1 else None


def _reads_for_its_owner(record: SessionRecord, now: int) -> bool:
    # A seller spends nothing, so a budget of 0 does not end its session.
    lives = status(record.session, now, record.ancestors) in (Status.ACTIVE, Status.EXHAUSTED)
    return record.session.role is Role.SELLER and record.e2e_public_key is not None and lives

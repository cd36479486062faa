"""Owners give grants to their sessions; owners and holders look at them."""

from valetkey.core.grant import NOBODY, Grant
from valetkey.core.refusal import Code, Refused
from valetkey.engine.granting import Expected, unfit, unsigned, unusable
from valetkey.platform.callers import Caller
from valetkey.platform.context import Network, Platform
from valetkey.platform.grants.views import grant_view
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.platform.sessions.service import own
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.wire.granting import (
    GiveGrantRequest,
    GrantListQuery,
    GrantPage,
    GrantView,
    grant_of,
    signature_bytes,
)
from valetkey.wire.grants import Domain, grant_hash, grant_id


async def give(platform: Platform, caller: Caller, session_id: str, asked: GiveGrantRequest) -> GrantView:
    """Keep what an owner signed: its session pays out of it from then on. The same again is the same grant."""
    record = await own(platform, caller, session_id)
    network = network_of(platform, asked.chain_id)
    if network is not platform.network_of_session(record.session.policy):
        raise refused(
            Code.GRANT_MISMATCH,
            "chain",
            f"this session lives on {platform.network_of_session(record.session.policy).name}, and pays there alone",
        )
    contract = allowance_of(network)
    grant = grant_of(asked.grant)
    signature, revocation = signature_bytes(asked.signature), signature_bytes(asked.revocation)
    domain = Domain(asked.chain_id, contract)
    # What is promised in units of a token has to be of the decimals that everybody takes it to have.
    await platform.tokens.checked(network.asset, network.reader)
    await _check(network, domain, grant, asked, record, caller, (signature, revocation))
    kept = await platform.store.add_grant(
        SignedGrant(
            id=grant_id(grant.owner, grant_hash(grant)),
            chain_id=asked.chain_id,
            contract=contract,
            session_id=session_id,
            owner_id=caller.agent.id,
            grant=grant,
            signature=signature,
            revocation=revocation,
            made_at=platform.clock.now(),
        ),
        caller.actor,
    )
    if isinstance(kept, Refused):
        raise RefusedRequest(kept)
    # What it buys from now on is paid by its owner. Other replicas know within a minute: hand it over after it has one.
    platform.recent.forget_session(session_id)
    return await grant_view(platform, kept)


async def show(platform: Platform, caller: Caller, session_id: str) -> GrantView:
    """The grant that a session was given last, on its network; to its owner and to its holder."""
    if caller.session is None:
        record = await own(platform, caller, session_id)
    elif caller.session.session.id != session_id:
        raise NotFound("Session not found")
    else:
        record = caller.session
    network = platform.network_of_session(record.session.policy)
    found = await platform.store.grant_of_session(session_id, network.asset.chain_id)
    if found is None:
        raise NotFound("This session has no grant")
    return await grant_view(platform, found)


async def listed(platform: Platform, caller: Caller, query: GrantListQuery) -> GrantPage:
    """The grants that an owner gave, newest first."""
    limit = page_limit(query.limit)
    found, total = await platform.store.grants_of_owner(caller.agent.id, limit, query.offset)
    views = [await grant_view(platform, one) for one in found]
    return GrantPage(grants=views, total=total, limit=limit, offset=query.offset)


def network_of(platform: Platform, chain_id: int) -> Network:
    """The network of a chain. Raises a refusal when it is not served."""
    found = platform.network_of_chain(chain_id)
    if found is None:
        raise refused(Code.NETWORK_MISMATCH, "chain", "this platform does not serve that chain")
    return found


def allowance_of(network: Network) -> str:
    """The contract that keeps grants on a network. Raises a refusal when the platform knows none."""
    found = network.view.contracts.allowance
    if found is None:
        raise refused(
            Code.GRANT_MISMATCH, "contract", f"this platform knows no session allowance on {network.name}"
        )
    return found


async def _check(
    network: Network,
    domain: Domain,
    grant: Grant,
    asked: GiveGrantRequest,
    record: SessionRecord,
    caller: Caller,
    signatures: tuple[bytes, bytes],
) -> None:
    expected = Expected(
        owner=caller.agent.wallet_address,
        key=record.wallet_address,
        asset=network.asset,
        escrow=network.escrow or NOBODY,
        contract=domain.contract,
        policy=record.session.policy,
    )
    # What costs nothing to look at comes before what asks a node.
    problem = unfit(grant, asked.contract, expected)
    problem = problem or await unsigned(network.reader, domain, grant, *signatures)
    problem = problem or await unusable(network.reader, domain, grant)
    if problem is not None:
        raise RefusedRequest(problem)

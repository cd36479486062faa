"""Owners give their sessions' accounts; owners and holders look at them."""

from valetkey.core.errors import InvalidInput
from valetkey.core.money import format_units
from valetkey.core.refusal import Code
from valetkey.core.session import Status, status
from valetkey.platform.callers import Caller
from valetkey.platform.context import Cluster, Platform
from valetkey.platform.refusing import NotFound, refused
from valetkey.platform.sessions.service import own
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.allotments import Allotment
from valetkey.wire.allotments import AllotmentView, GiveAllotmentRequest, revocation_of
from valetkey.wire.solana import read_payment
from valetkey.wire.timestamps import iso_timestamp


async def give(
    platform: Platform, caller: Caller, session_id: str, asked: GiveAllotmentRequest
) -> AllotmentView:
    """Keep what ends a session on its cluster: it is submitted when the session is over.

    Of a session that is over already it is taken too, and submitted at once. Raises InvalidInput with the code
    `allotment_mismatch`, and ChainUnavailable.
    """
    record = await own(platform, caller, session_id)
    cluster = _cluster(platform, record)
    budget = record.session.policy.budget
    if record.wallet_address is None or budget is None:
        raise InvalidInput("a session with an allotment has a key and a budget", code="allotment_mismatch")
    revocation = revocation_of(asked).encode()
    owner, account, units = await cluster.reader.terms(
        revocation, record.wallet_address, cluster.asset, budget
    )
    kept = await platform.store.give_allotment(
        Allotment(
            session_id=session_id,
            owner_id=caller.agent.id,
            chain_id=cluster.asset.chain_id,
            owner=owner,
            account=account,
            mint=cluster.asset.address,
            units=units,
            revocation=revocation,
        ),
        caller.actor,
    )
    platform.recent.forget_session(session_id)
    return _view(platform, cluster, record, kept)


async def show(platform: Platform, caller: Caller, session_id: str) -> AllotmentView:
    """The account of a session; to its owner and to its holder."""
    if caller.session is None:
        record = await own(platform, caller, session_id)
    elif caller.session.session.id != session_id:
        raise NotFound("Session not found")
    else:
        record = caller.session
    found = await platform.store.allotment(session_id)
    if found is None:
        raise NotFound("This session has no allotment")
    return _view(platform, _cluster(platform, record), record, found)


def _cluster(platform: Platform, record: SessionRecord) -> Cluster:
    found = platform.network_of_session(record.session.policy)
    if not isinstance(found, Cluster):
        raise refused(Code.NETWORK_MISMATCH, "network", "this session does not live on Solana")
    return found


def _view(platform: Platform, cluster: Cluster, record: SessionRecord, kept: Allotment) -> AllotmentView:
    stands = status(record.session, platform.clock.now(), record.ancestors)
    return AllotmentView(
        session_id=kept.session_id,
        chain_id=kept.chain_id,
        owner=kept.owner,
        account=kept.account,
        mint=kept.mint,
        allotted_usdc=format_units(kept.units, cluster.asset.decimals),
        status=str(kept.status(is_over=stands in (Status.REVOKED, Status.EXPIRED))),
        revocation=read_payment(kept.revocation).transaction,
        made_at=iso_timestamp(kept.made_at),
        revoked_at=None if kept.ended_at is None else iso_timestamp(kept.ended_at),
        revoked_slot=kept.slot,
        revocation_signature=kept.signature,
        lateness_seconds=kept.lateness,
    )

"""Making sessions, showing them, taking them back, and keeping their recovery copies."""

import base64

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import Policy, check_lifetime
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Role
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.idempotency import Remembering
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import Conflict, NotFound, RefusedRequest, refused
from valetkey.platform.sessions.making import lives_on_solana, policy_of, record_of
from valetkey.platform.sessions.views import session_view
from valetkey.ports.accounts import Funding, SessionQuery, SessionRecord
from valetkey.ports.overview import Health
from valetkey.wire.enrollment import EnrolledSessionRequest
from valetkey.wire.policies import PolicyRules
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    FleetView,
    LabelPolicy,
    RevokedAll,
    SessionCounts,
    SessionListQuery,
    SessionPage,
    SessionView,
)
from valetkey.wire.timestamps import iso_timestamp


async def create(
    platform: Platform, caller: Caller, asked: CreateSessionRequest, remembering: Remembering
) -> CreatedSession:
    """A new session of the owner. Its token is in the answer and nowhere else."""
    now = platform.clock.now()
    expires_at = end_of(asked, now)
    check_lifetime(
        expires_at - now,
        seconds_min=platform.settings.session_seconds_min,
        seconds_max=platform.settings.session_seconds_max,
    )
    policy = policy_of(asked, not_before=asked.not_before or 0, expires_at=expires_at)
    _check_place(platform, policy, asked)
    record = record_of(
        policy,
        Role(asked.role),
        caller,
        now,
        wallet=asked.session_wallet,
        public_key=asked.session_public_key,
        e2e_public_key=asked.e2e_public_key,
        label=asked.label,
        delegate=asked.delegate,
        recovery=asked.recovery,
        funding=_funding(asked),
        sole=sole_of(asked),
    )
    token = new_session_token()
    made = CreatedSession(
        session_id=record.session.id,
        token=token.reveal(),
        expires_at=iso_timestamp(record.session.policy.expires_at),
    )
    answer = remembering.answer(made, 201)
    done = await platform.store.add_session(record, credential_hash(token.reveal()), answer, by=caller.actor)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return made


def _check_place(platform: Platform, policy: Policy, asked: CreateSessionRequest) -> None:
    """A session that lives on a cluster of Solana lives on one that is served. Raises InvalidInput, and a refusal."""
    on_solana = lives_on_solana(policy)
    if Funding(asked.funding) is Funding.ALLOTMENT and not on_solana:
        raise InvalidInput("an allotment is for a session whose only chain is on Solana", field="funding")
    if not on_solana:
        return
    if Funding(asked.funding) is Funding.GRANT:
        raise InvalidInput("there are no grants on Solana: its sessions have allotments", field="funding")
    if platform.cluster_of_chain(next(iter(policy.allowed_chains or ()))) is None:
        raise refused(Code.NETWORK_MISMATCH, "network", "this platform does not serve that cluster of Solana")


def end_of(asked: CreateSessionRequest | EnrolledSessionRequest, now: int) -> int:
    """When a new session ends, unix seconds. Raises InvalidInput unless it is said in one way."""
    if (asked.expiry is None) == (asked.expires_at is None):
        raise InvalidInput(
            "a session has an expiry in seconds from now, or an expiresAt: one", field="expiry"
        )
    return asked.expires_at if asked.expires_at is not None else now + (asked.expiry or 0)


def sole_of(asked: CreateSessionRequest | EnrolledSessionRequest) -> bool:
    """Whether no other session may have the label. Raises InvalidInput when there is none."""
    if asked.sole_label and asked.label is None:
        raise InvalidInput("there is no label to be the only one that has it", field="label")
    return asked.sole_label


def _funding(asked: CreateSessionRequest) -> Funding:
    """What a new session pays with. Raises InvalidInput where it cannot."""
    funding = Funding(asked.funding)
    if funding is Funding.GRANT:
        check_grant_terms(asked)
    if funding is Funding.ALLOTMENT and (asked.limits or asked.budget_usdc is None):
        raise InvalidInput(
            "an allotment is about USDC, and has a cap: give the session a budget, and no other limits",
            field="limits" if asked.limits else "budgetUsdc",
        )
    return funding


def check_grant_terms(asked: PolicyRules) -> None:
    """Raise InvalidInput for rules that no grant can keep: it is about one token, and has a cap."""
    if asked.limits:
        raise InvalidInput(
            "a grant is about USDC: a chain's own coin has no allowance. Wrap it, or fund a session wallet",
            field="limits",
        )
    if asked.budget_usdc is None:
        raise InvalidInput("a grant has a cap: give the session a budget", field="budgetUsdc")


async def itself(platform: Platform, caller: Caller) -> SessionView:
    """The session whose token calls."""
    if caller.session is None:
        raise NotFound("This is an API key, not a session token")
    return await _with_health(platform, caller.session, caller)


async def show(platform: Platform, caller: Caller, session_id: str) -> SessionView:
    """A session of the owner."""
    return await _with_health(platform, await own(platform, caller, session_id), caller)


async def _with_health(platform: Platform, record: SessionRecord, caller: Caller) -> SessionView:
    named = record.session.id
    found = await platform.store.health(caller.agent.id, [named])
    return session_view(platform, record, caller.agent, found.get(named, Health()))


async def listed(platform: Platform, caller: Caller, query: SessionListQuery) -> SessionPage:
    """The owner's sessions, newest first, ended ones too."""
    limit = page_limit(query.limit)
    records, total = await platform.store.sessions(
        SessionQuery(
            caller.agent.id,
            label=query.label,
            status=query.status,
            role=query.role,
            delegate=query.delegate,
            parent_id=query.parent,
            tree_id=query.tree,
            chain_id=query.chain,
            currency=query.currency,
            part_of_label=query.label_contains,
            text=query.search,
            attention=query.attention is not None,
            key_hash=None if query.key_hash is None else bytes.fromhex(query.key_hash[2:]),
            sort=query.sort,
            limit=limit,
            offset=query.offset,
        )
    )
    found = await platform.store.health(caller.agent.id, [one.session.id for one in records])
    return SessionPage(
        sessions=[
            session_view(platform, one, caller.agent, found.get(one.session.id, Health())) for one in records
        ],
        total=total,
        limit=limit,
        offset=query.offset,
    )


async def counts(platform: Platform, caller: Caller) -> SessionCounts:
    """How many of the owner's sessions have each status."""
    found = await platform.store.session_counts(caller.agent.id)
    return SessionCounts(total=sum(found.values()), **found)


async def revoke(platform: Platform, caller: Caller, session_id: str) -> SessionView:
    """End a session for ever: by its owner, by the session itself, or by one that it was made of."""
    await within(platform, caller, session_id)
    revoked = await platform.store.revoke_session(session_id, caller.actor)
    return session_view(platform, revoked, caller.agent)


async def pause(platform: Platform, caller: Caller, session_id: str, *, paused: bool) -> SessionView:
    """Pause a session of the owner, or let it go on. What was bought already goes its way."""
    await own(platform, caller, session_id)
    return session_view(
        platform, await platform.store.pause_session(session_id, paused=paused, by=caller.actor), caller.agent
    )


async def freeze(platform: Platform, caller: Caller, *, frozen: bool) -> FleetView:
    """Stop every session of the owner at once, or thaw them."""
    since = await platform.store.freeze(caller.agent.id, frozen=frozen, by=caller.actor)
    return FleetView(frozen=since is not None, frozen_at=None if since is None else iso_timestamp(since))


async def revoke_all(platform: Platform, caller: Caller) -> RevokedAll:
    """End every session of the owner for ever."""
    return RevokedAll(revoked=await platform.store.revoke_sessions(caller.agent.id, caller.actor))


async def label_policy(platform: Platform, caller: Caller) -> LabelPolicy:
    """Whether the owner's living sessions need labels of their own."""
    owner = await platform.store.agent(caller.agent.id)
    assert owner is not None, "who calls is there"
    return LabelPolicy(unique=owner.unique_labels)


async def set_label_policy(platform: Platform, caller: Caller, asked: LabelPolicy) -> LabelPolicy:
    """Set whether they do, for what is made from now on."""
    await platform.store.set_unique_labels(caller.agent.id, unique=asked.unique, by=caller.actor)
    return asked


async def keep_recovery(platform: Platform, caller: Caller, session_id: str, copy: str) -> None:
    """Keep the owner's recovery copy. Raises Conflict when another one is kept already."""
    await own(platform, caller, session_id)
    if not await platform.store.keep_recovery(session_id, base64.b64decode(copy)):
        raise Conflict("Another recovery copy of this session is kept already")


async def recovery(platform: Platform, caller: Caller, session_id: str) -> str:
    """The recovery copy, base64. Raises NotFound when none was stored."""
    record = await own(platform, caller, session_id)
    if record.recovery is None:
        raise NotFound("No recovery copy of this session was stored")
    return base64.b64encode(record.recovery).decode("ascii")


async def own(platform: Platform, caller: Caller, session_id: str) -> SessionRecord:
    """A session of the caller's owner. Raises NotFound."""
    record = await platform.store.session(session_id)
    if record is None or record.session.owner_id != caller.agent.id:
        raise NotFound("Session not found")
    return record


async def within(platform: Platform, caller: Caller, session_id: str) -> SessionRecord:
    """A session that is the caller's: any one of the owner, and of a session itself and what was made out of it.

    Raises NotFound: of the others a session does not even learn that they are there.
    """
    record = await own(platform, caller, session_id)
    line = (record.session.id, *(one.id for one in record.ancestors))
    if caller.session is not None and caller.session.session.id not in line:
        raise NotFound("Session not found")
    return record

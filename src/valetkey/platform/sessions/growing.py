"""What becomes of sessions: extended, rotated, made out of each other, shown as a tree."""

from dataclasses import replace

import msgspec
from msgspec import UNSET

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.policy import check_lifetime
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import credential_hash, new_id, new_session_token
from valetkey.crypto.keys import address_of, load_public_key, session_key_hash
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.idempotency import Remembering
from valetkey.platform.limits import Limit
from valetkey.platform.refusing import NotFound, RefusedRequest, Unauthenticated
from valetkey.platform.sessions.making import key_hash_of, record_of, units
from valetkey.platform.sessions.service import own, within
from valetkey.platform.sessions.views import session_view
from valetkey.ports.accounts import Child, Funding, SessionQuery
from valetkey.wire.attenuation import AttenuateRequest, Attenuation, SignedNarrowing, read, signer_key
from valetkey.wire.sessions import (
    CreatedSession,
    ExtendSessionRequest,
    RotateSessionRequest,
    SessionTree,
    SessionView,
)
from valetkey.wire.timestamps import iso_timestamp

TREE_PAGE = 100


async def extend(
    platform: Platform, caller: Caller, session_id: str, asked: ExtendSessionRequest
) -> SessionView:
    """Let a session of the owner live longer, with a larger budget when one is given."""
    record = await own(platform, caller, session_id)
    expires_at = record.session.policy.expires_at
    if asked.expiry is not None:
        _check_lifetime(platform, asked.expiry)
        expires_at = platform.clock.now() + asked.expiry
        if expires_at < record.session.policy.expires_at:
            raise InvalidInput("an extension ends no earlier than the session does", field="expiry")
    done = await platform.store.extend_session(session_id, expires_at, units(asked.budget_usdc), caller.actor)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return session_view(platform, done, caller.agent)


async def rotate(
    platform: Platform,
    caller: Caller,
    session_id: str,
    asked: RotateSessionRequest,
    remembering: Remembering,
) -> CreatedSession:
    """Put a session with new keys in the place of one. Its token is in the answer and nowhere else."""
    before = await own(platform, caller, session_id)
    now = platform.clock.now()
    policy = before.session.policy
    if asked.expiry is not None:
        _check_lifetime(platform, asked.expiry)
        policy = replace(policy, expires_at=now + asked.expiry)
    if asked.budget_usdc is not msgspec.UNSET:
        policy = replace(policy, budget=units(asked.budget_usdc))
    if before.funding is Funding.ALLOTMENT and policy.budget is None:
        raise InvalidInput("an allotment has a cap: give the session a budget", field="budgetUsdc")
    if before.funding is Funding.ALLOTMENT and asked.session_wallet is None:
        raise InvalidInput("a session on Solana has a key of its own", field="sessionWallet")
    record = record_of(
        policy,
        before.session.role,
        caller,
        now,
        wallet=asked.session_wallet,
        public_key=asked.session_public_key,
        e2e_public_key=asked.e2e_public_key,
        label=before.label if asked.label is None else asked.label,
        delegate=before.delegate,
        recovery=asked.recovery,
        funding=before.funding,
    )
    token = new_session_token()
    made = CreatedSession(
        session_id=record.session.id, token=token.reveal(), expires_at=iso_timestamp(policy.expires_at)
    )
    done = await platform.store.rotate_session(
        session_id,
        record,
        credential_hash(token.reveal()),
        grace_seconds=asked.grace_seconds,
        carry=asked.carry_over,
        answer=remembering.answer(made, 201),
        by=caller.actor,
    )
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return made


async def attenuate(platform: Platform, asked: AttenuateRequest) -> SessionTree:
    """Register child sessions by what their parents signed. Nobody needs to be known for it: the signatures say it.

    Raises Unauthenticated for a signature that is not the parent's, RateLimited where too many were refused.
    """
    children: list[Child] = []
    wallets: dict[str, str] = {}
    keys: dict[str, bytes] = {}
    if asked.session_public_key is not UNSET:
        last = read(asked.narrowings[-1])
        keys[last.child_id] = key_hash_of(asked.session_public_key, last.wallet)
    for signed in asked.narrowings:
        told = read(signed)
        keys[told.parent_id] = await _check_signature(platform, signed, told, wallets)
        child = Child(
            id=told.child_id,
            parent_id=told.parent_id,
            narrowing=told.narrowing,
            alias=new_id(Kind.BUYER_ALIAS),
            wallet_address=told.wallet,
            e2e_public_key=told.e2e_public_key,
            token_hash=told.token_hash,
            label=told.label,
            proof_key=told.proof_key,
        )
        if told.e2e_public_key is not None:
            load_public_key(told.e2e_public_key)
        wallets[child.id] = told.wallet
        children.append(child)
    # Whoever signed for a child of its own has shown its key.
    children = [replace(one, key_hash=keys.get(one.id)) for one in children]
    # A refusal is told in the log: whoever has a session's key gets no more of them than with its token.
    signers = sorted({one.parent_id for one in children} - {one.id for one in children})
    for signed_by in signers:
        platform.limiter.take(signed_by.encode(), Limit.GENERAL)
    done = await platform.store.add_children(children)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    for signed_by in signers:
        platform.limiter.give_back(signed_by.encode(), Limit.GENERAL)
    owner = await platform.store.agent(done[0].session.owner_id)
    assert owner is not None, "a session has an owner"
    return SessionTree(sessions=[session_view(platform, record, owner) for record in done])


async def tree(platform: Platform, caller: Caller, session_id: str) -> SessionTree:
    """A session and all that were made out of it, each with what it spent: for its owner, and for its own holder."""
    record = await within(platform, caller, session_id)
    query = SessionQuery(caller.agent.id, tree_id=record.session.tree, sort="oldest", limit=TREE_PAGE)
    found = {record.session.id: record}
    total = 1
    while query.offset < total:
        page, total = await platform.store.sessions(query)
        for one in page:
            if any(parent.id == session_id for parent in one.ancestors):
                found[one.session.id] = one
        query = replace(query, offset=query.offset + TREE_PAGE)
    ordered = sorted(found.values(), key=lambda one: len(one.ancestors))
    return SessionTree(sessions=[session_view(platform, one, caller.agent) for one in ordered])


async def _check_signature(
    platform: Platform, signed: SignedNarrowing, told: Attenuation, wallets: dict[str, str]
) -> bytes:
    """The hash of the key that signed."""
    wallet = wallets.get(told.parent_id)
    if wallet is None:
        parent = await platform.store.session(told.parent_id)
        if parent is None:
            raise NotFound("The session that this one is made of is not known")
        wallet = parent.wallet_address
    key = signer_key(signed)
    if wallet is None or address_of(key) != wallet:
        raise Unauthenticated("The narrowing is not signed by the session that it narrows")
    if told.wallet == wallet:
        raise InvalidInput("a child session has a wallet of its own", code="attenuation_malformed")
    return session_key_hash(key)


def _check_lifetime(platform: Platform, seconds: int) -> None:
    check_lifetime(
        seconds,
        seconds_min=platform.settings.session_seconds_min,
        seconds_max=platform.settings.session_seconds_max,
    )

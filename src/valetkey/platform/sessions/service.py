"""Making sessions, showing them, taking them back, and keeping their recovery copies."""

import base64

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.money import CURRENCY_DECIMALS, parse_units
from valetkey.core.policy import Policy, check_lifetime
from valetkey.core.session import Role, Session, Usage
from valetkey.core.windows import Window
from valetkey.crypto.credentials import credential_hash, new_id, new_session_token
from valetkey.crypto.keys import checksum_address, is_address, load_public_key
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import Conflict, NotFound
from valetkey.platform.sessions.views import session_view
from valetkey.ports.accounts import SessionRecord
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    FleetView,
    RevokedAll,
    SessionListQuery,
    SessionPage,
    SessionView,
)
from valetkey.wire.timestamps import iso_timestamp

ZERO_ADDRESS = "0x" + "0" * 40
USDC_DECIMALS = CURRENCY_DECIMALS["USDC"]


async def create(platform: Platform, caller: Caller, asked: CreateSessionRequest) -> CreatedSession:
    """A new session of the owner. Its token is in the answer and nowhere else."""
    now = platform.clock.now()
    check_lifetime(
        asked.expiry,
        seconds_min=platform.settings.session_seconds_min,
        seconds_max=platform.settings.session_seconds_max,
    )
    # On the wire an empty list is every service; in a policy that would be none.
    services = frozenset(asked.allowed_service_ids) or None
    policy = Policy(
        budget=None if asked.budget_usdc is None else parse_units(asked.budget_usdc, USDC_DECIMALS),
        expires_at=now + asked.expiry,
        not_before=asked.not_before or 0,
        per_spend=None if asked.per_spend_usdc is None else parse_units(asked.per_spend_usdc, USDC_DECIMALS),
        allowed_services=services,
        windows=_windows(asked),
        spends_max=asked.spends_max,
    )
    token = new_session_token()
    session = Session(
        id=new_id(Kind.SESSION),
        owner_id=caller.agent.id,
        role=Role(asked.role),
        policy=policy,
        usage=Usage(),
        created_at=now,
    )
    record = SessionRecord(
        session=session,
        alias=new_id(Kind.BUYER_ALIAS),
        wallet_address=_wallet(asked, caller),
        e2e_public_key=_public_key(asked),
        label=asked.label,
        recovery=base64.b64decode(asked.recovery) if asked.recovery else None,
    )
    await platform.store.add_session(record, credential_hash(token.reveal()))
    return CreatedSession(
        session_id=session.id, token=token.reveal(), expires_at=iso_timestamp(policy.expires_at)
    )


async def itself(platform: Platform, caller: Caller) -> SessionView:
    """The session whose token calls."""
    if caller.session is None:
        raise NotFound("This is an API key, not a session token")
    return session_view(platform, caller.session, caller.agent)


async def show(platform: Platform, caller: Caller, session_id: str) -> SessionView:
    """A session of the owner."""
    return session_view(platform, await _own(platform, caller, session_id), caller.agent)


async def listed(platform: Platform, caller: Caller, query: SessionListQuery) -> SessionPage:
    """The owner's sessions, newest first, ended ones too."""
    limit = page_limit(query.limit)
    records, total = await platform.store.sessions(caller.agent.id, limit, query.offset, label=query.label)
    return SessionPage(
        sessions=[session_view(platform, record, caller.agent) for record in records],
        total=total,
        limit=limit,
        offset=query.offset,
    )


async def revoke(platform: Platform, caller: Caller, session_id: str) -> SessionView:
    """End a session for ever: by its owner, or by the session itself."""
    record = await _own(platform, caller, session_id)
    if caller.session is not None and caller.session.session.id != record.session.id:
        raise NotFound("Session not found")
    revoked = await platform.store.revoke_session(session_id)
    return session_view(platform, revoked, caller.agent)


async def pause(platform: Platform, caller: Caller, session_id: str, *, paused: bool) -> SessionView:
    """Pause a session of the owner, or let it go on. What was bought already goes its way."""
    await _own(platform, caller, session_id)
    return session_view(platform, await platform.store.pause_session(session_id, paused=paused), caller.agent)


async def freeze(platform: Platform, caller: Caller, *, frozen: bool) -> FleetView:
    """Stop every session of the owner at once, or thaw them."""
    since = await platform.store.freeze(caller.agent.id, frozen=frozen)
    return FleetView(frozen=since is not None, frozen_at=None if since is None else iso_timestamp(since))


async def revoke_all(platform: Platform, caller: Caller) -> RevokedAll:
    """End every session of the owner for ever."""
    return RevokedAll(revoked=await platform.store.revoke_sessions(caller.agent.id))


async def keep_recovery(platform: Platform, caller: Caller, session_id: str, copy: str) -> None:
    """Keep the owner's recovery copy. Raises Conflict when another one is kept already."""
    await _own(platform, caller, session_id)
    if not await platform.store.keep_recovery(session_id, base64.b64decode(copy)):
        raise Conflict("Another recovery copy of this session is kept already")


async def recovery(platform: Platform, caller: Caller, session_id: str) -> str:
    """The recovery copy, base64. Raises NotFound when none was stored."""
    record = await _own(platform, caller, session_id)
    if record.recovery is None:
        raise NotFound("No recovery copy of this session was stored")
    return base64.b64encode(record.recovery).decode("ascii")


async def _own(platform: Platform, caller: Caller, session_id: str) -> SessionRecord:
    record = await platform.store.session(session_id)
    if record is None or record.session.owner_id != caller.agent.id:
        raise NotFound("Session not found")
    return record


def _wallet(asked: CreateSessionRequest, caller: Caller) -> str | None:
    if asked.session_wallet is None:
        return None
    if not is_address(asked.session_wallet):
        raise InvalidInput(
            "the checksum of the session wallet's address is wrong",
            code="invalid_address",
            field="sessionWallet",
        )
    address = checksum_address(asked.session_wallet)
    if address == ZERO_ADDRESS:
        raise InvalidInput("the session wallet is an account", field="sessionWallet")
    if address == caller.agent.wallet_address:
        raise InvalidInput("a session has a wallet of its own, not the owner's", field="sessionWallet")
    return address


def _windows(asked: CreateSessionRequest) -> tuple[Window, ...]:
    """The windows, shortest first. Raises InvalidInput when one length is named twice."""
    found = sorted(Window(one.seconds, parse_units(one.limit_usdc, USDC_DECIMALS)) for one in asked.windows)
    if len({window.seconds for window in found}) != len(found):
        raise InvalidInput("each length of a window is named once", field="windows")
    return tuple(found)


def _public_key(asked: CreateSessionRequest) -> bytes | None:
    if asked.e2e_public_key is None:
        return None
    key = bytes.fromhex(asked.e2e_public_key)
    load_public_key(key)
    return key

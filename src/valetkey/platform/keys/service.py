"""API keys: made by another key within what that one may, shown without their secret, revoked for ever."""

from valetkey.core.api_key import ApiKey, status
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import credential_hash, new_api_key, new_id
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.idempotency import Remembering
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound, RefusedRequest
from valetkey.wire.keys import CreatedKey, CreateKeyRequest, KeyListQuery, KeyPage, KeyView
from valetkey.wire.timestamps import iso_timestamp, unix_seconds


async def create(
    platform: Platform, caller: Caller, asked: CreateKeyRequest, remembering: Remembering
) -> CreatedKey:
    """A new key, made by the one that calls. Its secret is in the answer and nowhere else."""
    assert caller.key is not None, "an owner calls with a key"
    now = platform.clock.now()
    key = ApiKey(
        id=new_id(Kind.API_KEY),
        owner_id=caller.agent.id,
        name=asked.name,
        scopes=frozenset(asked.scopes),
        created_at=now,
        expires_at=None if asked.expires_at is None else unix_seconds(asked.expires_at),
    )
    secret = new_api_key()
    made = CreatedKey(key=key_view(key, now), api_key=secret.reveal())
    refused = await platform.store.make_key(
        key, credential_hash(secret.reveal()), caller.key.id, remembering.answer(made, 201)
    )
    if isinstance(refused, Refused):
        raise RefusedRequest(refused)
    return made


async def listed(platform: Platform, caller: Caller, query: KeyListQuery) -> KeyPage:
    """The owner's keys, newest first, ended ones too."""
    limit, now = page_limit(query.limit), platform.clock.now()
    found, total = await platform.store.keys(caller.agent.id, limit, query.offset)
    return KeyPage(keys=[key_view(key, now) for key in found], total=total, limit=limit, offset=query.offset)


async def show(platform: Platform, caller: Caller, key_id: str) -> KeyView:
    """A key of the owner. Raises NotFound."""
    return key_view(await _own(platform, caller, key_id), platform.clock.now())


async def revoke(platform: Platform, caller: Caller, key_id: str) -> KeyView:
    """End a key for ever, also the one that calls. Raises NotFound."""
    await _own(platform, caller, key_id)
    ended = await platform.store.revoke_key(caller.agent.id, key_id, caller.actor)
    return key_view(ended, platform.clock.now())


def key_view(key: ApiKey, now: int) -> KeyView:
    """A key as its owner sees it."""
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=sorted(key.scopes),
        status=status(key, now),
        created_at=iso_timestamp(key.created_at),
        expires_at=_iso(key.expires_at),
        revoked_at=_iso(key.revoked_at),
        last_used_at=_iso(key.last_used_at),
    )


async def _own(platform: Platform, caller: Caller, key_id: str) -> ApiKey:
    key = await platform.store.key(caller.agent.id, key_id)
    if key is None:
        raise NotFound("API key not found")
    return key


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else iso_timestamp(seconds)

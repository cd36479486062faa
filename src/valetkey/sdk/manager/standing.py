"""What the chain says of a grant and of its owner now. The file may not have heard of it yet."""

import asyncio
from dataclasses import dataclass

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.engine.granting import REVOKED_BIT
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.sdk.manager.local import BY_CHAIN
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.wire import grant_calls


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a grant is revoked for ever, by itself or with all of its owner's; and whether they all stand still."""

    revoked: bool
    frozen: bool


async def standing_of(local: OnEvm, signed: SignedGrant) -> Standing:
    """Read from the newest block. Raises ChainUnavailable."""
    word, standing = await asyncio.gather(
        local.reader.view(grant_calls.words(signed.contract, signed.id)),
        local.reader.view(grant_calls.standings(signed.contract, signed.grant.owner)),
    )
    epoch, frozen = divmod(grant_calls.number(standing), 2)
    is_revoked = grant_calls.number(word) >> REVOKED_BIT != 0
    return Standing(is_revoked or epoch != signed.grant.epoch, bool(frozen))


async def written_down(local: OnEvm, record: SessionRecord, signed: SignedGrant) -> SessionRecord:
    """Ask the chain about a session's grant, and write into the file what it does not know; the session afterwards.

    A freeze that was found stays until the owner thaws: a chain that says nothing of one may not have heard of it yet.
    """
    standing = await standing_of(local, signed)
    session = record.session
    if standing.revoked and session.revoked_at is None:
        await local.store.revoke_session(session.id, by=BY_CHAIN)
    if standing.frozen and session.frozen_at is None:
        await local.store.freeze(local.owner_id, frozen=True, by=BY_CHAIN)
    after = await local.store.session(session.id)
    assert after is not None, "sessions are never deleted"
    return after


def grant_needed(message: str) -> Refused:
    """A session without a grant that pays."""
    return refuse(Code.GRANT_NEEDED, "grant", message)

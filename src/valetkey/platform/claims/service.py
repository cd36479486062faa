"""Owners make claims, look at them and take them back; whoever has the link opens one, once."""

import base64
import hashlib

from valetkey.core.claim import Claim, ClaimState, OnInterception, Opening
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind, is_id
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Status, ends_at, status
from valetkey.crypto.credentials import same_bytes
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.engine.claims import telling_of, told
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.refusing import Conflict, NotFound, RefusedRequest, refused
from valetkey.platform.sessions.service import own
from valetkey.wire.claims import ClaimView, MakeClaimRequest, OpenClaimRequest, OpenedClaim, decoded

PURPOSE = "valetkey claim v1 answer"


async def make(platform: Platform, caller: Caller, asked: MakeClaimRequest) -> ClaimView:
    """Keep ciphertext for one claimant. The same again answers the same; an unclaimed one before is cancelled."""
    record = await own(platform, caller, asked.session_id)
    sealed = decoded(asked.ciphertext)
    now = platform.clock.now()
    known = await platform.store.claim(asked.claim_id)
    if known is None:
        _check_end(platform, asked.expires_at - now)
        if asked.expires_at > ends_at(record.session, record.ancestors):
            raise InvalidInput("a claim ends before its session does", field="expiresAt")
        if status(record.session, now, record.ancestors) is Status.REVOKED:
            raise refused(Code.CLAIM_CANCELLED, "session", "the session was revoked")
    wanted = Claim(
        id=asked.claim_id,
        owner_id=caller.agent.id,
        session_id=record.session.id,
        access=bytes.fromhex(asked.access_hash),
        digest=hashlib.sha256(sealed).digest(),
        expires_at=asked.expires_at,
        on_interception=OnInterception(asked.on_interception),
        sealed=sealed,
    )
    try:
        made = await platform.store.make_claim(wanted, caller.actor)
    except Contradiction:
        raise Conflict("There is such a claim already") from None
    return _view(platform, made)


async def show(platform: Platform, caller: Caller, claim_id: str) -> ClaimView:
    """A claim of the owner."""
    return _view(platform, await _own(platform, caller, claim_id))


async def cancel(platform: Platform, caller: Caller, claim_id: str) -> ClaimView:
    """Take an unclaimed one back. Raises refusals for one that is claimed, or over."""
    await _own(platform, caller, claim_id)
    after = await platform.store.cancel_claim(claim_id, caller.actor)
    if after.state in (ClaimState.CLAIMED, ClaimState.INTERCEPTED):
        raise refused(
            Code.ALREADY_CLAIMED, "state", "this claim was opened: revoke the session", hint="revoke"
        )
    if after.state is ClaimState.EXPIRED:
        raise refused(Code.CLAIM_EXPIRED, "expires_at", "this claim is over, and its session revoked")
    return _view(platform, after)


async def open_one(
    platform: Platform, claim_id: str, asked: OpenClaimRequest, came_from: str
) -> OpenedClaim | None:
    """The ciphertext, to the first claimant; None for whoever has no link to this claim, if there is one."""
    found = await platform.store.claim(claim_id) if is_id(Kind.CLAIM, claim_id) else None
    shown = hashlib.sha256(bytes.fromhex(asked.access)).digest()
    if found is None or not same_bytes(found.access, shown):
        return None
    own_key = derive_key(bytes.fromhex(asked.claimant), PURPOSE)
    context = found.id.encode()
    is_new = found.state is ClaimState.UNCLAIMED and found.sealed is not None
    kept = seal(own_key, found.sealed, context) if is_new and found.sealed is not None else b""
    claimant = hashlib.sha256(bytes.fromhex(asked.claimant)).digest()
    owner = await platform.store.agent(found.owner_id)
    done = await platform.store.open_claim(
        claim_id,
        Opening(claimant, came_from, kept),
        telling_of(None if owner is None else owner.webhook_url),
    )
    platform.recent.forget_session(found.session_id)
    if isinstance(done, Refused):
        platform.metrics.claims.labels(str(done.first.code)).inc()
        raise RefusedRequest(done)
    platform.metrics.claims.labels("opened").inc()
    assert done.sealed is not None
    return OpenedClaim(
        claim_id=done.id,
        session_id=done.session_id,
        expires_at=done.expires_at,
        ciphertext=base64.b64encode(unseal(own_key, done.sealed, context)).decode("ascii"),
    )


async def _own(platform: Platform, caller: Caller, claim_id: str) -> Claim:
    found = await platform.store.claim(claim_id)
    if found is None or found.owner_id != caller.agent.id:
        raise NotFound("Claim not found")
    return found


def _check_end(platform: Platform, seconds: int) -> None:
    least, most = (1 if platform.settings.test_mode else 30), platform.settings.claim_seconds_max
    if not least <= seconds <= most:
        raise InvalidInput(
            f"a claim lives {least} to {most} seconds", code="lifetime_out_of_bounds", field="expiresAt"
        )


def _view(platform: Platform, claim: Claim) -> ClaimView:
    return ClaimView(**told(claim, claim.status(platform.clock.now())))

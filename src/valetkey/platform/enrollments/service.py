"""Registering keys, showing what became of them, and making a session for them. No private key comes here, ever.

The token of such a session is made here, sealed to its delegate, and kept as a hash like every other one.
"""

import base64
from dataclasses import replace

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import check_lifetime
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Role
from valetkey.crypto.boxes import seal_to
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.crypto.secret import Secret
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.http import Call
from valetkey.platform.refusing import Conflict, NotFound, OverCapacity, RefusedRequest, refused
from valetkey.platform.sessions.making import lives_on_solana, policy_of, record_of, units
from valetkey.platform.sessions.service import check_grant_terms, end_of, own, sole_of
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.enrollments import Claim, Enrollment
from valetkey.wire.enrollment import (
    EnrolledRotationRequest,
    EnrolledSession,
    EnrolledSessionRequest,
    EnrollmentView,
    EnrollRequest,
    KeySet,
    box_context,
    parse_code,
    read_enrollment,
)
from valetkey.wire.timestamps import iso_timestamp


async def enroll(platform: Platform, asked: EnrollRequest) -> EnrollmentView:
    """Keep public keys whose holder signed for them. Raises InvalidInput, OverCapacity."""
    signature, proof = bytes.fromhex(asked.signature[2:]), bytes.fromhex(asked.proof_signature)
    keys = read_enrollment(asked.message, signature, proof)
    wanted = Enrollment(
        code=keys.code,
        message=asked.message,
        signature=signature,
        proof_signature=proof,
        expires_at=platform.clock.now() + platform.settings.enrollment_seconds,
    )
    kept = await platform.store.add_enrollment(wanted, platform.settings.enrollments_open_max)
    if kept is None:
        raise OverCapacity("Too many enrolments wait for their owners")
    if kept.message != wanted.message:
        raise Conflict("Other keys have this code")
    # Whoever registered it again knows no more than was sent: what became of it is told to its delegate.
    return _view(platform, replace(kept, owner_id=None, session_id=None, sealed=None))


async def show(call: Call, code: str) -> EnrollmentView:
    """An enrolment, to owners who look at its keys, and to the delegate who signs for it with its proof key."""
    platform = call.platform
    found = await platform.store.enrollment(parse_code(code))
    if found is None:
        call.count_guess()
        raise NotFound("There is no such enrolment: it may be over")
    if call.visitor is not None:
        call.visitor.require_owner()
        view = _view(platform, replace(found, sealed=None))
        is_mine = found.owner_id == call.visitor.agent.id
        return view if is_mine else msgspec.structs.replace(view, session_id=None, agent_id=None)
    keys = read_enrollment(found.message, found.signature, found.proof_signature)
    await call.prove(keys.proof)
    view = _view(platform, found)
    if found.owner_id is None:
        return view
    owner = await platform.store.agent(found.owner_id)
    assert owner is not None, "a session has an owner"
    return msgspec.structs.replace(view, owner_wallet=owner.wallet_address)


async def create(call: Call, code: str, asked: EnrolledSessionRequest) -> EnrolledSession:
    """A new session of the owner for the keys of an enrolment, which is used up."""
    platform, caller = call.platform, call.caller
    now = platform.clock.now()
    expires_at = end_of(asked, now)
    check_lifetime(
        expires_at - now,
        seconds_min=platform.settings.session_seconds_min,
        seconds_max=platform.settings.session_seconds_max,
    )
    policy = policy_of(asked, not_before=asked.not_before or 0, expires_at=expires_at)
    if lives_on_solana(policy):
        raise refused(
            Code.NETWORK_MISMATCH,
            "network",
            "keys are enrolled for EVM chains; a session on Solana has another kind",
        )
    funding = Funding(asked.funding)
    if funding is Funding.GRANT:
        check_grant_terms(asked)
    elif asked.role == "buyer":
        raise InvalidInput(
            "an enrolled session pays by grant: nobody else has the keys of its wallet", field="funding"
        )
    keys = await _keys(call, code)
    record = record_of(
        policy,
        Role(asked.role),
        caller,
        now,
        wallet=keys.wallet,
        public_key=keys.session.hex(),
        e2e_public_key=keys.e2e.hex(),
        label=asked.label or keys.label,
        delegate=asked.delegate,
        recovery=None,
        funding=funding,
        sole=sole_of(asked),
        proof_key=keys.proof,
    )
    token = new_session_token()
    made = _made(record)
    done = await platform.store.add_session(
        record,
        credential_hash(token.reveal()),
        call.remembering.answer(made, 201),
        by=caller.actor,
        claim=_claim(keys, record, token),
    )
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return made


async def rotate(call: Call, code: str, asked: EnrolledRotationRequest) -> EnrolledSession:
    """Put a session for the keys of an enrolment in the place of one of the owner's."""
    platform, caller = call.platform, call.caller
    before = await own(platform, caller, asked.session_id)
    now = platform.clock.now()
    policy = before.session.policy
    if asked.expiry is not None:
        check_lifetime(
            asked.expiry,
            seconds_min=platform.settings.session_seconds_min,
            seconds_max=platform.settings.session_seconds_max,
        )
        policy = replace(policy, expires_at=now + asked.expiry)
    if asked.budget_usdc is not msgspec.UNSET:
        policy = replace(policy, budget=units(asked.budget_usdc))
    if lives_on_solana(policy):
        raise refused(Code.NETWORK_MISMATCH, "network", "a session on Solana is not rotated by an enrolment")
    keys = await _keys(call, code)
    record = record_of(
        policy,
        before.session.role,
        caller,
        now,
        wallet=keys.wallet,
        public_key=keys.session.hex(),
        e2e_public_key=keys.e2e.hex(),
        label=before.label if asked.label is None else asked.label,
        delegate=before.delegate,
        recovery=None,
        funding=before.funding,
        proof_key=keys.proof,
    )
    token = new_session_token()
    made = _made(record)
    done = await platform.store.rotate_session(
        before.session.id,
        record,
        credential_hash(token.reveal()),
        grace_seconds=asked.grace_seconds,
        carry=asked.carry_over,
        answer=call.remembering.answer(made, 201),
        by=caller.actor,
        claim=_claim(keys, record, token),
    )
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return made


async def _keys(call: Call, code: str) -> KeySet:
    """The keys of an enrolment that may be this owner's. Whether it still waits, the store says when it is used."""
    found = await call.platform.store.enrollment(parse_code(code))
    if found is None:
        call.count_guess()
        raise NotFound("There is no such enrolment: it may be over")
    keys = read_enrollment(found.message, found.signature, found.proof_signature)
    _check_owner(keys, call.caller)
    return keys


def _check_owner(keys: KeySet, caller: Caller) -> None:
    if keys.owner is not None and keys.owner.lower() != caller.agent.wallet_address.lower():
        raise refused(
            Code.ENROLLMENT_FOR_ANOTHER,
            "enrollment",
            "the delegate of this enrolment works for another owner",
        )


def _claim(keys: KeySet, record: SessionRecord, token: Secret) -> Claim:
    sealed = seal_to(keys.e2e, token.reveal().encode("ascii"), box_context(keys.code, record.session.id))
    return Claim(keys.code, sealed)


def _made(record: SessionRecord) -> EnrolledSession:
    return EnrolledSession(
        session_id=record.session.id, expires_at=iso_timestamp(record.session.policy.expires_at)
    )


def _view(platform: Platform, found: Enrollment) -> EnrollmentView:
    is_over = found.expires_at <= platform.clock.now()
    return EnrollmentView(
        code=found.code,
        status="used" if found.is_used else "expired" if is_over else "open",
        expires_at=iso_timestamp(found.expires_at),
        message=found.message,
        signature="0x" + found.signature.hex(),
        proof_signature=found.proof_signature.hex(),
        session_id=found.session_id,
        agent_id=found.owner_id,
        sealed_token=None if found.sealed is None else base64.b64encode(found.sealed).decode("ascii"),
    )

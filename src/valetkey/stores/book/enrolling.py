"""Whether an enrolment may be used for a session. Asked in the transaction that adds it, with the enrolment locked."""

from dataclasses import replace

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Session
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.enrollments import Claim
from valetkey.stores.book.facts import Book


def claim_refused(book: Book, claim: Claim | None) -> Refused | None:
    """Why an enrolment cannot be used; None when it can, or when there is none to use."""
    if claim is None:
        return None
    found = book.enrollment(claim.code)
    if found is not None and found.is_used:
        return refuse(
            Code.ENROLLMENT_USED,
            "enrollment",
            "a session was made for this enrolment already",
            hint="let the delegate enrol anew, and find out who used this one",
        )
    if found is None or found.expires_at <= book.now:
        return refuse(
            Code.ENROLLMENT_EXPIRED,
            "enrollment",
            "this enrolment was not used in time",
            hint="let the delegate enrol anew",
        )
    return None


def claim_it(book: Book, claim: Claim | None, session: Session) -> None:
    """Use an enrolment up, which can be: it is kept as long as the session, for a delegate that comes late."""
    found = None if claim is None else book.enrollment(claim.code)
    if claim is None or found is None:
        return
    book.use_enrollment(
        replace(
            found,
            owner_id=session.owner_id,
            session_id=session.id,
            sealed=claim.sealed,
            expires_at=session.policy.expires_at,
        )
    )


def proof_lost(before: SessionRecord, after: SessionRecord) -> Refused | None:
    """Why a session cannot take the place of one: its token alone would be enough."""
    if before.proof_key is None or after.proof_key is not None:
        return None
    return refuse(
        Code.ENROLLMENT_NEEDED,
        "proof",
        "the delegate of this session made its own keys, and the session that takes its place needs such keys, too",
        hint="let the delegate enrol anew, and rotate with its code",
    )


def bearer_child(parent: SessionRecord, proof_key: bytes | None) -> Refused | None:
    """Why a session cannot be made out of one that proves its requests: its own token alone would be enough."""
    if parent.proof_key is None or proof_key is not None:
        return None
    return refuse(
        Code.NOT_NARROWER,
        "proof",
        "the parent's requests are proven by signatures, and so are those of what is made out of it",
        hint="name a proof key of the child's own in the narrowing",
    )

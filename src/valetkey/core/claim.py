"""A one-time claim: ciphertext that its first claimant gets, once. What each step makes of it, and who gets none."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from valetkey.core.refusal import Code, Refused, refuse

ANSWER_SECONDS = 86_400
"""How long the first claimant, and nobody else, may ask again for an answer that was lost on the way."""


class ClaimState(StrEnum):
    """Where a claim stands."""

    UNCLAIMED = "unclaimed"
    CLAIMED = "claimed"
    INTERCEPTED = "intercepted"
    """Two different claimants had the link: one of them is a thief, and nobody knows which."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class OnInterception(StrEnum):
    """What becomes of the session when a second claimant comes. Until its owner looks, a thief may hold it."""

    REVOKE = "revoke"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. Times are unix seconds.

    access: the hash of what whoever has the link can show. sealed: while it is unclaimed, what the owner
    uploaded, whose key is in the link alone; from then on the same once more, under what the first claimant alone has;
    None when it is erased. digest: of what was uploaded. claimant: the hash of what the first one showed.
    `claimed_from` and `intercepted_from` are network addresses.
    """

    id: str
    owner_id: str
    session_id: str
    access: bytes
    digest: bytes
    expires_at: int
    on_interception: OnInterception = OnInterception.REVOKE
    made_at: int = 0
    state: ClaimState = ClaimState.UNCLAIMED
    sealed: bytes | None = field(default=None, repr=False)
    claimant: bytes | None = None
    claimed_at: int | None = None
    claimed_from: str | None = None
    intercepted_at: int | None = None
    intercepted_from: str | None = None
    ended_at: int | None = None

    def status(self, now: int) -> ClaimState:
        """Where it stands at a time: what is late is over, whoever is behind with writing that down."""
        is_late = self.state is ClaimState.UNCLAIMED and now >= self.expires_at
        return ClaimState.EXPIRED if is_late else self.state

    @property
    def look_at(self) -> int | None:
        """When something is to be done about it without being asked; None when never."""
        if self.state is ClaimState.UNCLAIMED:
            return self.expires_at
        if self.state is ClaimState.CLAIMED and self.sealed is not None:
            return (self.claimed_at or 0) + ANSWER_SECONDS
        return None


@dataclass(frozen=True, slots=True)
class Opening:
    """Somebody who shows the link. `claimant`: the hash of what only this one has; `kept`: what to keep for it, the
    ciphertext once more under that; empty when it was claimed already."""

    claimant: bytes
    came_from: str
    kept: bytes = field(repr=False)


def open_claim(claim: Claim, opening: Opening, now: int, *, is_over: bool) -> tuple[Claim, Refused | None]:
    """What an opening makes of a claim, and why its caller gets nothing. `is_over`: the session has ended."""
    if claim.state is ClaimState.UNCLAIMED and now >= claim.expires_at:
        claim = expire(claim, now)
    elif claim.state is ClaimState.UNCLAIMED and is_over:
        claim = cancel(claim, now)
    match claim.state:
        case ClaimState.EXPIRED:
            return claim, _refused(Code.CLAIM_EXPIRED, "expires_at", "nobody claimed this session in time")
        case ClaimState.CANCELLED:
            return claim, _refused(
                Code.CLAIM_CANCELLED, "state", "the owner took this claim, or its session, back"
            )
        case ClaimState.UNCLAIMED:
            return (
                replace(
                    claim,
                    state=ClaimState.CLAIMED,
                    sealed=opening.kept,
                    claimant=opening.claimant,
                    claimed_at=now,
                    claimed_from=opening.came_from,
                ),
                None,
            )
        case ClaimState.CLAIMED if claim.claimant == opening.claimant:
            if claim.sealed is not None:
                return claim, None
            message = "you claimed this session, and the answer is not kept any more"
            return claim, _refused(Code.CLAIM_EXPIRED, "answer", message)
    if claim.state is ClaimState.CLAIMED:
        claim = replace(
            claim,
            state=ClaimState.INTERCEPTED,
            sealed=None,
            intercepted_at=now,
            intercepted_from=opening.came_from,
            ended_at=now,
        )
    message = (
        "somebody else claimed this session before: one of the two of you is a thief, and its owner was told"
    )
    return claim, _refused(Code.ALREADY_CLAIMED, "claimant", message)


def look(claim: Claim, now: int) -> Claim:
    """What time alone makes of a claim."""
    due = claim.look_at
    if due is None or now < due:
        return claim
    return expire(claim, now) if claim.state is ClaimState.UNCLAIMED else replace(claim, sealed=None)


def expire(claim: Claim, now: int) -> Claim:
    """Nobody came."""
    return replace(claim, state=ClaimState.EXPIRED, sealed=None, ended_at=now)


def cancel(claim: Claim, now: int) -> Claim:
    """The owner takes an unclaimed one back; one that is over stays as it is."""
    if claim.state is not ClaimState.UNCLAIMED:
        return claim
    return replace(claim, state=ClaimState.CANCELLED, sealed=None, ended_at=now)


def _refused(code: Code, rule: str, message: str) -> Refused:
    return refuse(code, rule, message, hint="ask the owner for a new session")

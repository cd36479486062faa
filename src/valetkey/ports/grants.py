"""The store of grants: what owners signed for the keys of their sessions, and what a chain made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from valetkey.core.grant import Grant
from valetkey.core.refusal import Refused


class GrantStatus(StrEnum):
    """Where a grant stands. The first that fits, in this order."""

    REVOKED = "revoked"
    """On chain, in a final block: it never lives again."""
    REVOKING = "revoking"
    """Its session is revoked, so that the gate grants nothing; the chain does not say so yet."""
    KNOWN = "known"
    """Registered on chain."""
    SIGNED = "signed"
    """Nobody used it yet: its first spend may carry the owner's signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedGrant:
    """A grant of one session as its owner gave it.

    id: 32 bytes, of owner and struct hash, under which the contract (EIP-55) of the chain keeps it. signature: of the
    Grant by the owner, or by its parent's key; 65 bytes, any length for owners that are contracts. revocation: the
    owner's signature of its Revoke, that anybody may submit. stopped_at: since when its session, or one above it, is
    revoked. known_at, revoked_at: times of final blocks. All times are unix seconds.
    """

    id: bytes
    chain_id: int
    contract: str
    session_id: str
    owner_id: str
    grant: Grant
    signature: bytes
    revocation: bytes
    made_at: int
    stopped_at: int | None = None
    known_at: int | None = None
    revoked_at: int | None = None

    @property
    def status(self) -> GrantStatus:
        """Where it stands."""
        if self.revoked_at is not None:
            return GrantStatus.REVOKED
        if self.stopped_at is not None:
            return GrantStatus.REVOKING
        return GrantStatus.SIGNED if self.known_at is None else GrantStatus.KNOWN


class GrantStore(Protocol):
    """Signatures of owners are no secrets to them: whoever holds the session may read its grant."""

    async def add_grant(self, grant: SignedGrant, by: str) -> SignedGrant | Refused:
        """Keep a grant; from then on its session pays out of it. Durable when it returns. One that is kept stays.

        `made_at` becomes now; `stopped_at`, `known_at` and `revoked_at` of what is given are not looked at.
        Refused with `session_revoked`, `session_expired`, and with `grant_exists` when the session has another one
        on this chain that is not its predecessor and not revoked. Raises Contradiction when there is no such session,
        and when it, or the grant, is another one's.
        """
        ...

    async def grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None: ...

    async def grant_of_session(self, session_id: str, chain_id: int) -> SignedGrant | None:
        """The one that was given last."""
        ...

    async def grants_of_owner(self, owner_id: str, limit: int, offset: int) -> tuple[list[SignedGrant], int]:
        """One page, newest first, and the total count."""
        ...

    async def grants_to_revoke(self, chain_id: int, limit: int) -> list[SignedGrant]:
        """Those that are `revoking`, oldest revocation first, and whose revocation nobody queued (see RelayStore).

        One that came to nothing is wanted again REVOKED_AGAIN_SECONDS after it was queued, so that it keeps no other
        one waiting.
        """
        ...

    async def grant_known(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """A final block shows that it was registered. The first time stays; nothing for a grant that is not kept."""
        ...

    async def grant_revoked(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """A final block shows that it is revoked, or that a successor took its place. As above."""
        ...

    async def owner_revoked_all(self, chain_id: int, owner_address: str, epoch: int, at: int) -> None:
        """A final block shows that an owner's grants of epochs before this one are revoked. As above."""
        ...

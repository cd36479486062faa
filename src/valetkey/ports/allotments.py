"""Allotments: the accounts on Solana that owners keep for their sessions, how they end, and what is read of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from valetkey.core.money import Asset
from valetkey.ports.chain import Block, Execution


class AllotmentStatus(StrEnum):
    """Where an allotment stands. The first that fits, in this order."""

    REVOKED = "revoked"
    """In a final block: the session's key can move nothing."""
    DEAD = "revocation_dead"
    """The revocation that was signed in advance cannot be executed any more, and the key can still move something: its
    owner revokes, or gives another one."""
    REVOKING = "revoking"
    """The session is over, so that the gate grants nothing; the cluster does not say so yet."""
    OPEN = "open"
    """The session's key may move what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The account of one session, and the revocation that its owner signed in advance.

    owner, account and mint are addresses; `units` is what the key might move when it was given, base units. revocation:
    a SolanaPayment, as JSON. look_at: when it is looked at again. seen: the newest transaction of the account whose
    moves are in the ledger. is_dead: its revocation cannot be executed. ended_at: the time of the final block from
    which on the key can move nothing; `slot`, `signature` (None when another revocation did it) and `lateness`, seconds
    since the session's end, are of that. Times are unix seconds.
    """

    session_id: str
    owner_id: str
    chain_id: int
    owner: str
    account: str
    mint: str
    units: int
    revocation: bytes
    made_at: int = 0
    look_at: int = 0
    seen: str | None = None
    is_dead: bool = False
    ended_at: int | None = None
    slot: int | None = None
    signature: str | None = None
    lateness: int | None = None

    def status(self, *, is_over: bool) -> AllotmentStatus:
        """Where it stands; `is_over`: its session is revoked or expired, or one above it."""
        if self.ended_at is not None:
            return AllotmentStatus.REVOKED
        if self.is_dead:
            return AllotmentStatus.DEAD
        return AllotmentStatus.REVOKING if is_over else AllotmentStatus.OPEN


@dataclass(frozen=True, slots=True)
class AllotmentEnd:
    """That a session's key can move nothing, in a final block. `signature`: of the revocation that was submitted."""

    slot: int
    at: int
    signature: str | None
    lateness: int | None


class AllotmentStore(Protocol):
    """What owners signed for the end of their sessions. It is no secret to whoever holds the session."""

    async def give_allotment(self, allotment: Allotment, by: str) -> Allotment:
        """Keep an allotment; from then on its session pays out of it. Durable when it returns.

        Another revocation takes the place of the one before; the same is kept as it is. Also of a session that is over:
        it is revoked at once. Raises Contradiction when there is no such session of that owner.
        """
        ...

    async def allotment(self, session_id: str) -> Allotment | None: ...

    async def allotments_due(self, chain_id: int, limit: int, lease_seconds: int) -> list[Allotment]:
        """Allotments that are not ended and are due for a look; no other replica gets them during the lease.

        They are due when they are given, when `looked_at` says, and at once when their session is revoked.
        """
        ...

    async def allotment_looked_at(
        self, looked: Allotment, *, look_at: int, seen: str | None, is_dead: bool
    ) -> None:
        """What a look showed, and when to look again; nothing when it became due, or was given anew, meanwhile."""
        ...

    async def end_allotment(self, ended: Allotment, end: AllotmentEnd, *, seen: str | None) -> bool:
        """The cluster says so. Whether this ended it: not when it was ended, or given anew, before."""
        ...


@dataclass(frozen=True, slots=True)
class Moved:
    """What a session's key moved out of its account in one final transaction: base units, to whom if to one."""

    signature: str
    units: int
    payee: str | None


@dataclass(frozen=True, slots=True)
class AllotmentState:
    """An account in a final slot: base units in it, those that the key may move, whether the revocation is alive."""

    slot: int
    amount: int
    delegated: int
    is_alive: bool

    @property
    def exposure(self) -> int:
        """What the key could take now."""
        return min(self.amount, self.delegated)


class AllotmentChain(Protocol):
    """One cluster: payments, and the accounts of sessions. Methods raise ChainUnavailable when no node answers."""

    async def head(self) -> Block: ...

    async def final(self) -> Block: ...

    async def execution(self, tx_hash: str) -> Execution | None: ...

    async def check_token(self, asset: Asset) -> None:
        """Raise TokenMismatch unless sessions can be about this token, with these decimals."""
        ...

    async def terms(self, revocation: bytes, key: str, asset: Asset, units_max: int) -> tuple[str, str, int]:
        """Owner, account and units of the session whose key it is, out of the revocation that was signed for it.

        Raises InvalidInput for one that does anything but end this very session on this cluster, that nobody could
        execute, and for a key that may move more than so many base units.
        """
        ...

    async def state(self, allotment: Allotment, key: str) -> AllotmentState: ...

    async def moved(self, allotment: Allotment, key: str) -> tuple[list[Moved], str | None]:
        """What the key moved in final transactions after `seen`, oldest first, and the newest of those looked at."""
        ...

    async def revoke(self, allotment: Allotment, due_at: int) -> AllotmentEnd | None:
        """Submit the revocation; None while no final block says that the key can move nothing.

        Anybody may, any number of times: it is done once. Raises RevocationDead, and environment failures.
        """
        ...

    async def close(self) -> None: ...


class RevocationDead(Exception):
    """The nonce of a revocation was used otherwise, and the key can still move something."""

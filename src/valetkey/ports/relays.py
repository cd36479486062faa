"""The durable queue of the relayer: transactions that its own key sends and pays for, for owners and their sessions.

Each is written here before it is signed, and its signed bytes before they are sent. A nonce is given out once, in the
order of the queue, by one database transaction: so replicas may share a key, and kill -9 leaves neither gap nor double.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from valetkey.core.refusal import Refused


class RelayState(StrEnum):
    """Where a relayed transaction stands."""

    QUEUED = "queued"
    """Wanted; it may have a nonce, and nothing was signed."""
    SIGNED = "signed"
    """Its bytes are kept, and were or will be sent until one of them is in a final block."""
    DONE = "done"
    """It succeeded, in a block that was final."""
    FAILED = "failed"
    """It reverted, in a final block."""
    DROPPED = "dropped"
    """Given up before it had a nonce: the contract would refuse it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One transaction of the relayer.

    purpose: what it is for, such as `fund txn_1`: of one sender and chain, one that is not over has it. sender: the
    relayer's address. owner_id: whose part of the relayer's money it takes. gas: its limit. cost_max: wei it takes
    at most, as its newest bytes say (an estimate before they exist); cost: wei that it took. until: unix seconds after
    which it is of no use and is given up, when it has no nonce. needs: the purpose of one of the same sender and chain
    that has to be in a block before this gets a nonce; when that came to nothing, this is dropped too. raw: the newest
    signed bytes, signed at `signed_at`. hashes: of all bytes that were signed, oldest first; they share the nonce, so
    one of them counts.
    """

    id: str
    chain_id: int
    sender: str
    purpose: str
    owner_id: str
    to: str
    data: bytes
    gas: int
    cost_max: int
    made_at: int
    session_id: str | None = None
    until: int | None = None
    needs: str | None = None
    state: RelayState = RelayState.QUEUED
    nonce: int | None = None
    raw: bytes | None = None
    hashes: tuple[str, ...] = ()
    signed_at: int | None = None
    block: int | None = None
    cost: int | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in (RelayState.QUEUED, RelayState.SIGNED)


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """Wei that a relayer spends at most in any 24 hours: in all, and for one owner. None is unlimited.

    What it may still take counts as `cost_max`, what is over as `cost`.
    """

    total: int | None
    owner: int | None


DAY_SECONDS = 86_400
REVOKED_AGAIN_SECONDS = 600
"""After a revocation that came to nothing: an owner that is a contract may say yes when it is asked, and no later."""


class RelayStore(Protocol):
    """Every method is one database transaction, durable when it returns. Raises Contradiction for an id of none."""

    async def queue_relay(self, relay: Relay, limits: RelayLimits) -> Relay | Refused:
        """Want a transaction. One of the same sender, chain and purpose that is open or done is answered instead.

        Refused with `relay_limit` when it would pass a limit; decided under a lock of the sender.
        """
        ...

    async def relay(self, relay_id: str) -> Relay | None: ...

    async def relay_of_purpose(self, chain_id: int, sender: str, purpose: str) -> Relay | None:
        """The newest one of a purpose."""
        ...

    async def open_relays(self, chain_id: int, sender: str, limit: int) -> list[Relay]:
        """Those that are open: by nonce, then those without one in the order in which they were wanted."""
        ...

    async def give_nonce(self, relay_id: str, at_least: int) -> Relay:
        """Give it the next nonce of its sender, `at_least` what the chain counts. One that has a nonce keeps it."""
        ...

    async def sign_relay(self, relay_id: str, known: int, raw: bytes, tx_hash: str, cost_max: int) -> Relay:
        """Keep new bytes, when so many (`known`) hashes are known and it is open; what is kept then is answered."""
        ...

    async def end_relay(
        self,
        relay_id: str,
        state: RelayState,
        *,
        block: int | None = None,
        cost: int = 0,
        reason: str | None = None,
    ) -> Relay:
        """It is done, failed or dropped. One that is over stays as it is; one with a nonce is not dropped."""
        ...

    async def reopen_relays(self, chain_id: int, sender: str, first: int, end: int) -> list[Relay]:
        """Those of the nonces from `first` to below `end`, by nonce; what was done is signed again, and not over.

        For nonces that the chain no longer counts as used: a block that was final is gone.
        """
        ...

    async def relayed_wei(self, chain_id: int, sender: str, owner_id: str | None = None) -> int:
        """Wei of the last 24 hours, as the limits count them."""
        ...

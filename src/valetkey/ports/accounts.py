"""The store of agents, their credentials and the sessions they made."""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.agent import Agent
from valetkey.core.session import Session


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session and what the platform keeps beside its rules. No private key is ever here.

    `alias` is the buyer id that sellers see; `wallet_address` (EIP-55) and `e2e_public_key` (33 bytes) may be
    None for clients that make a session without keys. `recovery` is ciphertext that only the owner opens.
    """

    session: Session
    alias: str
    wallet_address: str | None
    e2e_public_key: bytes | None
    label: str | None = None
    recovery: bytes | None = None


class AccountStore(Protocol):
    """Who may call, and for whom. Credentials are stored and looked up as hashes only."""

    async def add_agent(self, agent: Agent, api_key_hash: bytes) -> bool:
        """Store a new agent with its first API key; False when an active agent has the name.

        A wallet that registers again keeps its agent (see `add_api_key`).
        """
        ...

    async def add_api_key(self, agent_id: str, api_key_hash: bytes) -> None: ...

    async def agent(self, agent_id: str) -> Agent | None: ...

    async def agent_of_wallet(self, wallet_address: str) -> Agent | None: ...

    async def agents(
        self, text: str, category: str | None, limit: int, offset: int
    ) -> tuple[list[Agent], int]: ...

    async def authenticate(self, credential_hash: bytes) -> Agent | SessionRecord | None:
        """The agent of an API key or the session of a token. Never cached: REVOKED_IS_DEAD."""
        ...

    async def seen(self, agent_id: str) -> None:
        """Remember that the agent called; may be coarse (minutes) and lazy."""
        ...

    async def add_session(self, record: SessionRecord, token_hash: bytes) -> None: ...

    async def session(self, session_id: str) -> SessionRecord | None: ...

    async def session_of_alias(self, alias: str) -> SessionRecord | None: ...

    async def sessions(
        self, owner_id: str, limit: int, offset: int, *, label: str | None = None
    ) -> tuple[list[SessionRecord], int]:
        """A page of an owner's sessions, newest first, ended ones too; with this label only, when one is given."""
        ...

    async def revoke_session(self, session_id: str) -> SessionRecord:
        """Revoke for ever; the time of the first revocation stays. Returns when durable."""
        ...

    async def pause_session(self, session_id: str, *, paused: bool) -> SessionRecord:
        """Pause a session, or let it go on. Returns when durable: no hold is placed while it is paused."""
        ...

    async def freeze(self, owner_id: str, *, frozen: bool) -> int | None:
        """Stop every session of an owner at once, or thaw them; since when they are frozen, unix seconds.

        Returns when durable: from then on no hold of any of them is placed. Sessions that are made meanwhile are
        frozen too.
        """
        ...

    async def revoke_sessions(self, owner_id: str) -> int:
        """Revoke every session of an owner that is not; how many those were. Returns when durable."""
        ...

    async def keep_recovery(self, session_id: str, recovery: bytes) -> bool:
        """Keep the owner's recovery ciphertext; False when a different one is already kept."""
        ...

    async def set_webhook_secret(self, agent_id: str, sealed: bytes) -> None: ...

    async def webhook_secret(self, agent_id: str) -> bytes | None:
        """The agent's own sealed webhook secret, None when it uses the platform's."""
        ...

    async def use_once(self, key: bytes, expires_at: int) -> bool:
        """Use a one-time value, such as a registration message; False when it was used before.

        It may be forgotten after `expires_at` (unix seconds), when it is stale anyway.
        """
        ...

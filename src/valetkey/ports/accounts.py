"""The store of agents, their credentials and the sessions they made."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey
from valetkey.core.refusal import Refused
from valetkey.core.session import Lineage, Session
from valetkey.core.tree import Narrowing
from valetkey.ports.enrollments import Claim
from valetkey.ports.ledger import Idempotency


class Funding(StrEnum):
    """What a session pays with: the wallet that was funded for it, its owner's balance through a grant, or the account
    that its owner keeps for it on Solana, its allotment."""

    WALLET = "wallet"
    GRANT = "grant"
    ALLOTMENT = "allotment"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session and what the platform keeps beside its rules. No private key is ever here.

    `alias` is the buyer id that sellers see; `wallet_address` (EIP-55, base58 on Solana) and `e2e_public_key` (33
    bytes) may be None for clients that make a session without keys. `recovery` is ciphertext that only the owner opens.
    `delegate` is who holds it, in the owner's words. `ancestors`: the session's parent, and so on up to the root;
    what stops one of them stops the session. `key_hash` is keccak256 of the session's public key (65 bytes,
    or the 32 of Ed25519), None where
    only its address is known. `sole`: no other living session of the owner may have its label. `proof_key`: the Ed25519
    key (32 bytes) that every request with its token is signed with, for ever; None where the token alone is enough.
    """

    session: Session
    alias: str
    wallet_address: str | None
    e2e_public_key: bytes | None
    label: str | None = None
    recovery: bytes | None = None
    delegate: str | None = None
    ancestors: Lineage = ()
    funding: Funding = Funding.WALLET
    key_hash: bytes | None = None
    sole: bool = False
    proof_key: bytes | None = None

    @property
    def asks(self) -> bool:
        """Whether some spend of the session waits for its owner's approval."""
        return any(one.policy.asks for one in (self.session, *self.ancestors))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key and the agent whose key it is. The key may have ended: who asks looks at its status."""

    agent: Agent
    key: ApiKey


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to remember with the write that it tells of: exactly these bytes are answered again, for ever.

    One that holds a secret is sealed under a key derived from the caller's credential before it comes here.
    """

    idempotency: Idempotency
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Child:
    """A child session as its parent signed it. `parent_id` is the session whose key signed the narrowing."""

    id: str
    parent_id: str
    narrowing: Narrowing
    alias: str
    wallet_address: str
    e2e_public_key: bytes | None
    token_hash: bytes
    label: str | None = None
    key_hash: bytes | None = None
    proof_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """A page of an owner's sessions. None leaves a filter out; `chain_id` is one that the policy allows.

    `currency` is one that it has limits for. `part_of_label` is in the label, `text` in the label or the delegate, or
    (from FOUND_BY_CHARS_MIN characters on) the beginning of the id or of the wallet's address; ASCII letters in any
    case. `attention`: only what needs a look, see `ATTENTION_SECONDS`. sort: `newest`, `oldest`, `expiry` (what ends
    first), `label`, or `remaining` (see `remaining_rank` in core/session.py: least first, unlimited last).
    `counted`: whether the total is asked for, which costs as much as a page of many; 0 is answered where it is not.
    """

    owner_id: str
    label: str | None = None
    status: str | None = None
    role: str | None = None
    delegate: str | None = None
    parent_id: str | None = None
    tree_id: str | None = None
    chain_id: int | None = None
    key_hash: bytes | None = None
    currency: str | None = None
    part_of_label: str | None = None
    text: str | None = None
    attention: bool = False
    sort: str = "newest"
    limit: int = 20
    offset: int = 0
    counted: bool = True


ATTENTION_SECONDS = 3_600
"""A session needs a look when a payment of it is not proven, when it was refused or ends within so many seconds (the
latter also not before its last tenth begins), and while it lives with four fifths of a budget spent or held."""

FOUND_BY_CHARS_MIN = 8
"""Shorter beginnings of ids and addresses are those of too many."""


class AccountStore(Protocol):
    """Who may call, and for whom. Credentials are stored and looked up as hashes only."""

    async def add_agent(self, agent: Agent, api_key_hash: bytes, key: ApiKey) -> bool:
        """Store a new agent with its first API key; False when an active agent has the name.

        A wallet that registers again keeps its agent (see `add_api_key`).
        """
        ...

    async def add_api_key(
        self,
        key: ApiKey,
        api_key_hash: bytes,
        *,
        revoke_others: bool = False,
        answer: Answer | None = None,
    ) -> Refused | None:
        """One more key, by the signature of the owner's wallet; `revoke_others` ends every other one with it.

        One that a sign-in gives ends the oldest of such keys where there are SIGN_INS_MAX. Returns when durable, with
        the answer, or neither. Refused with `keys_full` when there is no room. Raises Contradiction for an owner that
        is none, for a hash or an id that is taken, and when the answer's idempotency key is.
        """
        ...

    async def make_key(
        self, key: ApiKey, api_key_hash: bytes, maker_id: str, answer: Answer | None = None
    ) -> Refused | None:
        """One more key, by the key `maker_id` of the same owner, if it may make that one; with the answer, or neither.

        Raises Contradiction as `add_api_key`, and when the idempotency key is taken.
        """
        ...

    async def key(self, owner_id: str, key_id: str) -> ApiKey | None: ...

    async def keys(self, owner_id: str, limit: int, offset: int) -> tuple[list[ApiKey], int]:
        """A page of an owner's keys, newest first, ended ones too, and the total count."""
        ...

    async def revoke_key(self, owner_id: str, key_id: str, by: str) -> ApiKey:
        """Revoke for ever; the time of the first revocation stays. Returns when durable.

        Raises Contradiction when the owner has no such key.
        """
        ...

    async def key_used(self, owner_id: str, key_id: str) -> None:
        """Remember that a key was used; may be coarse (minutes) and lazy."""
        ...

    async def agent(self, agent_id: str) -> Agent | None: ...

    async def agent_of_wallet(self, wallet_address: str) -> Agent | None: ...

    async def agents(
        self, text: str, category: str | None, limit: int, offset: int
    ) -> tuple[list[Agent], int]: ...

    async def authenticate(self, credential_hash: bytes) -> KeyRecord | SessionRecord | None:
        """The key or the session of a credential, ended ones too. Never cached: REVOKED_IS_DEAD."""
        ...

    async def seen(self, agent_id: str) -> None:
        """Remember that the agent called; may be coarse (minutes) and lazy."""
        ...

    async def set_unique_labels(self, owner_id: str, *, unique: bool, by: str = "owner") -> None:
        """Whether an owner's living sessions need labels of their own from now on; those that are there stay.

        Raises Contradiction when there is no such agent.
        """
        ...

    async def add_session(
        self,
        record: SessionRecord,
        token_hash: bytes,
        answer: Answer | None = None,
        by: str = "owner",
        *,
        idempotency: Idempotency | None = None,
        claim: Claim | None = None,
    ) -> SessionRecord | Refused:
        """Store a session, the hash of its token and, with an idempotency key, the answer: all or nothing.

        Answers the session. With `idempotency` whoever comes second gets the first one's, and nothing is stored: not
        its own id, token or keys, so that keys are kept elsewhere before. Refused with `label_taken`,
        `session_key_taken`, and with `idempotency_mismatch` where the key was used for another request. `claim` uses an
        enrolment up with it: refused with `enrollment_used`, `enrollment_expired`.
        `by` is who asked, here and below: the audit log says so. Raises Contradiction when an id, an alias or the
        answer's idempotency key is taken.
        """
        ...

    async def add_children(self, children: list[Child]) -> list[SessionRecord] | Refused:
        """Register children, a parent before its children, up to the first that is refused. One that is known stays.

        Their labels and keys count as those of other sessions; see `add_session`.
        """
        ...

    async def extend_session(
        self, session_id: str, expires_at: int, budget: int | None, by: str
    ) -> SessionRecord | Refused:
        """Let a session live longer, with a larger budget unless it is None.

        Refused with `label_taken` where another session needs the label for itself in the time that is added.
        """
        ...

    async def rotate_session(
        self,
        session_id: str,
        record: SessionRecord,
        token_hash: bytes,
        *,
        grace_seconds: int,
        carry: bool,
        answer: Answer | None = None,
        by: str = "owner",
        claim: Claim | None = None,
    ) -> SessionRecord | Refused:
        """Put a new session in the place of one; see core/tree.py. `record` brings id, policy, label and keys of it.

        Answers the new session, which may share its label with those whose place it takes. Raises Contradiction for
        one that is revoked or was rotated already. `claim` as in `add_session`; refused with `enrollment_needed` where
        the old session has a proof key and the new one none.
        """
        ...

    async def session(self, session_id: str) -> SessionRecord | None: ...

    async def session_of_alias(self, alias: str) -> SessionRecord | None: ...

    async def sessions(self, query: SessionQuery) -> tuple[list[SessionRecord], int]:
        """One page, ended sessions too, and the total count (0 when it was not asked for)."""
        ...

    async def session_counts(self, owner_id: str) -> dict[str, int]:
        """How many sessions of an owner have each status now; every status is there."""
        ...

    async def revoke_session(self, session_id: str, by: str = "owner") -> SessionRecord:
        """Revoke for ever, with its tree; the time of the first revocation stays. Returns when durable."""
        ...

    async def pause_session(self, session_id: str, *, paused: bool, by: str = "owner") -> SessionRecord:
        """Pause a session, or let it go on. Returns when durable: no hold is placed while it is paused."""
        ...

    async def freeze(self, owner_id: str, *, frozen: bool, by: str = "owner") -> int | None:
        """Stop every session of an owner at once, or thaw them; since when they are frozen, unix seconds.

        Returns when durable: from then on no hold of any of them is placed. Sessions that are made meanwhile are
        frozen too.
        """
        ...

    async def revoke_sessions(self, owner_id: str, by: str = "owner") -> int:
        """Revoke every session of an owner that is not; how many those were. Returns when durable."""
        ...

    async def keep_recovery(self, session_id: str, recovery: bytes) -> bool:
        """Keep the owner's recovery ciphertext; False when a different one is already kept."""
        ...

    async def set_webhook_secret(self, agent_id: str, sealed: bytes) -> None: ...

    async def sealed_webhook_secrets(self, after: str, limit: int) -> list[tuple[str, bytes]]:
        """Agents with a webhook secret of their own, each with what is sealed: by their ids, those past `after`."""
        ...

    async def reseal_webhook_secret(self, agent_id: str, before: bytes, sealed: bytes) -> bool:
        """Keep other bytes for the same secret; False when the agent has renewed it since."""
        ...

    async def set_webhook_url(self, agent_id: str, url: str | None) -> None:
        """Where an owner is told of spends that wait for its approval; None for nowhere."""
        ...

    async def webhook_secret(self, agent_id: str) -> bytes | None:
        """The agent's own sealed webhook secret, None when it uses the platform's."""
        ...

    async def use_once(self, key: bytes, expires_at: int) -> bool:
        """Use a one-time value, such as a registration message; False when it was used before.

        It may be forgotten after `expires_at` (unix seconds), when it is stale anyway.
        """
        ...

    async def answered(self, idempotency: Idempotency) -> Answer | Refused | None:
        """What was answered to this key; None when it is new. Refused with `idempotency_mismatch` as in `place`."""
        ...

    async def remember(self, answer: Answer) -> None:
        """Keep an answer, unless this key has one already."""
        ...

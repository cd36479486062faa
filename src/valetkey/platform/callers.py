"""Who calls: an owner with an API key, or a session with its token. Looked up anew for every request.

The one exception is asking the spend gate: it looks at the session's life in the transaction that decides, so whoever
called a moment ago is not looked up a second time before it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, KeyStatus, Scope, granted
from valetkey.core.api_key import status as key_status
from valetkey.core.refusal import Code
from valetkey.core.session import Role, Status, ends_at, status
from valetkey.crypto.credentials import credential_hash
from valetkey.crypto.secret import Secret
from valetkey.platform.refusing import Unauthenticated, refused, session_expired, session_revoked
from valetkey.ports.accounts import AccountStore, KeyRecord, SessionRecord

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `agent` is the owner in either case.

    `session` is None for the owner itself, and `key` is the one that the owner calls with, None for a session.
    """

    agent: Agent
    session: SessionRecord | None = None
    key: ApiKey | None = None

    @property
    def is_buyer(self) -> bool:
        """Whether the caller may act on the buyer's side."""
        return self.session is None or self.session.session.role is Role.BUYER

    @property
    def name(self) -> str:
        """The scope of the caller's idempotency keys: all keys of an owner share it."""
        return self.session.session.id if self.session else self.agent.id

    @property
    def actor(self) -> str:
        """Who acts, as the audit log names it: the session, or the very key of the owner."""
        return self.key.actor if self.key else self.name

    def require_owner(self, code: Code = Code.OWNER_ONLY) -> None:
        """Raise unless the owner itself calls."""
        if self.session is not None:
            raise refused(code, "caller", "a session token cannot do this; use the owner's API key")

    def require_scope(self, scope: Scope) -> None:
        """Raise unless the caller's key has the scope. Sessions have none: their policy says what they may do."""
        if self.key is not None and scope not in granted(self.key.scopes):
            raise refused(
                Code.SCOPE_MISSING,
                "scopes",
                f"this API key lacks the scope {scope}",
                hint=f"use a key that has {scope} or {Scope.FULL}",
            )


async def authenticate(
    accounts: AccountStore, credential: Secret | None, now: int, recent: "Recent | None" = None
) -> Caller:
    """The caller behind a credential, who is alive. Raises Unauthenticated, or a refusal of the session (both 401).

    recent: what is known of the session's owner serves, for whoever has the gate decide.
    """
    if credential is None:
        raise Unauthenticated("An API key or session token is required, in X-API-Key or as a Bearer token")
    found = await accounts.authenticate(credential_hash(credential.reveal()))
    if found is None:
        raise Unauthenticated("The API key or session token is not valid")
    if isinstance(found, KeyRecord):
        match key_status(found.key, now):
            case KeyStatus.REVOKED:
                raise Unauthenticated("The API key was revoked")
            case KeyStatus.EXPIRED:
                raise Unauthenticated("The API key has expired")
        return Caller(found.agent, key=found.key)
    match status(found.session, now, found.ancestors):
        case Status.REVOKED:
            raise session_revoked()
        case Status.EXPIRED:
            raise session_expired(ends_at(found.session, found.ancestors))
    owner = recent.owner(found) if recent is not None else None
    owner = owner or await accounts.agent(found.session.owner_id)
    if owner is None:
        raise Unauthenticated("The API key or session token is not valid")
    return Caller(owner, found)


RECENT_SECONDS = 60.0
"""How long a session's token is known without looking."""

RECENT_MAX = 10_000
"""So many are known; the one that came first is forgotten first."""


class Recent:
    """Sessions that called lately, by the hash of their token. For whoever has the gate decide, and nobody else."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[Caller, int, float]] = OrderedDict()
        self._owners: OrderedDict[str, tuple[Agent, float]] = OrderedDict()

    def caller(self, token_hash: bytes, now: int) -> Caller | None:
        """Who has this token (a credential_hash), None when that has to be looked up. `now` is unix seconds."""
        known = self._known.get(token_hash)
        if known is None:
            return None
        caller, ends, until = known
        if now >= ends or time.monotonic() >= until:
            del self._known[token_hash]
            return None
        return caller

    def keep(self, token_hash: bytes, caller: Caller) -> None:
        """Know a session that was looked up.

        An owner's key is not kept: no gate looks whether it was revoked. Neither is a session that may have to ask its
        owner, who may just have said where to be told.
        """
        if caller.session is None or caller.session.asks:
            return
        now = time.monotonic()
        until = now + RECENT_SECONDS
        self._known[token_hash] = caller, ends_at(caller.session.session, caller.session.ancestors), until
        _bound(self._known, token_hash, lambda one: one[2] < now)
        if self.owner(caller.session) is None:
            self._owners[caller.agent.id] = caller.agent, until
            _bound(self._owners, caller.agent.id, lambda one: one[1] < now)

    def owner(self, record: SessionRecord) -> Agent | None:
        """Whose a session is, None when that has to be looked up."""
        known = self._owners.get(record.session.owner_id)
        if known is None or time.monotonic() >= known[1] or record.asks:
            return None
        return known[0]

    def forget_session(self, session_id: str) -> None:
        """Look a session up the next time: something about it changed that the gate does not look at."""
        for token_hash, (caller, _, _) in list(self._known.items()):
            if caller.session is not None and caller.session.session.id == session_id:
                del self._known[token_hash]

    def forget(self, token_hash: bytes) -> None:
        """Look it up the next time."""
        self._known.pop(token_hash, None)


def _bound(known: OrderedDict[K, V], newest: K, is_over: Callable[[V], bool]) -> None:
    """Forget what nobody may use any more, and the first of too many. What came first is over first."""
    known.move_to_end(newest)
    while len(known) > RECENT_MAX or (known and is_over(next(iter(known.values())))):
        known.popitem(last=False)

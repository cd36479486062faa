"""Sessions and their keys as the file has them: kept, found, listed. No chain is asked here.

Keys are kept before anything names them. So whatever ends a process, what is there is either no session, or one that
the next call finishes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind, make_id
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Role, Session, Status, Usage, status
from valetkey.crypto.credentials import credential_hash, new_id, new_session_token
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.accounts import Answer, Funding, SessionQuery, SessionRecord
from valetkey.ports.keystore import DamagedRecord
from valetkey.sdk.config_checks import check_page
from valetkey.sdk.errors import NotFound, refused_error
from valetkey.sdk.manager.keys import SessionKey, hash_of
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.rules import is_chain
from valetkey.sdk.session_config import check_label

KEY_HASH_BYTES = 32
PLACES_MAX = 200
PAGE_MAX = 1_000
STATUSES = ("active", "pending", "paused", "exhausted", "expired", "revoked")
DEAD = frozenset({Status.REVOKED, Status.EXPIRED})

_STOPPED = {
    Status.REVOKED: (Code.SESSION_REVOKED, "revoked", "the session was revoked"),
    Status.EXPIRED: (Code.SESSION_EXPIRED, "expires_at", "the session has expired"),
    Status.PAUSED: (
        Code.SESSION_PAUSED,
        "paused",
        "the session stands still, or every session of its owner does",
    ),
    Status.PENDING: (Code.SESSION_PENDING, "not_before", "the session has not begun"),
}
"""A session that has spent all that it may still signs."""

KeyHash = str | bytes
"""A session by its key's hash: 0x and 64 hex digits, the digits alone, or 32 bytes."""


class Kept:
    """The sessions of one owner in one file."""

    def __init__(self, local: Local) -> None:
        self._local = local

    async def record(self, key_hash: KeyHash) -> SessionRecord:
        """A session as the file has it. Raises NotFound, DamagedRecord."""
        name = normal_hash(key_hash)
        found = await self._local.store.session(id_of(name))
        if found is not None and (found.key_hash is None or id_of(found.key_hash) != found.session.id):
            raise DamagedRecord(f"the row of session {found.session.id} is of another key")
        # An id is made of a part of the hash alone.
        is_meant = found is not None and hash_in(found) == name
        if found is None or not is_meant or found.session.owner_id != self._local.owner_id:
            raise NotFound("this file has no session of this key", code="not_found", status=404)
        self._check_place(found)
        return found

    def is_here(self, record: SessionRecord) -> bool:
        """Whether a session is about the manager's chain and token: one file may have others'."""
        policy, local = record.session.policy, self._local
        return policy.allowed_chains == frozenset(
            {local.chain.chain_id}
        ) and policy.allowed_assets == frozenset({local.asset.id})

    def _check_place(self, record: SessionRecord) -> None:
        if not self.is_here(record):
            raise InvalidInput(
                f"this session is for another chain or token than {self._local.asset.id}",
                code="wrong_chain",
                field="key_hash",
            )

    def check_not_revoked(self, record: SessionRecord) -> None:
        """Raise SessionRevoked for a session that was taken back, whatever else it is."""
        if status(record.session, self._local.clock.now(), record.ancestors) is Status.REVOKED:
            raise refused_error(refuse(*_STOPPED[Status.REVOKED]))

    def check_living(self, record: SessionRecord) -> None:
        """Raise SessionRevoked, SessionExpired, SessionPaused or SessionPending for one that may do nothing now."""
        reason = _STOPPED.get(status(record.session, self._local.clock.now(), record.ancestors))
        if reason is not None:
            raise refused_error(refuse(*reason))

    def key(self, record: SessionRecord) -> SessionKey:
        """A session's key. Raises DamagedRecord, also for one that is not there: nothing can be signed then."""
        name = hash_in(record)
        kept = self._local.keystore.get(name)
        if kept is None:
            raise DamagedRecord(f"the key of session {record.session.id} is not in the keystore")
        try:
            key = self._local.keys.read(bytes(kept))
        finally:
            kept[:] = bytes(len(kept))
        if hash_of(key) != name:
            raise DamagedRecord(f"what the keystore has for session {record.session.id} is another key")
        return key

    def evm_key(self, record: SessionRecord) -> PrivateKey:
        """The key of a session on an EVM chain. Raises DamagedRecord."""
        key = self.key(record)
        assert isinstance(key, PrivateKey), "keys of an EVM chain are secp256k1"
        return key

    async def page(
        self, *, status: str | None, label: str | None, chain: str | int | None, limit: int, offset: int
    ) -> list[SessionRecord]:
        """One page as a caller asks for it, newest first. Raises InvalidInput."""
        if status is not None and status not in STATUSES:
            raise InvalidInput(f"a status is one of {', '.join(STATUSES)}", field="status")
        check_page(limit, offset, PAGE_MAX)
        if label is not None:
            check_label(label)
        here = self._local.chain
        if chain is not None and not is_chain(chain, here):
            return []
        return await self.listed(
            SessionQuery(
                self._local.owner_id,
                label=label,
                status=status,
                chain_id=here.chain_id,
                limit=limit,
                offset=offset,
                counted=False,
            )
        )

    async def listed(self, query: SessionQuery) -> list[SessionRecord]:
        """One page. A row that cannot be read is left out: it says nothing about the others."""
        try:
            return (await self._local.store.sessions(query))[0]
        except DamagedRecord:
            if query.limit == 1:
                self._local.observer("damaged", f"session {query.offset} of a list")
                return []
        half = query.limit // 2
        first = await self.listed(replace(query, limit=half))
        return first + await self.listed(replace(query, limit=query.limit - half, offset=query.offset + half))

    async def sweep(self) -> int:
        """Forget keys that no session names, of processes that ended in between; how many those were.

        In a keystore that was given there are others' keys: nothing is swept there.
        """
        local, swept = self._local, 0
        if not local.owns_keystore:
            return 0
        with local.turn("keys").tried() as ours:
            for name in local.keystore.names() if ours else ():
                if not await self._is_named(name):
                    swept += local.keystore.remove(name)
        return swept

    async def _is_named(self, name: str) -> bool:
        try:
            return await self._local.store.session(id_of(name)) is not None
        except DamagedRecord:
            # It is there, and whoever mends its row needs the key.
            return True

    async def add(
        self, key: SessionKey, record: SessionRecord, answer: Answer | None = None
    ) -> SessionRecord:
        """Keep a key, and then the session that names it.

        Raises refusals, such as LabelTaken, and Contradiction when the answer's idempotency key is taken: nothing is
        kept then.
        """
        return await self.keep(
            key,
            lambda: self._local.store.add_session(
                record, credential_hash(new_session_token().reveal()), answer, BY_OWNER
            ),
        )

    async def keep(
        self, key: SessionKey, naming: Callable[[], Awaitable[SessionRecord | Refused]]
    ) -> SessionRecord:
        """Keep a key, and then what names it. Raises refusals, and what `naming` raises.

        The key is forgotten only where it is sure that nothing names it: of what was interrupted nobody knows, and
        `sweep` looks.
        """
        local, name = self._local, hash_of(key)
        async with local.turn("keys").together():
            local.keystore.put(name, key.secret())
            try:
                done = await naming()
            except Contradiction:
                local.keystore.remove(name)
                raise
            if isinstance(done, Refused):
                local.keystore.remove(name)
                raise refused_error(done)
        return done

    def new_record(
        self, key: SessionKey, policy: Policy, label: str | None, delegate: str | None
    ) -> SessionRecord:
        """A session that is in no store yet."""
        name = hash_of(key)
        return SessionRecord(
            session=Session(
                id=id_of(name),
                owner_id=self._local.owner_id,
                role=Role.BUYER,
                policy=policy,
                usage=Usage(),
                created_at=self._local.clock.now(),
            ),
            alias=new_id(Kind.BUYER_ALIAS),
            wallet_address=key.address,
            e2e_public_key=None,
            label=label,
            delegate=delegate,
            funding=Funding.GRANT,
            key_hash=bytes.fromhex(name[2:]),
        )

    def is_dead(self, record: SessionRecord) -> bool:
        """Whether it was revoked, or its time is over."""
        return status(record.session, self._local.clock.now(), record.ancestors) in DEAD

    async def predecessor(self, record: SessionRecord) -> SessionRecord | None:
        """The session whose place this one took last; None for a new one."""
        session = record.session
        query = SessionQuery(session.owner_id, parent_id=session.id, limit=PLACES_MAX)
        for one in (await self._local.store.sessions(query))[0]:
            if one.session.successor_id == session.id:
                return one
        return None


def normal_hash(key_hash: KeyHash) -> str:
    """A hash as it is written here. Raises InvalidInput."""
    digits = key_hash.hex() if isinstance(key_hash, (bytes, bytearray)) else key_hash
    if isinstance(digits, str):
        digits = digits.removeprefix("0x").lower()
        if len(digits) == 2 * KEY_HASH_BYTES and all(one in "0123456789abcdef" for one in digits):
            return "0x" + digits
    raise InvalidInput("a session is named by its key's hash: 0x and 64 hex digits", field="key_hash")


def id_of(key_hash: KeyHash) -> str:
    """The id of the session of a key: it comes from the hash, so it is the same in every file."""
    return make_id(Kind.SESSION, normal_hash(key_hash)[2:42])


def hash_in(record: SessionRecord) -> str:
    """What the session of a record is called."""
    assert record.key_hash is not None, "a manager's sessions have keys"
    return "0x" + record.key_hash.hex()

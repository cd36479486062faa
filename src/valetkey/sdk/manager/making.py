"""Sessions and their keys: made, found, listed, restored.

Keys are kept before anything names them, and the session is kept before its owner signs for it. So whatever ends a
process, what is there is either no session, or one that the next call finishes.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.grant import NOTHING, granted
from valetkey.core.ids import Kind, make_id
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Role, Session, Status, Usage, status
from valetkey.crypto.credentials import credential_hash, new_id, new_session_token
from valetkey.crypto.keys import PrivateKey, session_key_hash
from valetkey.engine.granting import signed_by
from valetkey.ports.accounts import Answer, Funding, SessionQuery, SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.ports.keystore import DamagedRecord
from valetkey.ports.ledger import Idempotency
from valetkey.sdk.errors import NotFound, refused_error
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.rules import check_chain, fingerprint, policy_of
from valetkey.sdk.manager.standing import written_down
from valetkey.sdk.session_config import SessionConfig
from valetkey.wire import grant_calls
from valetkey.wire.grants import grant_hash, grant_id, payees_of
from valetkey.wire.http import encode

KEY_HASH_BYTES = 32
CREATED = 201
PLACES_MAX = 200
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


class Sessions:
    """The sessions of one owner in one file."""

    def __init__(self, local: Local) -> None:
        self._local = local

    async def create(self, config: SessionConfig) -> SessionRecord:
        """A session with its grant signed. The same idempotency key and config answer the same, and finish it."""
        local = self._local
        check_chain(config.chain, local.chain)
        idempotency = None
        if config.idempotency_key is not None:
            scope = f"manager create {local.owner_id}"
            idempotency = Idempotency(scope, config.idempotency_key, fingerprint(config, local.asset))
        record = await self._known(idempotency)
        if record is None:
            record = await self._made(config, idempotency)
        await self.ensure_grant(record)
        return record

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

    async def restore(self, key_hash: KeyHash) -> SessionRecord:
        """A session as file and chain have it; one that lives has its key and its grant. Raises DamagedRecord."""
        record = await self.record(key_hash)
        signed = await self.grant(record)
        if signed is not None:
            record = await written_down(self._local, record, signed)
        if not self._is_dead(record):
            self.key(record)
            await self.ensure_grant(record)
        return record

    async def grant(self, record: SessionRecord) -> SignedGrant | None:
        """The grant that a session was given last under the manager's contract."""
        local = self._local
        found = await local.store.grant_of_session(record.session.id, local.chain.chain_id)
        return found if found is not None and found.contract == local.contract else None

    async def ensure_grant(self, record: SessionRecord) -> SignedGrant | None:
        """The session's grant, signed now when there is none; None for a session that has ended.

        One that took the place of another session takes over what was spent from that one's grant.
        """
        found = await self.grant(record)
        if found is not None or self._is_dead(record):
            return found
        local = self._local
        await local.check_chain()
        answer = await local.reader.view(grant_calls.standings(local.contract, local.owner))
        policy = record.session.policy
        assert record.wallet_address is not None
        predecessor = await self._predecessor(record)
        if predecessor == NOTHING and policy.budget is not None:
            # What was spent before counts on chain, too.
            policy = replace(policy, budget=max(policy.budget - record.session.usage.committed, 0))
        grant = granted(
            policy,
            local.asset,
            owner=local.owner,
            key=record.wallet_address,
            escrow="0x" + "0" * 40,
            payees=payees_of(policy.allowed_payees),
            epoch=grant_calls.number(answer) >> 1,
            salt=secrets.token_bytes(32),
            predecessor=predecessor,
        )
        signature, revocation = signed_by(local.signer, local.domain, grant)
        kept = await local.store.add_grant(
            SignedGrant(
                id=grant_id(grant.owner, grant_hash(grant)),
                chain_id=local.chain.chain_id,
                contract=local.contract,
                session_id=record.session.id,
                owner_id=local.owner_id,
                grant=grant,
                signature=signature,
                revocation=revocation,
                made_at=local.clock.now(),
            ),
            BY_OWNER,
        )
        if isinstance(kept, Refused):
            # Another process signed one meanwhile, or ended the session.
            raced = await self.grant(record)
            if raced is None:
                raise refused_error(kept)
            return raced
        return kept

    def check_not_revoked(self, record: SessionRecord) -> None:
        """Raise SessionRevoked for a session that was taken back, whatever else it is."""
        if status(record.session, self._local.clock.now(), record.ancestors) is Status.REVOKED:
            raise refused_error(refuse(*_STOPPED[Status.REVOKED]))

    def check_living(self, record: SessionRecord) -> None:
        """Raise SessionRevoked, SessionExpired, SessionPaused or SessionPending for one that may do nothing now."""
        reason = _STOPPED.get(status(record.session, self._local.clock.now(), record.ancestors))
        if reason is not None:
            raise refused_error(refuse(*reason))

    def key(self, record: SessionRecord) -> PrivateKey:
        """A session's key. Raises DamagedRecord, also for one that is not there: nothing can be signed then."""
        name = hash_in(record)
        kept = self._local.keystore.get(name)
        if kept is None:
            raise DamagedRecord(f"the key of session {record.session.id} is not in the keystore")
        try:
            key = PrivateKey(bytes(kept))
        finally:
            kept[:] = bytes(len(kept))
        if "0x" + session_key_hash(key.public_key).hex() != name:
            raise DamagedRecord(f"what the keystore has for session {record.session.id} is another key")
        return key

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
        self, key: PrivateKey, record: SessionRecord, answer: Answer | None = None
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
        self, key: PrivateKey, naming: Callable[[], Awaitable[SessionRecord | Refused]]
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
        self, key: PrivateKey, policy: Policy, label: str | None, delegate: str | None
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

    async def _made(self, config: SessionConfig, idempotency: Idempotency | None) -> SessionRecord:
        local = self._local
        policy = policy_of(config, local.chain, local.asset, local.lifetimes, local.clock.now())
        _check_grantable(policy)
        await local.ensure_owner()
        key = PrivateKey.generate()
        record = self.new_record(key, policy, config.label, config.delegate or config.role)
        answer = None
        if idempotency is not None:
            answer = Answer(idempotency, CREATED, encode({"keyHash": hash_of(key)}))
        try:
            return await self.add(key, replace(record, sole=config.sole_label), answer)
        except Contradiction:
            # Another process made it with this key meanwhile.
            found = await self._known(idempotency)
            if found is None:
                raise
            return found

    async def _known(self, idempotency: Idempotency | None) -> SessionRecord | None:
        """What an idempotency key made before, whenever that was."""
        answered = None if idempotency is None else await self._local.store.answered(idempotency)
        if answered is None:
            return None
        if isinstance(answered, Refused):
            raise refused_error(answered)
        return await self.record(msgspec.json.decode(answered.body)["keyHash"])

    async def _predecessor(self, record: SessionRecord) -> bytes:
        """The struct hash of the grant of the session whose place this one took; NOTHING for a new one."""
        session = record.session
        query = SessionQuery(session.owner_id, parent_id=session.id, limit=PLACES_MAX)
        for one in (await self._local.store.sessions(query))[0]:
            if one.session.successor_id == session.id:
                before = await self.grant(one)
                if before is not None and before.revoked_at is None:
                    return grant_hash(before.grant)
        return NOTHING

    def _is_dead(self, record: SessionRecord) -> bool:
        return status(record.session, self._local.clock.now(), record.ancestors) in DEAD


def hash_of(key: PrivateKey) -> str:
    """What a session is called: 0x and 64 hex digits."""
    return "0x" + session_key_hash(key.public_key).hex()


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


def _check_grantable(policy: Policy) -> None:
    if policy.budget is None:
        raise InvalidInput(
            "a manager's session has a spending_limit: the chain enforces it", field="spending_limit"
        )

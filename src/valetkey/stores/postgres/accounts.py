"""Agents and their credentials (hashes only)."""

import unicodedata

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer, KeyRecord, SessionRecord
from valetkey.ports.ledger import Idempotency
from valetkey.stores.book.placing import MISMATCH
from valetkey.stores.postgres.database import Place
from valetkey.stores.postgres.keys import PostgresKeys
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.postgres.sessions import record_of_token
from valetkey.stores.postgres.words import match, vector
from valetkey.stores.rows import AGENT, KEY, agent_of, key_of

SEEN_SECONDS = 60
"""How coarse `seen` is."""

FORGOTTEN_MAX = 200
"""How many stale one-time values are forgotten whenever a new one is used."""

_AGENTS = f"SELECT {AGENT} FROM agents a"  # noqa: S608 - constants of ours
_KEY_RECORD = (
    f"SELECT {AGENT}, {KEY} FROM credentials c JOIN api_keys k ON k.owner_id = c.owner_id AND k.id = c.key_id"  # noqa: S608
    " JOIN agents a ON a.id = c.owner_id WHERE c.hash = $1"
)
AGENT_COLUMNS = AGENT.count(",") + 1
_ADD_AGENT = (
    "INSERT INTO agents (id, developer_id, name, description, words, wallet_address, public_key, created_at,"
    " last_seen_at) VALUES ($1, $2, $3, $4, $5::text::tsvector, $6, $7, $8, $9)"
)
_TAKE = "INSERT INTO taken (key, kind, agent_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1"
_FORGET = (
    "DELETE FROM used_once WHERE key IN (SELECT key FROM used_once WHERE expires_at <= $1 LIMIT $2"
    " FOR UPDATE SKIP LOCKED)"
)
_FOUND = (
    " WHERE ($1::text IS NULL OR a.words @@ $1::text::tsquery) AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM"
    " services v WHERE v.agent_id = a.id AND v.category = $2 AND v.status = 'active'))"
)


class PostgresAccounts(PostgresKeys):
    """The account store on PostgreSQL, but for sessions."""

    async def add_agent(self, agent: Agent, api_key_hash: bytes, key: ApiKey) -> bool:
        """See ports/accounts.py; False as well when an agent has the wallet."""
        try:
            added = await self._database.again(lambda: self._add(agent))
        except _Taken:
            return False
        if added:
            # Apart, under the lock of the owner's own chain: who registers again after a crash in between gets a key.
            refused = await self.add_api_key(key, api_key_hash)
            assert refused is None, "a new agent has room for a key"
        return added

    async def agent(self, agent_id: str) -> Agent | None:
        """An agent by its id."""
        found = await self._database.row(f"{_AGENTS} WHERE a.id = $1", agent_id)
        return agent_of(found) if found else None

    async def agent_of_wallet(self, wallet_address: str) -> Agent | None:
        """The agent of a wallet, in whatever case its address is written."""
        sql = f"{_AGENTS} WHERE a.id = (SELECT agent_id FROM taken WHERE kind = 'wallet' AND key = $1)"  # noqa: S608
        found = await self._database.row(sql, wallet_address.lower())
        return agent_of(found) if found else None

    async def agents(
        self, text: str, category: str | None, limit: int, offset: int
    ) -> tuple[list[Agent], int]:
        """A page of agents, newest first, by words of name and description and by what they have on offer."""
        query = match(text)
        count = await self._database.row(f"SELECT count(*) FROM agents a{_FOUND}", query, category)  # noqa: S608
        assert count is not None
        order = "ORDER BY a.created_at DESC, a.seq DESC LIMIT $3 OFFSET $4"
        found = await self._database.rows(f"{_AGENTS}{_FOUND} {order}", query, category, limit, offset)
        return [agent_of(one) for one in found], count[0]

    async def authenticate(self, credential_hash: bytes) -> KeyRecord | SessionRecord | None:
        """See ports/accounts.py."""
        record = await record_of_token(self._database, credential_hash)
        if record is not None:
            session = record.session
            self._database.know(session.id, Place(session.owner_id, session.tree, session.id))
            return record
        found = await self._database.row(_KEY_RECORD, credential_hash)
        if found is None:
            return None
        return KeyRecord(agent_of(found[:AGENT_COLUMNS]), key_of(found[AGENT_COLUMNS:]))

    async def seen(self, agent_id: str) -> None:
        """See ports/accounts.py."""
        now = self._database.clock.now()
        sql = "UPDATE agents SET last_seen_at = $1 WHERE id = $2 AND last_seen_at <= $3"
        await self._database.rows(sql, now, agent_id, now - SEEN_SECONDS)

    async def keep_recovery(self, session_id: str, recovery: bytes) -> bool:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        place = await self._database.session_place(session_id)
        keep = "UPDATE sessions SET recovery = $3 WHERE owner_id = $1 AND id = $2 AND recovery IS NULL"
        await self._database.rows(keep, place.owner_id, session_id, recovery)
        kept = "SELECT recovery FROM sessions WHERE owner_id = $1 AND id = $2"
        found = await self._database.row(kept, place.owner_id, session_id)
        return found is not None and found[0] == recovery

    async def set_webhook_secret(self, agent_id: str, sealed: bytes) -> None:
        """Keep an agent's sealed webhook secret instead of the one before."""
        await self._database.rows("UPDATE agents SET webhook_secret = $1 WHERE id = $2", sealed, agent_id)

    async def sealed_webhook_secrets(self, after: str, limit: int) -> list[tuple[str, bytes]]:
        """See ports/accounts.py."""
        sql = "SELECT id, webhook_secret FROM agents WHERE id > $1 AND webhook_secret IS NOT NULL ORDER BY id LIMIT $2"
        return [(one[0], one[1]) for one in await self._database.rows(sql, after, limit)]

    async def reseal_webhook_secret(self, agent_id: str, before: bytes, sealed: bytes) -> bool:
        """See ports/accounts.py."""
        sql = "UPDATE agents SET webhook_secret = $3 WHERE id = $1 AND webhook_secret = $2 RETURNING 1"
        return bool(await self._database.rows(sql, agent_id, before, sealed))

    async def set_webhook_url(self, agent_id: str, url: str | None) -> None:
        """See ports/accounts.py."""
        await self._database.rows("UPDATE agents SET webhook_url = $1 WHERE id = $2", url, agent_id)

    async def webhook_secret(self, agent_id: str) -> bytes | None:
        """See ports/accounts.py."""
        found = await self._database.row("SELECT webhook_secret FROM agents WHERE id = $1", agent_id)
        return found[0] if found else None

    async def use_once(self, key: bytes, expires_at: int) -> bool:
        """See ports/accounts.py."""
        await self._database.rows(_FORGET, self._database.clock.now(), FORGOTTEN_MAX)
        sql = "INSERT INTO used_once (key, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
        return await self._database.row(sql, key, expires_at) is not None

    async def answered(self, idempotency: Idempotency) -> Answer | Refused | None:
        """See ports/accounts.py."""
        sql = "SELECT fingerprint, status, answer FROM idempotency WHERE scope = $1 AND key = $2"
        found = await self._database.row(sql, idempotency.scope, idempotency.key)
        if found is None:
            return None
        fingerprint, status, body = found
        if fingerprint != idempotency.fingerprint or body is None:
            return MISMATCH
        return Answer(idempotency, status, body)

    async def remember(self, answer: Answer) -> None:
        """See ports/accounts.py."""
        key = answer.idempotency
        sql = (
            "INSERT INTO idempotency (owner_id, scope, key, fingerprint, status, answer)"
            " SELECT $1, $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM idempotency WHERE scope = $1 AND key = $2)"
            " ON CONFLICT DO NOTHING"
        )
        await self._database.rows(sql, key.scope, key.key, key.fingerprint, answer.status, answer.body)

    async def _add(self, agent: Agent) -> bool:
        async with self._database.writing() as connection:
            if not await _is_free(connection, agent):
                return False
            await connection.execute(
                _ADD_AGENT,
                agent.id,
                agent.developer_id,
                agent.name,
                agent.description,
                vector(agent.name, agent.description),
                agent.wallet_address,
                agent.public_key,
                agent.created_at,
                agent.last_seen_at,
            )
            for name in _names(agent):
                if await connection.fetchval(_TAKE, *name, agent.id) is None:
                    # Somebody took it in this moment; what was written is undone.
                    raise _Taken
        return True


class _Taken(Exception):
    """Name or wallet is another agent's."""


def _names(agent: Agent) -> tuple[tuple[str, str], ...]:
    name = unicodedata.normalize("NFKC", agent.name).casefold()
    return (name, "name"), (agent.wallet_address.lower(), "wallet")


async def _is_free(connection: Connection, agent: Agent) -> bool:
    sql = "SELECT 1 FROM taken WHERE key = $1 AND kind = $2"
    return not any([await connection.fetchval(sql, *name) for name in _names(agent)])

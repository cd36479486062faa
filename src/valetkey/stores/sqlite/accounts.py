"""Agents, their credentials (hashes only) and the sessions they made."""

import unicodedata

import apsw

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer, KeyRecord, SessionQuery, SessionRecord
from valetkey.stores.book import keys as key_lives
from valetkey.stores.rows import AGENT, KEY, Value, agent_of, key_of
from valetkey.stores.sqlite.book import SqliteBook, find_record
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.keys import find_key, page_of_keys, use_key
from valetkey.stores.sqlite.session_listing import count_sessions, list_sessions
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.sqlite.text import match, page

SEEN_SECONDS = 60
"""How coarse `seen` and `key_used` are."""

FORGOTTEN_MAX = 200
"""How many stale one-time values are forgotten whenever a new one is used."""

_AGENTS = f"SELECT {AGENT} FROM agents a "  # noqa: S608 - constants of ours
_KEY_RECORD = f"SELECT {AGENT}, {KEY} FROM api_keys k JOIN agents a ON a.id = k.owner_id WHERE k.id = ?"  # noqa: S608
AGENT_COLUMNS = AGENT.count(",") + 1


class SqliteAccounts(Tables):
    """The account store on SQLite."""

    async def add_agent(self, agent: Agent, api_key_hash: bytes, key: ApiKey) -> bool:
        """See ports/accounts.py; False as well when an agent has the wallet."""
        return await self._database.write(lambda db, now: _add_agent(db, now, agent, api_key_hash, key))

    async def add_api_key(
        self,
        key: ApiKey,
        api_key_hash: bytes,
        *,
        revoke_others: bool = False,
        answer: Answer | None = None,
    ) -> Refused | None:
        """See ports/accounts.py."""
        return await self._database.keep(
            lambda book: key_lives.register(
                book, key, api_key_hash, revoke_others=revoke_others, answer=answer
            )
        )

    async def make_key(
        self, key: ApiKey, api_key_hash: bytes, maker_id: str, answer: Answer | None = None
    ) -> Refused | None:
        """See ports/accounts.py."""
        return await self._database.keep(
            lambda book: key_lives.make(book, key, api_key_hash, maker_id, answer)
        )

    async def key(self, owner_id: str, key_id: str) -> ApiKey | None:
        """A key of an owner by its id."""
        return await self._database.read(lambda db: find_key(db, owner_id, key_id))

    async def keys(self, owner_id: str, limit: int, offset: int) -> tuple[list[ApiKey], int]:
        """See ports/accounts.py."""
        return await self._database.read(lambda db: page_of_keys(db, owner_id, limit, offset))

    async def revoke_key(self, owner_id: str, key_id: str, by: str) -> ApiKey:
        """See ports/accounts.py."""
        return await self._database.keep(lambda book: key_lives.revoke(book, owner_id, key_id, by))

    async def key_used(self, owner_id: str, key_id: str) -> None:
        """See ports/accounts.py."""
        await self._database.write(lambda db, now: use_key(db, owner_id, key_id, now, SEEN_SECONDS))

    async def agent(self, agent_id: str) -> Agent | None:
        """An agent by its id."""
        found = await self._database.read(lambda db: row(db, _AGENTS + "WHERE a.id = ?", agent_id))
        return agent_of(found) if found else None

    async def agent_of_wallet(self, wallet_address: str) -> Agent | None:
        """The agent of a wallet, in whatever case its address is written."""
        sql = _AGENTS + "WHERE a.wallet_address = ?"
        found = await self._database.read(lambda db: row(db, sql, wallet_address))
        return agent_of(found) if found else None

    async def agents(
        self, text: str, category: str | None, limit: int, offset: int
    ) -> tuple[list[Agent], int]:
        """A page of agents, newest first, by words of name and description and by what they have on offer."""
        where = ["1"]
        values: dict[str, Value] = {}
        query = match(text)
        if query is not None:
            where.append("a.seq IN (SELECT rowid FROM agents_text WHERE agents_text MATCH :text)")
            values["text"] = query
        if category is not None:
            where.append(
                "EXISTS (SELECT 1 FROM services v WHERE v.agent_id = a.id AND v.category = :category"
                " AND v.status = 'active')"
            )
            values["category"] = category
        found, total = await self._database.read(
            lambda db: page(
                db, _AGENTS, "agents a", where, values, "a.created_at DESC, a.seq DESC", limit, offset
            )
        )
        return [agent_of(one) for one in found], total

    async def authenticate(self, credential_hash: bytes) -> KeyRecord | SessionRecord | None:
        """See ports/accounts.py."""
        return await self._database.glance(lambda db: _authenticate(db, credential_hash))

    async def seen(self, agent_id: str) -> None:
        """See ports/accounts.py."""
        sql = "UPDATE agents SET last_seen_at = ? WHERE id = ? AND last_seen_at <= ?"
        await self._database.write(lambda db, now: run(db, sql, now, agent_id, now - SEEN_SECONDS))

    async def session(self, session_id: str) -> SessionRecord | None:
        """A session by its id."""
        return await self._database.read(lambda db: find_record(db, session_id))

    async def session_of_alias(self, alias: str) -> SessionRecord | None:
        """The session that sellers know by this buyer id."""

        def look(db: apsw.Connection) -> SessionRecord | None:
            found = row(db, "SELECT id FROM sessions WHERE alias = ?", alias)
            return find_record(db, found[0]) if found else None

        return await self._database.read(look)

    async def sessions(self, query: SessionQuery) -> tuple[list[SessionRecord], int]:
        """See ports/accounts.py."""
        now = self._database.clock.now()
        return await self._database.read(lambda db: list_sessions(db, query, now))

    async def session_counts(self, owner_id: str) -> dict[str, int]:
        """See ports/accounts.py."""
        now = self._database.clock.now()
        return await self._database.read(lambda db: count_sessions(db, owner_id, now))

    async def keep_recovery(self, session_id: str, recovery: bytes) -> bool:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""

        def work(db: apsw.Connection, _: int) -> bool:
            record = find_record(db, session_id)
            if record is None:
                raise Contradiction("there is no such session")
            kept = record.recovery
            if kept is None:
                db.execute("UPDATE sessions SET recovery = ? WHERE id = ?", (recovery, session_id))
            return kept in (None, recovery)

        return await self._database.write(work)

    async def set_webhook_secret(self, agent_id: str, sealed: bytes) -> None:
        """Keep an agent's sealed webhook secret instead of the one before."""
        sql = "UPDATE agents SET webhook_secret = ? WHERE id = ?"
        await self._database.write(lambda db, _: run(db, sql, sealed, agent_id))

    async def sealed_webhook_secrets(self, after: str, limit: int) -> list[tuple[str, bytes]]:
        """See ports/accounts.py."""
        sql = "SELECT id, webhook_secret FROM agents WHERE id > ? AND webhook_secret IS NOT NULL ORDER BY id LIMIT ?"
        return await self._database.read(lambda db: rows(db, sql, after, limit))

    async def reseal_webhook_secret(self, agent_id: str, before: bytes, sealed: bytes) -> bool:
        """See ports/accounts.py."""
        sql = "UPDATE agents SET webhook_secret = ? WHERE id = ? AND webhook_secret = ? RETURNING 1"
        return await self._database.write(lambda db, _: row(db, sql, sealed, agent_id, before) is not None)

    async def set_webhook_url(self, agent_id: str, url: str | None) -> None:
        """See ports/accounts.py."""
        sql = "UPDATE agents SET webhook_url = ? WHERE id = ?"
        await self._database.write(lambda db, _: run(db, sql, url, agent_id))

    async def webhook_secret(self, agent_id: str) -> bytes | None:
        """See ports/accounts.py."""
        sql = "SELECT webhook_secret FROM agents WHERE id = ?"
        found = await self._database.read(lambda db: row(db, sql, agent_id))
        return found[0] if found else None

    async def use_once(self, key: bytes, expires_at: int) -> bool:
        """See ports/accounts.py."""
        return await self._database.write(lambda db, now: _use_once(db, now, key, expires_at))


def _add_agent(db: apsw.Connection, now: int, agent: Agent, api_key_hash: bytes, key: ApiKey) -> bool:
    name_key = unicodedata.normalize("NFKC", agent.name).casefold()
    taken = "SELECT 1 FROM agents WHERE name_key = ? OR wallet_address = ?"
    if rows(db, taken, name_key, agent.wallet_address):
        return False
    db.execute(
        "INSERT INTO agents (id, developer_id, name, name_key, description, wallet_address, public_key, created_at,"
        " last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            agent.id,
            agent.developer_id,
            agent.name,
            name_key,
            agent.description,
            agent.wallet_address,
            agent.public_key,
            agent.created_at,
            agent.last_seen_at,
        ),
    )
    book = SqliteBook(db, now)
    key_lives.register(book, key, api_key_hash)
    book.flush()
    return True


def _authenticate(db: apsw.Connection, credential_hash: bytes) -> KeyRecord | SessionRecord | None:
    known = row(db, "SELECT key_id, session_id FROM credentials WHERE hash = ?", credential_hash)
    if known is None:
        return None
    key_id, session_id = known
    if session_id is not None:
        return find_record(db, session_id)
    found = row(db, _KEY_RECORD, key_id)
    return KeyRecord(agent_of(found[:AGENT_COLUMNS]), key_of(found[AGENT_COLUMNS:])) if found else None


def _use_once(db: apsw.Connection, now: int, key: bytes, expires_at: int) -> bool:
    db.execute(
        "DELETE FROM used_once WHERE key IN (SELECT key FROM used_once WHERE expires_at <= ? LIMIT ?)",
        (now, FORGOTTEN_MAX),
    )
    if rows(db, "SELECT 1 FROM used_once WHERE key = ?", key):
        return False
    db.execute("INSERT INTO used_once (key, expires_at) VALUES (?, ?)", (key, expires_at))
    return True

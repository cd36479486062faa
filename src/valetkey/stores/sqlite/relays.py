"""What the relayer sends. One writer gives nonces and looks at limits, so neither is given twice."""

import apsw

from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.relays import DAY_SECONDS, Relay, RelayLimits, RelayState
from valetkey.stores.grant_rows import RELAY, check_end, over, relay_of, relay_values, wei_of
from valetkey.stores.rows import Row
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows, run

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {RELAY} FROM relays WHERE id = ?"  # noqa: S608
_OF_PURPOSE = (
    f"SELECT {RELAY} FROM relays WHERE chain_id = ? AND sender = ? AND purpose = ?"  # noqa: S608
    " ORDER BY seq DESC LIMIT 1"
)
_OPEN = (
    f"SELECT {RELAY} FROM relays WHERE chain_id = ? AND sender = ? AND state IN ('queued', 'signed')"  # noqa: S608
    " ORDER BY nonce IS NULL, nonce, seq LIMIT ?"
)
_ADD = f"INSERT INTO relays ({RELAY}) VALUES ({', '.join('?' * 21)})"  # noqa: S608
_NONCES = "chain_id = ? AND sender = ? AND nonce >= ? AND nonce < ?"
_OF_NONCES = f"SELECT {RELAY} FROM relays WHERE {_NONCES} ORDER BY nonce"  # noqa: S608
_REOPEN = f"UPDATE relays SET state = 'signed', block = NULL, cost = NULL WHERE {_NONCES} AND state = 'done'"  # noqa: S608
# What is open may still take its money, whenever it was wanted.
_WEI = (
    "SELECT state, cost, cost_max, owner_id FROM relays WHERE chain_id = :chain AND sender = :sender"
    " AND made_at > :since UNION ALL SELECT state, cost, cost_max, owner_id FROM relays WHERE chain_id = :chain"
    " AND sender = :sender AND made_at <= :since AND state IN ('queued', 'signed')"
)


class SqliteRelays(Tables):
    """The store of the relayer's queue on SQLite."""

    async def queue_relay(self, relay: Relay, limits: RelayLimits) -> Relay | Refused:
        """See ports/relays.py."""

        def work(db: apsw.Connection, now: int) -> Relay | Refused:
            found = row(db, _OF_PURPOSE, relay.chain_id, relay.sender, relay.purpose)
            known = relay_of(found) if found else None
            if known is not None and (known.is_open or known.state is RelayState.DONE):
                return known
            refused = over(relay, limits, _spent(db, relay.chain_id, relay.sender, now))
            if refused is not None:
                return refused
            run(db, _ADD, *relay_values(relay))
            return relay

        return await self._database.write(work)

    async def relay(self, relay_id: str) -> Relay | None:
        """A relay by its id."""
        found = await self._database.read(lambda db: row(db, _ONE, relay_id))
        return relay_of(found) if found else None

    async def relay_of_purpose(self, chain_id: int, sender: str, purpose: str) -> Relay | None:
        """See ports/relays.py."""
        found = await self._database.read(lambda db: row(db, _OF_PURPOSE, chain_id, sender, purpose))
        return relay_of(found) if found else None

    async def open_relays(self, chain_id: int, sender: str, limit: int) -> list[Relay]:
        """See ports/relays.py."""
        found = await self._database.read(lambda db: rows(db, _OPEN, chain_id, sender, limit))
        return [relay_of(one) for one in found]

    async def give_nonce(self, relay_id: str, at_least: int) -> Relay:
        """See ports/relays.py."""

        def work(db: apsw.Connection, _: int) -> Relay:
            relay = _need(db, relay_id)
            if relay.nonce is not None or not relay.is_open:
                return relay
            known = row(
                db,
                "SELECT next_nonce FROM relayers WHERE chain_id = ? AND sender = ?",
                relay.chain_id,
                relay.sender,
            )
            nonce = max(at_least, known[0] if known else 0)
            sql = (
                "INSERT INTO relayers VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET next_nonce = excluded.next_nonce"
            )
            run(db, sql, relay.chain_id, relay.sender, nonce + 1)
            run(db, "UPDATE relays SET nonce = ? WHERE id = ?", nonce, relay_id)
            return _need(db, relay_id)

        return await self._database.write(work)

    async def sign_relay(self, relay_id: str, known: int, raw: bytes, tx_hash: str, cost_max: int) -> Relay:
        """See ports/relays.py."""

        def work(db: apsw.Connection, now: int) -> Relay:
            relay = _need(db, relay_id)
            if not relay.is_open or relay.nonce is None or len(relay.hashes) != known:
                return relay
            sql = "UPDATE relays SET state = 'signed', raw = ?, hashes = ?, cost_max = ?, signed_at = ? WHERE id = ?"
            run(db, sql, raw, " ".join((*relay.hashes, tx_hash)), str(cost_max), now, relay_id)
            return _need(db, relay_id)

        return await self._database.write(work)

    async def end_relay(
        self,
        relay_id: str,
        state: RelayState,
        *,
        block: int | None = None,
        cost: int = 0,
        reason: str | None = None,
    ) -> Relay:
        """See ports/relays.py."""
        check_end(state)

        def work(db: apsw.Connection, _: int) -> Relay:
            relay = _need(db, relay_id)
            if not relay.is_open or (state is RelayState.DROPPED and relay.nonce is not None):
                return relay
            sql = "UPDATE relays SET state = ?, block = ?, cost = ?, reason = ? WHERE id = ?"
            run(db, sql, str(state), block, str(cost), reason, relay_id)
            return _need(db, relay_id)

        return await self._database.write(work)

    async def reopen_relays(self, chain_id: int, sender: str, first: int, end: int) -> list[Relay]:
        """See ports/relays.py."""

        def work(db: apsw.Connection, _: int) -> list[Relay]:
            run(db, _REOPEN, chain_id, sender, first, end)
            return [relay_of(one) for one in rows(db, _OF_NONCES, chain_id, sender, first, end)]

        return await self._database.write(work)

    async def relayed_wei(self, chain_id: int, sender: str, owner_id: str | None = None) -> int:
        """See ports/relays.py."""
        now = self._database.clock.now()
        return wei_of(await self._database.read(lambda db: _spent(db, chain_id, sender, now)), owner_id)


def _spent(db: apsw.Connection, chain_id: int, sender: str, now: int) -> list[Row]:
    values = {"chain": chain_id, "sender": sender, "since": now - DAY_SECONDS}
    return db.execute(_WEI, values).fetchall()


def _need(db: apsw.Connection, relay_id: str) -> Relay:
    found = row(db, _ONE, relay_id)
    if found is None:
        raise Contradiction("there is no such relay")
    return relay_of(found)

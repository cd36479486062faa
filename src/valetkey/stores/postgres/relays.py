"""What the relayer sends. Nonces and limits are decided under the lock of the sender's row."""

from collections.abc import Awaitable, Callable
from typing import Any

from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.relays import DAY_SECONDS, Relay, RelayLimits, RelayState
from valetkey.stores.grant_rows import RELAY, check_end, over, relay_of, relay_values, wei_of
from valetkey.stores.postgres.database import T, Tables
from valetkey.stores.postgres.schema import Connection

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {RELAY} FROM relays WHERE id = $1"  # noqa: S608
_OF_PURPOSE = (
    f"SELECT {RELAY} FROM relays WHERE chain_id = $1 AND sender = $2 AND purpose = $3"  # noqa: S608
    " ORDER BY seq DESC LIMIT 1"
)
_OPEN = (
    f"SELECT {RELAY} FROM relays WHERE chain_id = $1 AND sender = $2 AND state IN ('queued', 'signed')"  # noqa: S608
    " ORDER BY nonce IS NULL, nonce, seq LIMIT $3"
)
_ADD = f"INSERT INTO relays ({RELAY}) VALUES ({', '.join(f'${n}' for n in range(1, 22))})"  # noqa: S608
_NONCES = "chain_id = $1 AND sender = $2 AND nonce >= $3 AND nonce < $4"
_OF_NONCES = f"SELECT {RELAY} FROM relays WHERE {_NONCES} ORDER BY nonce"  # noqa: S608
_REOPEN = f"UPDATE relays SET state = 'signed', block = NULL, cost = NULL WHERE {_NONCES} AND state = 'done'"  # noqa: S608
# What is open may still take its money, whenever it was wanted.
_WEI = (
    "SELECT state, cost, cost_max, owner_id FROM relays WHERE chain_id = $1 AND sender = $2 AND made_at > $3"
    " UNION ALL SELECT state, cost, cost_max, owner_id FROM relays WHERE chain_id = $1 AND sender = $2"
    " AND made_at <= $3 AND state IN ('queued', 'signed')"
)
_SENDER = "INSERT INTO relayers VALUES ($1, $2, 0) ON CONFLICT DO NOTHING"
_LOCK = "SELECT next_nonce FROM relayers WHERE chain_id = $1 AND sender = $2 FOR UPDATE"


class PostgresRelays(Tables):
    """The store of the relayer's queue on PostgreSQL."""

    async def queue_relay(self, relay: Relay, limits: RelayLimits) -> Relay | Refused:
        """See ports/relays.py."""

        async def work(connection: Connection) -> Relay | Refused:
            await _lock(connection, relay.chain_id, relay.sender)
            found = await connection.fetchrow(_OF_PURPOSE, relay.chain_id, relay.sender, relay.purpose)
            known = relay_of(tuple(found)) if found else None
            if known is not None and (known.is_open or known.state is RelayState.DONE):
                return known
            spent = await connection.fetch(_WEI, relay.chain_id, relay.sender, self._day_ago())
            refused = over(relay, limits, [tuple(one) for one in spent])
            if refused is None:
                await connection.execute(_ADD, *relay_values(relay))
            return refused or relay

        return await self._write_relays(work)

    async def relay(self, relay_id: str) -> Relay | None:
        """A relay by its id."""
        found = await self._database.row(_ONE, relay_id)
        return relay_of(found) if found else None

    async def relay_of_purpose(self, chain_id: int, sender: str, purpose: str) -> Relay | None:
        """See ports/relays.py."""
        found = await self._database.row(_OF_PURPOSE, chain_id, sender, purpose)
        return relay_of(found) if found else None

    async def open_relays(self, chain_id: int, sender: str, limit: int) -> list[Relay]:
        """See ports/relays.py."""
        return [relay_of(one) for one in await self._database.rows(_OPEN, chain_id, sender, limit)]

    async def give_nonce(self, relay_id: str, at_least: int) -> Relay:
        """See ports/relays.py."""

        async def work(connection: Connection, relay: Relay, next_nonce: int) -> None:
            if relay.nonce is not None or not relay.is_open:
                return
            nonce = max(at_least, next_nonce)
            sql = "UPDATE relayers SET next_nonce = $3 WHERE chain_id = $1 AND sender = $2"
            await connection.execute(sql, relay.chain_id, relay.sender, nonce + 1)
            await connection.execute("UPDATE relays SET nonce = $1 WHERE id = $2", nonce, relay_id)

        return await self._move_relay(relay_id, work)

    async def sign_relay(self, relay_id: str, known: int, raw: bytes, tx_hash: str, cost_max: int) -> Relay:
        """See ports/relays.py."""
        now = self._database.clock.now()

        async def work(connection: Connection, relay: Relay, _: int) -> None:
            if not relay.is_open or relay.nonce is None or len(relay.hashes) != known:
                return
            sql = (
                "UPDATE relays SET state = 'signed', raw = $1, hashes = $2, cost_max = $3, signed_at = $4"
                " WHERE id = $5"
            )
            hashes = " ".join((*relay.hashes, tx_hash))
            await connection.execute(sql, raw, hashes, str(cost_max), now, relay_id)

        return await self._move_relay(relay_id, work)

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

        async def work(connection: Connection, relay: Relay, _: int) -> None:
            if not relay.is_open or (state is RelayState.DROPPED and relay.nonce is not None):
                return
            sql = "UPDATE relays SET state = $1, block = $2, cost = $3, reason = $4 WHERE id = $5"
            await connection.execute(sql, str(state), block, str(cost), reason, relay_id)

        return await self._move_relay(relay_id, work)

    async def reopen_relays(self, chain_id: int, sender: str, first: int, end: int) -> list[Relay]:
        """See ports/relays.py."""

        async def work(connection: Connection) -> list[Relay]:
            await _lock(connection, chain_id, sender)
            await connection.execute(_REOPEN, chain_id, sender, first, end)
            return [
                relay_of(tuple(one))
                for one in await connection.fetch(_OF_NONCES, chain_id, sender, first, end)
            ]

        return await self._write_relays(work)

    async def relayed_wei(self, chain_id: int, sender: str, owner_id: str | None = None) -> int:
        """See ports/relays.py."""
        return wei_of(await self._database.rows(_WEI, chain_id, sender, self._day_ago()), owner_id)

    def _day_ago(self) -> int:
        return self._database.clock.now() - DAY_SECONDS

    async def _move_relay(
        self, relay_id: str, work: Callable[[Connection, Relay, int], Awaitable[None]]
    ) -> Relay:
        known = await self.relay(relay_id)
        if known is None:
            raise Contradiction("there is no such relay")

        async def changed(connection: Connection) -> Relay:
            next_nonce = await _lock(connection, known.chain_id, known.sender)
            await work(connection, relay_of(tuple(await connection.fetchrow(_ONE, relay_id))), next_nonce)
            return relay_of(tuple(await connection.fetchrow(_ONE, relay_id)))

        return await self._write_relays(changed)

    async def _write_relays(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def whole() -> T:
            async with self._database.writing() as connection:
                return await work(connection)

        return await self._database.again(whole)


async def _lock(connection: Connection, chain_id: int, sender: str) -> int:
    """Nobody else decides about this sender until the transaction ends; its next nonce."""
    await connection.execute(_SENDER, chain_id, sender)
    found: Any = await connection.fetchval(_LOCK, chain_id, sender)
    return int(found)
